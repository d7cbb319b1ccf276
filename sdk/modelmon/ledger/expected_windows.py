"""Windows that have no rows though their endpoint had some at the same time of past weeks.

They get a row of `windows` all the same, for the apps that ask for it: `empty` until rows come. Where
nobody at all was heard in such a window none gets one: that is told of the project instead.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from modelmon.ledger.registry import get_value, set_value
from modelmon.ledger.schema import endpoints, traffic, windows
from modelmon.ledger.window_ledger import watched
from modelmon.model import DAY_US, WindowKey
from modelmon.sql.statements import chunks, insert_missing
from modelmon.windows import Span

WEEK_US = 7 * DAY_US
WEEKS, LEAST_WEEKS = 4, 2
"""Expected is who had rows at that time in so many of so many past weeks."""
RETIRED_US = WEEK_US
"""An endpoint that was silent for so long before a window is expected no more: it has been told of."""
_LOOKED, _SILENCE = "empty_windows", "all_silent"


@dataclass(frozen=True, slots=True)
class Noticed:
    """The ends of the newest window that was noticed when it ended, and of the newest that was looked at."""

    noticed_us: int
    looked_us: int


@dataclass(frozen=True, slots=True)
class AllSilent:
    """Nobody was heard in `[since_us, until_us)`, in which so many `endpoints` were expected."""

    since_us: int
    until_us: int
    endpoints: int


def read_noticed(connection: Connection) -> dict[str, Noticed]:
    """By app."""
    return {name: Noticed(*ends) for name, ends in get_value(connection, _LOOKED, {}).items()}


def note_noticed(connection: Connection, found: dict[str, Noticed]) -> None:
    set_value(connection, _LOOKED, {name: [each.noticed_us, each.looked_us] for name, each in found.items()})


def want_expected(
    connection: Connection, application_name: str, span: Span, asleep: Collection[str], now_us: int
) -> int:
    """Want this window of every endpoint that is expected in it and has no rows; returns of how many.

    Everything that was published before its end has to be taken over. Where nobody was heard, of several
    that are expected, that is noted and nothing is wanted.
    """
    expected = _expected(connection, application_name, span)
    heard = _with_rows(connection, application_name, span)
    failing = _with_errors(connection, span)
    if len(expected) > 1 and not heard and not failing:
        _note_silence(connection, span, len(expected))
        return 0
    silent = _judged(connection, application_name, (expected | failing) - heard, asleep)
    rows = [_row(WindowKey(each, application_name, span.start_us), span, now_us) for each in sorted(silent)]
    insert_missing(connection, windows, rows)
    return len(rows)


def all_silent(connection: Connection) -> AllSilent | None:
    """Since when nobody is heard; None where somebody was since, or is not expected."""
    noted = get_value(connection, _SILENCE)
    if noted is None:
        return None
    heard = select(func.max(traffic.c.last_request_us), func.max(traffic.c.last_error_us))
    newest_us = max(connection.execute(heard).one(), key=lambda each: each or 0) or 0
    return None if newest_us >= noted[0] else AllSilent(*noted)


def _expected(connection: Connection, application_name: str, span: Span) -> set[str]:
    """Who had rows at that time in past weeks, and was heard in the week before."""
    step_us = -(-(span.end_us - span.start_us) // WEEK_US) * WEEK_US
    ends = [span.end_us - week * step_us for week in range(1, WEEKS + 1)]
    length_us = span.end_us - span.start_us
    query = (
        select(windows.c.endpoint_id)
        .join(traffic, traffic.c.endpoint_id == windows.c.endpoint_id)
        .where(
            windows.c.application_name == application_name, windows.c.end_us.in_(ends),
            windows.c.start_us == windows.c.end_us - length_us, windows.c.empty == 0,
            traffic.c.last_request_us >= span.start_us - RETIRED_US,
        )
        .group_by(windows.c.endpoint_id)
        .having(func.count() >= LEAST_WEEKS)
    )  # fmt: skip
    return set(connection.scalars(query))


def _with_rows(connection: Connection, application_name: str, span: Span) -> set[str]:
    mine = (
        windows.c.application_name == application_name, windows.c.end_us == span.end_us,
        windows.c.start_us == span.start_us, windows.c.empty == 0,
    )  # fmt: skip
    return set(connection.scalars(select(windows.c.endpoint_id).where(*mine)))


def _with_errors(connection: Connection, span: Span) -> set[str]:
    """Those whose newest failed request was in the window; of one without rows every request failed."""
    newest = traffic.c.last_error_us
    query = select(traffic.c.endpoint_id).where(newest >= span.start_us, newest < span.end_us)
    return set(connection.scalars(query))


def _judged(
    connection: Connection, application_name: str, found: Collection[str], asleep: Collection[str]
) -> set[str]:
    """Those that the app judges and that are not being deleted; a batch endpoint's silence says nothing."""
    known = watched(connection, found)
    live: set[str] = set()
    for chunk in chunks(found):
        staying = select(endpoints.c.endpoint_id).where(
            endpoints.c.endpoint_id.in_(chunk), endpoints.c.deleting_us.is_(None)
        )
        live |= set(connection.scalars(staying))
    return {
        name for name, each in known.items()
        if name in live and not each.batch and each.judged_by(application_name, asleep)
    }  # fmt: skip


def _note_silence(connection: Connection, span: Span, expected: int) -> None:
    before = all_silent(connection)
    since_us = span.start_us if before is None else min(before.since_us, span.start_us)
    set_value(connection, _SILENCE, [since_us, span.end_us, expected])


def _row(key: WindowKey, span: Span, now_us: int) -> dict[str, Any]:
    return {
        **key._asdict(), "end_us": span.end_us, "wanted": 1, "sent": 0, "sends": 0, "dirty_us": now_us,
        "late": 0, "incomplete": 0, "check_us": now_us, "watermark_us": 0, "attempts": 0,
        "attempt_revision": 0, "answered": 0, "outcome": "", "error": "", "envelopes": 0, "rows": 0,
        "empty": 1,
    }  # fmt: skip
