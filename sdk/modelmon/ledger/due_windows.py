"""Windows that are due: what the controller looks at, and what it records of them.

`check_us` is when it looks next, so that a tick reads what is due and nothing else. A window that only the
watermark or news of its endpoint can close has that watermark in `watermark_us`: until then no tick reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, Row, Select, and_, bindparam, case, select, tuple_, update

from modelmon.ledger.endpoint_apps import count_again
from modelmon.ledger.schema import apps, endpoints, positions, traffic, windows
from modelmon.ledger.window_keys import is_key, key_values
from modelmon.ledger.window_ledger import BATCH, is_followed
from modelmon.model import WindowKey
from modelmon.windows import UNAVAILABLE, Progress, Span

NEVER_US = 2**62
"""A watermark that is never reached: what waits for it waits for news alone."""


@dataclass(frozen=True, slots=True)
class DueWindow:
    """A window that the controller has to look at now, with what it needs to decide and to publish.

    `endpoint_name` is None when the endpoint's record is gone. `followed`: rows came in the period after it,
    as long as it is. `empty`: none came in it, though some were expected.
    """

    key: WindowKey
    span: Span
    wanted: int
    sent: int
    sends: int
    dirty_us: int
    check_us: int
    watermark_us: int
    incomplete: int
    attempts: int
    answered: int
    outcome: str
    rows: int
    followed: bool
    empty: bool
    progress: Progress
    endpoint_name: str | None
    project: str
    updated_us: int


class Sending(NamedTuple):
    """A revision of a window that has been published."""

    key: WindowKey
    revision: int
    incomplete: int
    check_us: int


def due(connection: Connection, now_us: int, limit: int, after: DueWindow | None = None) -> list[DueWindow]:
    """The first `limit` windows that are to be looked at by now, in order of when, `after` the given one.
    Those that wait for the watermark are not."""
    return _read(connection, _DUE, {"now_us": now_us}, limit, after)


def due_by_watermark(
    connection: Connection, watermark_us: int, limit: int, after: DueWindow | None = None
) -> list[DueWindow]:
    """The first `limit` windows that waited for the watermark to come this far, in its order."""
    return _read(connection, _BY_WATERMARK, {"a_watermark": watermark_us}, limit, after)


def under_way(connection: Connection, endpoint_ids: Collection[str], limit: int) -> list[DueWindow]:
    """Windows of these few endpoints that the controller will look at again, whatever they wait for; at most
    `limit`, by when they are due."""
    theirs, moving = windows.c.endpoint_id.in_(endpoint_ids), windows.c.check_us > -NEVER_US
    found = _read(connection, _WINDOWS.where(theirs, moving), {}, limit, None)
    return sorted(found, key=lambda window: (window.check_us, window.key))


def waits_for_watermark(connection: Connection, now_us: int) -> bool:
    """Whether a watermark of now would close a window."""
    query = select(windows.c.start_us).where(windows.c.watermark_us.between(1, now_us))
    return connection.execute(query.limit(1)).first() is not None


_ORDER = (
    windows.c.watermark_us, windows.c.check_us, windows.c.endpoint_id, windows.c.application_name,
    windows.c.start_us,
)  # fmt: skip
_WINDOWS = (
    select(
        windows, traffic.c.first_request_us, traffic.c.last_request_us, traffic.c.committed_us,
        traffic.c.completed_us, endpoints.c.name, endpoints.c.project, endpoints.c.mode,
        endpoints.c.updated_us, is_followed().label("followed"),
    )
    .outerjoin(apps, apps.c.name == windows.c.application_name)
    .outerjoin(traffic, traffic.c.endpoint_id == windows.c.endpoint_id)
    .outerjoin(endpoints, endpoints.c.endpoint_id == windows.c.endpoint_id)
    .order_by(*_ORDER)
    .limit(bindparam("a_limit", type_=Integer))
)  # fmt: skip
# Every tick asks these two: they are worded once.
_DUE = _WINDOWS.where(windows.c.watermark_us == 0, windows.c.check_us <= bindparam("now_us"))
_BY_WATERMARK = _WINDOWS.where(
    windows.c.watermark_us.between(1, bindparam("a_watermark")), windows.c.check_us.is_not(None)
)


def _read(
    connection: Connection, query: Select[Any], values: dict[str, int], limit: int, after: DueWindow | None
) -> list[DueWindow]:
    if after is not None:
        place = (after.watermark_us, after.check_us, *after.key)
        # The first condition alone makes an index start there.
        begin = _ORDER[0] >= place[0] if place[0] else _ORDER[1] >= place[1]
        query = query.where(begin, tuple_(*_ORDER) > tuple_(*place))
    return [_due(row) for row in connection.execute(query, {**values, "a_limit": limit})]


def _due(row: Row[Any]) -> DueWindow:
    progress = Progress(
        row.first_request_us, row.last_request_us, row.committed_us or 0, row.completed_us,
        row.mode == BATCH,
    )  # fmt: skip
    return DueWindow(
        WindowKey(row.endpoint_id, row.application_name, row.start_us), Span(row.start_us, row.end_us),
        row.wanted, row.sent, row.sends, row.dirty_us, row.check_us, row.watermark_us,
        row.incomplete, row.attempts if row.attempt_revision == row.sent else 0,
        row.answered, row.outcome, row.rows, bool(row.followed), bool(row.empty), progress,
        row.name, row.project or "", row.updated_us or 0,
    )  # fmt: skip


def record_sent(connection: Connection, sendings: Sequence[Sending], now_us: int, min_rows: int) -> None:
    """Record what has been published; a revision below the recorded one changes nothing."""
    statement = (
        update(windows)
        .where(is_key(), windows.c.sent <= bindparam("a_revision"))
        .ordered_values(
            # MySQL assigns from left to right: `sends` is told by the `sent` of before. A window whose
            # app waited for something has not been tried.
            (
                windows.c.sends,
                case(
                    (and_(windows.c.answered == windows.c.sent, windows.c.outcome == UNAVAILABLE), 1),
                    (windows.c.sent == bindparam("a_revision"), windows.c.sends + 1),
                    else_=1,
                ),
            ),
            (windows.c.sent, bindparam("a_revision")),
            (windows.c.sent_us, now_us),
            (windows.c.incomplete, bindparam("some_bits")),
            (windows.c.check_us, bindparam("a_check")),
            (windows.c.watermark_us, 0),
        )
    )
    values = [
        {
            **key_values(each.key), "a_revision": each.revision, "some_bits": each.incomplete,
            "a_check": each.check_us,
        }
        for each in sorted(sendings, key=attrgetter("key"))
    ]  # fmt: skip
    if values:
        connection.execute(statement, values)
        count_again(connection, [each.key for each in sendings], min_rows)


def want_settled(connection: Connection, found: Sequence[DueWindow], now_us: int) -> None:
    """Want these windows anew, as they are: what follows them is known now. One that has changed since it
    was read stays as it is."""
    changes = {"wanted": windows.c.wanted + 1, "check_us": now_us, "watermark_us": 0}
    if found:
        connection.execute(
            update(windows).where(*_UNCHANGED).values(changes),
            [_as_read(each) for each in sorted(found, key=attrgetter("key"))],
        )


def look_again(connection: Connection, found: Sequence[tuple[DueWindow, int | None]], min_rows: int) -> None:
    """Look at each of these windows again at the given time, None: never; one that has changed since
    it was read stays as it is."""
    changes = {"check_us": bindparam("a_check"), "watermark_us": 0}
    statement = update(windows).where(*_UNCHANGED).values(changes)
    in_order = sorted(found, key=lambda each: each[0].key)
    values = [{**_as_read(each), "a_check": check_us} for each, check_us in in_order]
    if values:
        connection.execute(statement, values)
        count_again(connection, [window.key for window, _ in found], min_rows)


def leave_alone(connection: Connection, found: Sequence[tuple[DueWindow, int]]) -> None:
    """Look at each of these windows once the watermark has come this far, or news of its endpoint come; one
    that has changed since it was read stays as it is."""
    statement = update(windows).where(*_UNCHANGED).values(watermark_us=bindparam("a_watermark"))
    values = [{**_as_read(each), "a_watermark": watermark_us} for each, watermark_us in found]
    if values:
        connection.execute(statement, values)


_UNCHANGED = (
    is_key(),
    windows.c.wanted == bindparam("a_wanted"),
    windows.c.sent == bindparam("a_sent"),
    windows.c.answered == bindparam("an_answered"),
    windows.c.outcome == bindparam("an_outcome"),
)


def _as_read(window: DueWindow) -> dict[str, Any]:
    return {
        **key_values(window.key), "a_wanted": window.wanted, "a_sent": window.sent,
        "an_answered": window.answered, "an_outcome": window.outcome,
    }  # fmt: skip


def read_watermark(connection: Connection, stream_id: str, partitions: int, now_us: int) -> int:
    """The controller's clock before which everything published to this stream has been applied, -1 when
    unknown.

    A clock message from the future is not believed: the wall clock has gone back since.
    """
    query = select(positions.c.partition, positions.c.nop_us).where(positions.c.stream_id == stream_id)
    seen = {partition: nop_us for partition, nop_us in connection.execute(query) if nop_us <= now_us}
    return min((seen.get(partition, -1) for partition in range(partitions)), default=-1)
