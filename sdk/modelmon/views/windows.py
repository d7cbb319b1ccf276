"""Windows of one endpoint, the newest first, in pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from modelmon.errors import ConfigError, no_such
from modelmon.ledger import registry
from modelmon.ledger.schema import windows
from modelmon.model import from_us, to_us
from modelmon.private_columns import shown_error
from modelmon.settings import Settings
from modelmon.views.verdicts import states_of_rows
from modelmon.windows import DONE, WindowState, has_tries_left, state_of

READ = 1_000
"""Windows that are read at a time while those of one state are looked for."""


@dataclass(frozen=True, slots=True)
class WindowView:
    """Where a window stands. `states`: what stands beside its verdict; `late`: rows that came after it was
    sent; `revision`: the one that was answered."""

    application_name: str
    start_infer_time: datetime
    end_infer_time: datetime
    state: WindowState
    states: tuple[str, ...]
    rows: int
    late: int
    revision: int
    error: str


@dataclass(frozen=True, slots=True)
class WindowPage:
    """Windows, the newest first. `before`: what asks for the next page, None on the last one."""

    windows: tuple[WindowView, ...]
    before: datetime | None


def list_windows(
    connection: Connection,
    settings: Settings,
    endpoint_id: str,
    application_name: str,
    *,
    states: Collection[WindowState] = (),
    limit: int = 50,
    before: datetime | None = None,
) -> WindowPage:
    """Windows of one app on an endpoint that start `before` this; only those in one of these states, where
    some are given."""
    found: list[WindowView] = []
    before_us = None if before is None else to_us(before)
    size = limit + 1 if not states else READ
    while len(found) <= limit:
        rows = _read(connection, endpoint_id, application_name, before_us, size)
        views = (window_of(row, settings) for row in rows)
        found += [each for each in views if not states or each.state in states]
        if len(rows) < size:
            break
        before_us = rows[-1].start_us
    page, more = found[:limit], len(found) > limit
    return WindowPage(tuple(page), page[-1].start_infer_time if more else None)


def app_meant(connection: Connection, name: str) -> str:
    """The app of this name, of "" the only one. Raises ConfigError where it is none, or one of several."""
    names = [app.name for app in registry.active_apps(connection)]
    if name in names:
        return name
    if name or not names:
        raise no_such(f"application: there is no app {name!r}", name, names)
    if len(names) > 1:
        raise ConfigError(f"application: say which, {' or '.join(names)}")
    return names[0]


def _read(
    connection: Connection, endpoint_id: str, application_name: str, before_us: int | None, limit: int
) -> list[Row[Any]]:
    query = select(windows).where(
        windows.c.endpoint_id == endpoint_id, windows.c.application_name == application_name
    )
    if before_us is not None:
        query = query.where(windows.c.start_us < before_us)
    return list(connection.execute(query.order_by(windows.c.start_us.desc()).limit(limit)))


def window_of(row: Row[Any], settings: Settings) -> WindowView:
    """Where the window of this row of `windows` stands."""
    tried = row.attempts if row.attempt_revision == row.sent else 0
    state = state_of(
        waiting=row.wanted > row.sent, unanswered=row.answered < row.sent, outcome=row.outcome,
        checked=row.check_us is not None, tries_left=has_tries_left(row.sends, tried, settings.app_attempts),
    )  # fmt: skip
    is_done = row.outcome == DONE
    beside = states_of_rows(row.rows, row.incomplete, settings.app_min_rows) if is_done else set()
    return WindowView(
        row.application_name, from_us(row.start_us), from_us(row.end_us), state, tuple(sorted(beside)),
        row.rows, row.late, row.answered, shown_error(settings, row.error),
    )  # fmt: skip
