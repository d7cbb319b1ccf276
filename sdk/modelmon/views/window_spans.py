"""Where an app has no plain verdict on an endpoint, and why: spans of windows, as charts hatch them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from modelmon.ledger.schema import windows
from modelmon.model import from_us, to_us
from modelmon.settings import Settings
from modelmon.views.windows import window_of
from modelmon.windows import DONE

MOST = 2_000
"""So many windows are looked at, the newest ones."""
_COLUMNS = (
    "endpoint_id", "application_name", "start_us", "end_us", "wanted", "sent", "sends", "late", "incomplete",
    "check_us", "attempts", "attempt_revision", "answered", "outcome", "error", "rows",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WindowSpan:
    """Windows of one state that lie beside each other: `state` is failed, incomplete, partial, warming up,
    no data, or what they wait for."""

    application_name: str
    start: datetime
    end: datetime
    state: str
    windows: int
    error: str


def read_window_spans(
    connection: Connection,
    settings: Settings,
    endpoint_id: str,
    application_name: str,
    start: datetime,
    end: datetime,
) -> tuple[WindowSpan, ...]:
    """The spans in [start, end), in order. Time without any window is in none of them: no row came."""
    columns = windows.c
    query = select(*(columns[name] for name in _COLUMNS)).where(
        columns.endpoint_id == endpoint_id, columns.application_name == application_name,
        columns.start_us >= to_us(start), columns.start_us < to_us(end),
        or_(
            columns.outcome != DONE, columns.incomplete > 0, columns.rows < settings.app_min_rows,
            columns.wanted > columns.sent,
        ),
    )  # fmt: skip
    rows = connection.execute(query.order_by(columns.start_us.desc()).limit(MOST)).all()
    return tuple(_joined(reversed(rows), settings))


def _joined(rows: Iterable[Row[Any]], settings: Settings) -> Iterator[WindowSpan]:
    span: WindowSpan | None = None
    for row in rows:
        view = window_of(row, settings)
        state = ", ".join(view.states) or view.state.value
        if span is not None and (span.end, span.state) == (from_us(row.start_us), state):
            span = WindowSpan(
                span.application_name, span.start, view.end_infer_time, state, span.windows + 1,
                view.error or span.error,
            )  # fmt: skip
            continue
        if span is not None:
            yield span
        span = WindowSpan(
            view.application_name, view.start_infer_time, view.end_infer_time, state, 1, view.error
        )
    if span is not None:
        yield span
