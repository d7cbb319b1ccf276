"""How many windows stand where, counted by the database and named by the one rule in `windows.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from modelmon.ledger.endpoint_apps import COUNTERS
from modelmon.ledger.schema import apps, endpoint_apps, endpoints, traffic, windows
from modelmon.ledger.window_ledger import BATCH
from modelmon.settings import Settings
from modelmon.sql.statements import chunks
from modelmon.views.selection import of_endpoints
from modelmon.views.verdicts import INCOMPLETE, NO_DATA, PARTLY, WARMING_UP
from modelmon.windows import PARTIAL, WindowState, has_tries_left, state_of

_BY_ROWS = {0: NO_DATA, 1: WARMING_UP}
_NEVER_US = -(2**62)  # a range, and not IS NOT NULL: only that is looked up in the index


class Counted(NamedTuple):
    """So many windows of an endpoint are in this state. `partial` ones are among the `incomplete`."""

    endpoint_id: str
    state: WindowState
    incomplete: bool
    partial: bool
    rows: int  # 0: none, 1: too few, 2: enough
    windows: int


def count_states(
    connection: Connection, attempts: int, min_rows: int, *conditions: ColumnElement[bool]
) -> Iterator[Counted]:
    """Count the windows under these conditions; an endpoint and state may come several times.

    `attempts`: how often a window may be tried; `min_rows`: below them a verdict stands on too few.
    """
    tried = case((windows.c.attempt_revision == windows.c.sent, windows.c.attempts), else_=0)
    groups = {
        "waiting": _flag(windows.c.wanted > windows.c.sent),
        "unanswered": _flag(windows.c.answered < windows.c.sent),
        "outcome": windows.c.outcome,
        "checked": _flag(windows.c.check_us.is_not(None)),
        "sends": windows.c.sends,
        "tried": tried,
        "incomplete": case((windows.c.incomplete >= PARTIAL, 2), (windows.c.incomplete > 0, 1), else_=0),
        "enough": case((windows.c.rows == 0, 0), (windows.c.rows < min_rows, 1), else_=2),
    }
    columns = [expression.label(f"a_{name}") for name, expression in groups.items()]
    query = (
        select(windows.c.endpoint_id, *columns, func.count().label("a_count"))
        .select_from(windows)
        .where(*conditions)
        .group_by(windows.c.endpoint_id, *columns)
    )
    for row in connection.execute(query):
        state = state_of(
            waiting=bool(row.a_waiting),
            unanswered=bool(row.a_unanswered),
            outcome=row.a_outcome,
            checked=bool(row.a_checked),
            tries_left=has_tries_left(row.a_sends, row.a_tried, attempts),
        )
        incomplete, partial = row.a_incomplete > 0, row.a_incomplete == 2
        yield Counted(row.endpoint_id, state, incomplete, partial, row.a_enough, row.a_count)


def count_windows(
    connection: Connection, settings: Settings, endpoint_ids: Collection[str]
) -> dict[str, dict[str, int]]:
    """Of each of these endpoints how many windows are in each state; of those done, besides, how many are
    `partial`, `incomplete`, `warming up` (too few rows) or have `no data`.

    Windows at rest are counted in the rows of the apps, the others are read.
    """
    names = (*(state.value for state in WindowState), PARTLY, INCOMPLETE, WARMING_UP, NO_DATA)
    found = {endpoint_id: dict.fromkeys(names, 0) for endpoint_id in endpoint_ids}
    at_rest = select(endpoint_apps.c.endpoint_id, *(endpoint_apps.c[name] for name in COUNTERS))
    for query in of_endpoints(at_rest, endpoint_apps.c.endpoint_id, endpoint_ids):
        for endpoint_id, *counts in connection.execute(query):
            for name, many in zip(COUNTERS, counts, strict=True):
                found[endpoint_id][name.replace("_", " ")] += many
    for chunk in chunks(sorted(endpoint_ids)):
        moving = (windows.c.endpoint_id.in_(chunk), windows.c.check_us > _NEVER_US)
        for counted in count_states(connection, settings.app_attempts, settings.app_min_rows, *moving):
            _add(found[counted.endpoint_id], counted)
    return found


def _add(counts: dict[str, int], counted: Counted) -> None:
    counts[counted.state.value] += counted.windows
    if counted.state is not WindowState.DONE:
        return
    if counted.incomplete:
        enough = counted.rows not in _BY_ROWS
        counts[PARTLY if counted.partial and enough else INCOMPLETE] += counted.windows
    if counted.rows in _BY_ROWS:
        counts[_BY_ROWS[counted.rows]] += counted.windows


def count_pending(connection: Connection, now_us: int, attempts: int) -> Counter[WindowState]:
    """Windows that something is still to come of without new data: of registered apps and known
    endpoints, ended, or their batch job complete."""
    known = and_(
        windows.c.application_name.in_(select(apps.c.name).where(apps.c.active.is_(True))),
        windows.c.endpoint_id.in_(select(endpoints.c.endpoint_id)),
    )
    batch = windows.c.endpoint_id.in_(select(endpoints.c.endpoint_id).where(endpoints.c.mode == BATCH))
    complete = windows.c.endpoint_id.in_(
        select(traffic.c.endpoint_id)
        .where(traffic.c.endpoint_id == windows.c.endpoint_id)
        .where(traffic.c.completed_us >= windows.c.start_us)
    )
    can_close = or_(and_(batch, complete), and_(~batch, windows.c.end_us <= now_us))
    moves = or_(windows.c.wanted == windows.c.sent, can_close)
    pending: Counter[WindowState] = Counter()
    for counted in count_states(connection, attempts, 1, windows.c.check_us.is_not(None), known, moves):
        if counted.state in (WindowState.WAITING, WindowState.SENT, WindowState.RETRYING):
            pending[counted.state] += counted.windows
    return pending


def _flag(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return case((condition, 1), else_=0)
