"""How many windows stand where, counted by the database and named by the one rule in `windows.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from modelmon.ledger.schema import apps, endpoints, traffic, windows
from modelmon.ledger.window_ledger import BATCH
from modelmon.windows import PARTIAL, State, has_tries_left, state_of


class Counted(NamedTuple):
    """So many windows of an endpoint are in this state. `partial` ones are among the `incomplete`."""

    endpoint_id: str
    state: State
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
            wanted=row.a_waiting,
            sent=0,
            answered=-row.a_unanswered,
            outcome=row.a_outcome,
            checked=bool(row.a_checked),
            tries_left=has_tries_left(row.a_sends, row.a_tried, attempts),
        )
        incomplete, partial = row.a_incomplete > 0, row.a_incomplete == 2
        yield Counted(row.endpoint_id, state, incomplete, partial, row.a_enough, row.a_count)


def count_pending(connection: Connection, now_us: int, attempts: int) -> Counter[State]:
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
    pending: Counter[State] = Counter()
    for counted in count_states(connection, attempts, 1, windows.c.check_us.is_not(None), known, moves):
        if counted.state in (State.WAITING, State.SENT, State.RETRYING):
            pending[counted.state] += counted.windows
    return pending


def _flag(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return case((condition, 1), else_=0)
