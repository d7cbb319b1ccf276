"""The ledger of the answers: what apps reported of each window, what an endpoint is shown with, incidents.

Written by the writer. Everything may be applied again, in any order of revisions: a report on a lower
revision than the one answered changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    Connection,
    Delete,
    Row,
    Table,
    and_,
    bindparam,
    case,
    delete,
    exists,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from modelmon.ledger import incidents
from modelmon.ledger.acknowledged import note_reported
from modelmon.ledger.artifacts import note_artifacts
from modelmon.ledger.incidents import Told
from modelmon.ledger.reports import AppReport
from modelmon.ledger.rules_in_force import PLAIN, RulesInForce
from modelmon.ledger.schema import app_stats, verdicts, windows
from modelmon.ledger.window_keys import is_key, key_values
from modelmon.model import Answer, ValuePoint
from modelmon.sql.statements import upsert
from modelmon.sql.types import BIG
from modelmon.windows import DONE, PARTIAL, has_tries_left


def _is_app(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.endpoint_id == bindparam("an_endpoint"), table.c.application_name == bindparam("an_app")
    )


# Built once: building a statement costs more than running it.
_SHOWN = (verdicts, app_stats)
_START: BindParameter[int] = bindparam("a_start")
_REVISION: BindParameter[int] = bindparam("a_revision")
_WINDOW = select(windows).where(is_key())
_ANSWERED = ("answered", "outcome", "error", "envelopes", "rows")
_NOW = bindparam("answered_us", type_=BIG)
_IS_NEW = or_(
    windows.c.answered < bindparam("answered"),
    windows.c.outcome != bindparam("outcome"),
    windows.c.sent_us.between(windows.c.answered_us + 1, _NOW),  # it was sent again, and fails again
)
_ANSWERED_US = case((_IS_NEW, _NOW), else_=windows.c.answered_us)
"""Of an answer that comes again the first one. It is set first: MariaDB reads what was set before."""
_ANSWER = (
    update(windows)
    .where(is_key(), windows.c.answered <= bindparam("answered"))
    .ordered_values(("answered_us", _ANSWERED_US), *((name, bindparam(name)) for name in _ANSWERED))
)
_IS_FOLLOWED = select(  # whether the app has judged a newer window of the endpoint
    or_(
        exists().where(_is_app(windows), windows.c.outcome == DONE, windows.c.start_us > _START),
        exists().where(_is_app(verdicts), verdicts.c.start_us > _START),
    )
)
_OTHERS = [
    delete(table).where(_is_app(table), or_(table.c.start_us != _START, table.c.revision != _REVISION))
    for table in _SHOWN
]
_LOWER = [
    delete(table).where(_is_app(table), table.c.start_us == _START, table.c.revision < _REVISION)
    for table in _SHOWN
]


def apply(
    connection: Connection,
    report: AppReport,
    now_us: int,
    attempts: int,
    *,
    quiet: bool = False,
    rules: RulesInForce = PLAIN,
) -> list[Told]:
    """Record a report: the answer, what the endpoint is shown with, incidents; returns what there is to tell.

    `attempts` is how often an app may try a window before it counts as failed; `quiet`: nothing it finds is
    an incident, unless one of the `rules` asks for the app.
    """
    window = connection.execute(_WINDOW, key_values(report.key)).one_or_none()
    if window is not None and report.revision < window.answered:
        return []
    newest = not connection.scalar(_IS_FOLLOWED, key_values(report.key))
    if newest:
        _show(connection, report)
    if report.answer is not None:
        note_artifacts(connection, report.key, report.end_us, report.revision, report.answer.artifacts)
        if window is None or window.answered:  # else there is nothing lower
            _delete(connection, _LOWER, report)
        _answer(connection, report, report.answer, now_us)
    if report.answer is None or window is None:
        note_reported(connection, report.key, report.revision)
    final = _is_final(window, report, attempts)
    whole = _is_whole(window, report)
    return incidents.settle(
        connection, report, final=final, whole=whole, now_us=now_us, quiet=quiet, rules=rules
    )


def show(connection: Connection, point: ValuePoint) -> None:
    """Show a result that was gathered over windows, where no newer window was judged."""
    if not connection.scalar(_IS_FOLLOWED, key_values(point.key)):
        row = {
            **point.key._asdict(), "name": point.name, "kind": point.kind, "status": point.status,
            "value": point.value, "extra_data": point.extra_data, "end_us": point.end_us,
            "revision": point.revision,
        }  # fmt: skip
        upsert(connection, verdicts, [row], not_below="start_us")


def _answer(connection: Connection, report: AppReport, answer: Answer, now_us: int) -> None:
    values = {
        "answered": report.revision, "answered_us": now_us, "outcome": answer.outcome, "error": answer.error,
        "envelopes": answer.envelopes, "rows": answer.rows,
    }  # fmt: skip
    connection.execute(_ANSWER, {**key_values(report.key), **values})


def _show(connection: Connection, report: AppReport) -> None:
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
        {
            **place,
            "name": each.name,
            "stats": msgspec.json.encode(each.stats).decode(),
            "timestamp_us": each.timestamp_us,
        }
        for each in report.stats
    ]
    upsert(connection, app_stats, stats, not_below="start_us")
    if report.done:  # the whole of what the app says now: nothing older is shown beside it
        _delete(connection, _OTHERS, report)


def _delete(connection: Connection, statements: Sequence[Delete], report: AppReport) -> None:
    for statement in statements:
        connection.execute(statement, {**key_values(report.key), "a_revision": report.revision})


def _is_whole(window: Row[Any] | None, report: AppReport) -> bool:
    """Whether the report is on a window that is not partial, as far as that is known now."""
    return window is None or (window.sent <= report.revision and not window.incomplete & PARTIAL)


def _is_final(window: Row[Any] | None, report: AppReport, attempts: int) -> bool:
    """Whether a failure is the last word: the controller will not send the window again."""
    if window is None:
        return True
    tried = window.attempts if window.attempt_revision == report.revision else 0
    sent = window.sends if window.sent == report.revision else 0
    return not has_tries_left(sent, tried, attempts)
