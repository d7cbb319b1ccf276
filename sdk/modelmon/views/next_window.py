"""What each endpoint waits for: its next window, until when, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modelmon.ledger.due_windows import DueWindow, under_way
from modelmon.model import from_us
from modelmon.settings import Settings
from modelmon.sql.statements import chunks
from modelmon.windows import (
    BEGINS_INSIDE,
    DONE,
    UNAVAILABLE,
    Clocks,
    Closing,
    after,
    closing,
    incomplete,
    known_after_us,
    may_become_partial,
)

LIMIT = 2_000
"""So many windows are looked at, those that are looked at soonest by the controller first."""


@dataclass(frozen=True, slots=True)
class NextWindow:
    """The next window that an endpoint waits for: until when, where that is known, and why.
    `first_full_until`: when the first full window is judged, where the data begin inside this one."""

    application_name: str
    start_infer_time: datetime
    end_infer_time: datetime
    until: datetime | None
    reason: str
    first_full_until: datetime | None
    why: str
    min_rows: int


def next_windows(
    connection: Connection,
    now_us: int,
    settings: Settings,
    app_names: Collection[str],
    endpoint_ids: Collection[str],
) -> dict[str, NextWindow]:
    """Of each of these endpoints the first window that has not its last word; only of these apps."""
    clocks = Clocks(now_us, round(settings.grace_seconds * 1e6), watermark_us=-1)
    found: dict[str, NextWindow] = {}
    for some in chunks(sorted(set(endpoint_ids))):
        for window in under_way(connection, some, LIMIT):
            waits_here = window.key.application_name in app_names and not _is_settled(window, settings)
            if waits_here and window.key.endpoint_id not in found:
                found[window.key.endpoint_id] = _described(window, clocks, settings.app_min_rows)
    return found


def _is_settled(window: DueWindow, settings: Settings) -> bool:
    """Whether nothing more will come of a window without new rows."""
    if window.wanted > window.answered or window.outcome != DONE:
        return False
    return not may_become_partial(window.incomplete, window.followed, window.rows, settings.app_min_rows)


def _described(window: DueWindow, clocks: Clocks, min_rows: int) -> NextWindow:
    until_us, reason = _reason(window, clocks)
    full_us = _first_full(window, clocks)
    return NextWindow(
        window.key.application_name, from_us(window.span.start_us), from_us(window.span.end_us),
        None if until_us is None else from_us(until_us), reason,
        None if full_us is None else from_us(full_us),
        _why(until_us, full_us, reason, clocks.now_us), min_rows,
    )  # fmt: skip


def _reason(window: DueWindow, clocks: Clocks) -> tuple[int | None, str]:
    """Until when, where that is known, and in words why."""
    if window.wanted > window.sent:
        return _until_closed(window, clocks)
    if window.answered < window.sent:
        return None, f"{window.key.application_name} has it and has not answered yet"
    if window.outcome == DONE:
        return _until_silent(window, clocks)
    said = "can't judge it yet" if window.outcome == UNAVAILABLE else "failed"
    return window.check_us, f"{window.key.application_name} {said} and is asked again"


def _until_silent(window: DueWindow, clocks: Clocks) -> tuple[int | None, str]:
    """A window that the data cover in part may still become a partial one."""
    if after(window.span, window.progress, clocks) is Closing.WAITS_FOR_CLOCK:
        return known_after_us(window.span, window.progress), "silence for a period makes it a partial one"
    return None, "until it is known that no rows are on their way"


def _until_closed(window: DueWindow, clocks: Clocks) -> tuple[int | None, str]:
    reopened_us = window.dirty_us if window.sent else None
    found = closing(window.span, window.progress, clocks, reopened_us)
    grace = f"{clocks.grace_us / 1e6:g} s"
    if found is Closing.WAITS_FOR_CLOCK:
        due_us = window.span.end_us + clocks.grace_us
        if reopened_us is not None:
            return max(due_us, reopened_us + clocks.grace_us), f"late rows came, {grace} for more of them"
        if clocks.now_us < due_us:
            return due_us, f"its end and {grace} for stragglers"
        return window.progress.committed_us + clocks.grace_us, f"no rows for {grace}"
    if found is Closing.WAITS_FOR_WATERMARK:
        return None, "until it is known that no rows are on their way"
    return None, found.value if not found.closed else "for the controller's next tick"


def _first_full(window: DueWindow, clocks: Clocks) -> int | None:
    """When the window after this is judged, where this one is not full since the data begin inside it."""
    bits = incomplete(window.span, window.progress, Closing.PASSED)
    if window.sent or window.progress.batch or not bits & BEGINS_INSIDE:
        return None
    return 2 * window.span.end_us - window.span.start_us + clocks.grace_us


def _why(until_us: int | None, full_us: int | None, reason: str, now_us: int) -> str:
    if full_us is not None:
        return f"full window at {clock(from_us(full_us), from_us(now_us))} UTC"
    if until_us is None:
        return reason
    return f"window due at {clock(from_us(until_us), from_us(now_us))} UTC"


def clock(moment: datetime, now: datetime) -> str:
    """ "20:30:30" of a moment of today, else with its day."""
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"
