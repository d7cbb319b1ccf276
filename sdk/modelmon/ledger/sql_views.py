"""What other tools read of the records: the page "SQL views" promises it column by column.

Nothing in them names a feature or holds an app's own words, for the database does not know which columns are
private.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    select,
)

from modelmon.ledger.clock import STEP_US
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.schema import (
    apps,
    endpoint_apps,
    endpoints,
    functions,
    heartbeats,
    traffic,
    verdicts,
    windows,
)
from modelmon.model import ResultKindApp, WorkerState
from modelmon.sql.expressions import MessagesBehind, MomentOf, WallClock
from modelmon.sql.types import BIG
from modelmon.sql.views import View
from modelmon.windows import BEGINS_INSIDE, DONE, ENDS_INSIDE, WindowState

NOT_RUNNING = "not running"


def kind_name(kind: ColumnElement[Any]) -> ColumnElement[Any]:
    """The name of a result's kind."""
    return case(*((kind == each.value, literal(each.name)) for each in ResultKindApp), else_=null())


def _moment(name: str, column: Column[Any]) -> ColumnElement[Any]:
    return MomentOf(column).label(name)


def _of_endpoint(column: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ColumnElement[Any]:
    return select(column).where(*conditions).correlate(endpoints).scalar_subquery()


def _endpoints() -> Select[Any]:
    mine = verdicts.c.endpoint_id == endpoints.c.endpoint_id
    gone = select(apps.c.name).where(apps.c.active.is_(False))
    status = _of_endpoint(func.max(verdicts.c.status), mine, verdicts.c.application_name.not_in(gone))
    counted = endpoint_apps.c.endpoint_id == endpoints.c.endpoint_id
    is_open = and_(incidents.c.endpoint_id == endpoints.c.endpoint_id, incidents.c.resolved_us.is_(None))
    analyzed = _of_endpoint(func.max(endpoint_apps.c.analyzed_us), counted)
    columns, counts = endpoints.c, ("received", "stored", "errors", "rejected", "late", "repeated")
    return select(
        columns.endpoint_id, columns.project, columns.name.label("endpoint_name"), columns.function_name,
        columns.model_class, columns.model_uri, columns.version, columns.mode, columns.labels,
        _moment("created", columns.created_us), _moment("updated", columns.updated_us),
        _moment("deleting", columns.deleting_us),
        *(func.coalesce(traffic.c[name], 0).label(f"rows_{name}") for name in counts),
        func.coalesce(traffic.c.missing, 0).label("events_missing"),
        _moment("first_request", traffic.c.first_request_us),
        _moment("last_request", traffic.c.last_request_us),
        MomentOf(analyzed).label("last_analyzed"),
        status.label("status"),
        _of_endpoint(func.count(), is_open).label("open_incidents"),
        *(
            cast(func.coalesce(_of_endpoint(func.sum(endpoint_apps.c[name]), counted), 0), BIG)
            .label(f"windows_{name}")
            for name in ("done", "failed")
        ),
    ).outerjoin(traffic, traffic.c.endpoint_id == columns.endpoint_id)  # fmt: skip


def _state() -> ColumnElement[Any]:
    """As `windows.state_of`, without the settings: a failure the controller looks at again is retried."""
    columns, checked = windows.c, windows.c.check_us.is_not(None)
    return case(
        (columns.wanted > columns.sent, literal(WindowState.WAITING.value)),
        (and_(columns.answered < columns.sent, checked), literal(WindowState.SENT.value)),
        (columns.answered < columns.sent, literal(WindowState.FAILED.value)),
        (columns.outcome == DONE, literal(WindowState.DONE.value)),
        (checked, literal(WindowState.RETRYING.value)),
        else_=literal(WindowState.FAILED.value),
    )


def _windows() -> Select[Any]:
    columns = windows.c

    def has(bit: int) -> ColumnElement[bool]:
        return columns.incomplete.bitwise_and(bit) > 0

    return select(
        columns.endpoint_id, endpoints.c.name.label("endpoint_name"), columns.application_name,
        _moment("window_start", columns.start_us), _moment("window_end", columns.end_us),
        _state().label("state"), columns.rows, columns.late.label("rows_late"),
        has(BEGINS_INSIDE).label("data_begin_inside"), has(ENDS_INSIDE).label("data_end_inside"),
        columns.answered.label("revision"), columns.sends, _moment("sent", columns.sent_us),
    ).join(endpoints, endpoints.c.endpoint_id == columns.endpoint_id)  # fmt: skip


def _incidents() -> Select[Any]:
    columns = incidents.c
    return select(
        columns.incident_id, columns.rule, columns.endpoint_id, endpoints.c.name.label("endpoint_name"),
        columns.application_name, columns.result_name, kind_name(columns.kind).label("kind"), columns.state,
        columns.reason, columns.status, columns.value.label("worst_value"), columns.windows,
        columns.detected.label("windows_detected"),
        _moment("first_window", columns.first_us), _moment("last_window", columns.last_us),
        _moment("first_detected_window", columns.detected_us), _moment("worst_window", columns.worst_us),
        _moment("ended_window", columns.ended_us),
        _moment("raised", columns.raised_us), _moment("changed", columns.changed_us),
        _moment("resolved", columns.resolved_us),
    ).join(endpoints, endpoints.c.endpoint_id == columns.endpoint_id)  # fmt: skip


def _functions() -> Select[Any]:
    beat, now_us = heartbeats.c, WallClock()
    alive = and_(beat.beat_us - STEP_US <= now_us, beat.expires_us >= now_us)
    works = and_(alive, beat.state.in_([WorkerState.READY.value, WorkerState.BEHIND.value]))
    answers_itself = functions.c.kind == "serving"
    state = case((alive, beat.state), (answers_itself, null()), else_=literal(NOT_RUNNING))
    return select(
        functions.c.name.label("function_name"), functions.c.kind, functions.c.deployed, beat.worker,
        state.label("state"),
        case((works, 1), (answers_itself, null()), else_=0).label("healthy"),
        _moment("since", beat.since_us), _moment("last_beat", beat.beat_us),
        _moment("expires", beat.expires_us), beat.behind_seconds,
        case((beat.worker.is_not(None), MessagesBehind(beat.partitions))).label("behind_messages"),
    ).outerjoin(heartbeats, heartbeats.c.function_name == functions.c.name)  # fmt: skip


VIEWS = (
    View("endpoints", _endpoints), View("windows", _windows), View("incidents", _incidents),
    View("functions", _functions),
)  # fmt: skip
