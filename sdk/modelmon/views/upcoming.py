"""What each endpoint waits for: its next window, until when, and why."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from modelmon.ledger.due_windows import DueWindow, under_way
from modelmon.settings import Settings
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
from modelmon.wire import write_moment

LIMIT = 2_000
"""So many windows are looked at, those that are looked at soonest by the controller first."""


def waits(
    connection: Connection, now_us: int, settings: Settings, app_names: frozenset[str]
) -> dict[str, dict[str, Any]]:
    """Endpoint to what its first window that has not its last word waits for; only of these apps."""
    clocks = Clocks(now_us, round(settings.grace_seconds * 1e6), watermark_us=-1)
    found: dict[str, dict[str, Any]] = {}
    for window in under_way(connection, LIMIT):
        waits_here = window.key.application_name in app_names and not _is_settled(window, settings)
        if waits_here and window.key.endpoint_id not in found:
            described = _described(window, clocks)
            found[window.key.endpoint_id] = {**described, "min_rows": settings.app_min_rows}
    return found


def _is_settled(window: DueWindow, settings: Settings) -> bool:
    """Whether nothing more will come of a window without new rows."""
    if window.wanted > window.answered or window.outcome != DONE:
        return False
    return not may_become_partial(window.incomplete, window.followed, window.rows, settings.app_min_rows)


def _described(window: DueWindow, clocks: Clocks) -> dict[str, Any]:
    until_us, reason = _reason(window, clocks)
    full_us = _first_full(window, clocks)
    return {
        "application_name": window.key.application_name,
        "start_infer_time": write_moment(window.span.start_us),
        "end_infer_time": write_moment(window.span.end_us),
        "until": None if until_us is None else write_moment(until_us),
        "reason": reason,
        "first_full_until": None if full_us is None else write_moment(full_us),
        "why": _why(until_us, full_us, reason, clocks.now_us),
    }


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
        return f"full window at {clock(write_moment(full_us), write_moment(now_us))} UTC"
    if until_us is None:
        return reason
    return f"window due at {clock(write_moment(until_us), write_moment(now_us))} UTC"


def clock(moment: str, now: str) -> str:
    """ "20:30:30" of a moment of today, else with its day; both as on the wire."""
    return moment[11:19] if moment[:10] == now[:10] else moment[:16]
