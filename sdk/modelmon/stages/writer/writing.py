"""Reports become durable: series first, then the ledger in one transaction. All of it may be repeated."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from sqlalchemy import Connection

from modelmon.export.export_settings import ExportSettings
from modelmon.ledger import answers, dead_letters, endpoints, outbox
from modelmon.ledger.endpoint_apps import count_again
from modelmon.ledger.exporting import note_judged
from modelmon.ledger.facts import incident_fact
from modelmon.ledger.incidents import Told
from modelmon.model import WindowKey
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.writer.incoming import Reading, registered_only
from modelmon.stores.series.base import SeriesStore


def write(
    database: Database,
    series: SeriesStore,
    reading: Reading,
    now_us: int,
    settings: Settings,
) -> list[Told]:
    """Write what was read; returns what there is to tell of incidents, which the outbox has then.

    Whoever reads the series asks the ledger which revision of a window counts: what is written here of a
    lower one, or by a writer that slept and was replaced, is never shown. Raises UnavailableError; then some
    of it may be written, and all of it is written again.
    """
    with database.read() as connection:
        reading = _registered_only(connection, reading, now_us)
    series.write_values([value for report in reading.reports for value in report.values])
    series.write_features([report.window_features for report in reading.reports if report.features])
    with database.write() as connection:
        reading = _registered_only(connection, reading, now_us)  # who is forgotten now waits for us
        dead_letters.keep(connection, reading.letters, dead_letters.Limits.of(settings))
        in_order = sorted(reading.reports, key=attrgetter("key"))  # as others do who lock several windows
        attempts = settings.app_attempts
        told = [each for report in in_order for each in answers.apply(connection, report, now_us, attempts)]
        count_again(connection, {report.key for report in reading.reports}, settings.app_min_rows)
        outbox.write(connection, [incident_fact(settings, each) for each in told], now_us)
        if settings.of(ExportSettings).has_collector:
            note_judged(connection, _judged(reading))
    return told


def _judged(reading: Reading) -> Iterable[tuple[WindowKey, int]]:
    return ((report.key, report.revision) for report in reading.reports if report.values)


def _registered_only(connection: Connection, reading: Reading, now_us: int) -> Reading:
    wanted = {report.key.endpoint_id for report in reading.reports}
    return registered_only(reading, endpoints.hold(connection, wanted), now_us)
