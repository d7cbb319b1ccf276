"""Reports become durable: series first, then the ledger in one transaction. All of it may be repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelmon.ledger import answers
from modelmon.ledger.answers import Raised
from modelmon.ledger.endpoint_apps import count_again
from modelmon.ledger.reports import Report
from modelmon.ledger.window_keys import WindowKey
from modelmon.ledger.window_ledger import read_revisions
from modelmon.model import ValuePoint
from modelmon.sql.database import Database
from modelmon.stages.writer.reading import Reading
from modelmon.stores.base import SeriesStore


def write(
    database: Database, series: SeriesStore, reading: Reading, now_us: int, attempts: int, min_rows: int
) -> list[Raised]:
    """Write what was read; returns the alerts that were not there before. An app may try a window `attempts`
    times; below `min_rows` its verdict stands on too few.

    Raises UnavailableError; then some of it may be written, and all of it is written again.
    """
    with database.read() as connection:
        answered = read_revisions(connection, {report.key for report in reading.reports}, "answered")
    reports = _not_replaced(reading.reports, answered)
    _write_values(series, reports, answered)
    with database.write() as connection:
        answers.set_aside(connection, reading.letters)
        raised = [each for report in reports for each in answers.apply(connection, report, now_us, attempts)]
        keys = {report.key for report in reports}
        count_again(connection, keys, min_rows)
        answered = read_revisions(connection, keys, "answered")
    for report in reports:
        # We slept, and whoever took over has gone past us: what we wrote late is of no revision that counts.
        if report.revision < answered.get(report.key, 0):
            series.delete_values(*report.key, below_revision=answered[report.key])
    return raised


def _not_replaced(reports: Sequence[Report], answered: Mapping[WindowKey, int]) -> list[Report]:
    """Without reports on revisions lower than what was answered, in the ledger or before them here."""
    newest = dict(answered)
    kept = []
    for report in reports:
        if report.revision < newest.get(report.key, 0):
            continue
        kept.append(report)
        if report.answer is not None:
            newest[report.key] = report.revision
    return kept


def _write_values(series: SeriesStore, reports: Sequence[Report], answered: Mapping[WindowKey, int]) -> None:
    newest: dict[tuple[WindowKey, str], ValuePoint] = {}
    for report in reports:
        for value in report.values:
            known = newest.get((report.key, value.name))
            if known is None or known.revision <= value.revision:
                newest[report.key, value.name] = value
    series.write_values(list(newest.values()))
    for report in reports:
        if report.answer is not None and report.revision > 1 and answered.get(report.key) != report.revision:
            series.delete_values(*report.key, below_revision=report.revision)
