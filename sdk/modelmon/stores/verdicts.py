"""The ledger of the answers: what apps reported of each window, what an endpoint is shown with, alerts.

Written by the writer. Everything may be applied again, in any order of revisions: a report on a lower
revision than the one answered changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, delete, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from modelmon.alerts import Alert
from modelmon.model import DeadLetter, to_us
from modelmon.stores.alerts import settle_alerts
from modelmon.stores.reports import DONE, Answer, Report
from modelmon.stores.schema import app_stats, dead_letters, verdicts, windows
from modelmon.stores.sql import insert_missing, upsert
from modelmon.stores.windows import WindowKey
from modelmon.windows import has_tries_left


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that was not there before."""

    report: Report
    alert: Alert


def apply(connection: Connection, report: Report, now_us: int, attempts: int) -> list[Raised]:
    """Record a report: the answer, what the endpoint is shown with, alerts; returns the new alerts.

    `attempts` is how often an app may try a window before it counts as failed.
    """
    window = connection.execute(select(windows).where(_is_window(windows, report.key))).one_or_none()
    if window is not None and report.revision < window.answered:
        return []
    newest = not _is_followed(connection, report.key)
    if newest:
        _show(connection, report)
    _drop_replaced(connection, report)
    if report.answer is not None:
        _answer(connection, report, report.answer)
    final = _is_final(window, report, attempts)
    raised = settle_alerts(connection, report, final=final, newest=newest, now_us=now_us)
    return [Raised(report, alert) for alert in raised]


def set_aside(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Keep messages that could not be read; those that are kept already stay as they are."""
    rows = [
        {
            "stream_id": each.stream_id, "partition": each.partition, "offset": each.offset,
            "item": each.item, "stream": each.stream, "endpoint_id": each.endpoint_id,
            "field": each.field, "reason": each.reason, "body": each.body,
            "created_us": to_us(each.created), "resent_us": None,
        }
        for each in letters
    ]  # fmt: skip
    insert_missing(connection, dead_letters, rows)


def _answer(connection: Connection, report: Report, answer: Answer) -> None:
    connection.execute(
        update(windows)
        .where(_is_window(windows, report.key), windows.c.answered <= report.revision)
        .values(
            answered=report.revision,
            outcome=answer.outcome,
            error=answer.error,
            envelopes=answer.envelopes,
            rows=answer.rows,
        )
    )


# --- what an endpoint is shown with ---------------------------------------------------------------------


def _is_followed(connection: Connection, key: WindowKey) -> bool:
    """Whether the app has judged a newer window of the endpoint."""
    queries = (
        select(windows.c.start_us).where(_is_app(windows, key), windows.c.outcome == DONE),
        select(verdicts.c.start_us).where(_is_app(verdicts, key)),
    )
    return any(
        connection.execute(query.where(query.selected_columns[0] > key.start_us).limit(1)).first()
        for query in queries
    )


def _show(connection: Connection, report: Report) -> None:
    place = {**report.key._asdict(), "revision": report.revision}
    results = [
        {
            **place, "name": each.name, "kind": each.kind, "status": each.status, "value": each.value,
            "extra_data": each.extra_data, "end_us": report.end_us,
        }
        for each in report.results
    ]  # fmt: skip
    upsert(connection, verdicts, results, not_below="start_us")
    stats = [
        {**place, "name": each.name, "stats": each.stats, "timestamp_us": each.timestamp_us}
        for each in report.stats
    ]
    upsert(connection, app_stats, stats, not_below="start_us")
    if report.done:  # the whole of what the app says now: nothing older is shown beside it
        for table in (verdicts, app_stats):
            other = or_(table.c.start_us != report.key.start_us, table.c.revision != report.revision)
            connection.execute(delete(table).where(_is_app(table, report.key), other))


def _drop_replaced(connection: Connection, report: Report) -> None:
    if report.answer is not None:
        for table in (verdicts, app_stats):
            lower = table.c.revision < report.revision
            connection.execute(delete(table).where(_is_window(table, report.key), lower))


def _is_final(window: Row[Any] | None, report: Report, attempts: int) -> bool:
    """Whether a failure is the last word: the controller will not send the window again."""
    if window is None:
        return True
    tried = window.attempts if window.attempt_revision == report.revision else 0
    sent = window.sends if window.sent == report.revision else 0
    return not has_tries_left(sent, tried, attempts)


def _is_app(table: Table, key: WindowKey) -> ColumnElement[bool]:
    return and_(table.c.endpoint_id == key.endpoint_id, table.c.application_name == key.application_name)


def _is_window(table: Table, key: WindowKey) -> ColumnElement[bool]:
    return and_(_is_app(table, key), table.c.start_us == key.start_us)
