"""Which windows there are, when one may be judged, and where it stands: pure, whole microseconds of UTC.

The grid of an app is a list of periods. A period's windows lie between the multiples of its length,
counted from the epoch, and are cut where the period begins and where the next one does; so all
endpoints share their boundaries, every moment lies in exactly one window, and a change of the period
leaves the windows before it as they are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from modelmon.model import MINUTE_US

BEGINS_INSIDE, ENDS_INSIDE = 1, 2
"""Bits of `incomplete`: the endpoint's data begin, or end, inside the window."""
PARTIAL = 4
"""Beside the bits above: silence of a period follows the window, so this is all that there is to judge."""
DONE, FAILED, UNAVAILABLE = "done", "failed", "unavailable"
"""Outcomes of a window: judged; the app failed; what the app depends on does not answer now."""
_EDGE = 10  # a tenth of a window may lack data before the window is incomplete
_LONGEST_DOUBLING = 16
_LONGEST_POSTPONED_US = 60 * MINUTE_US


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From `from_us` on, a multiple of a minute, windows are `minutes` long."""

    from_us: int
    minutes: int

    def __post_init__(self) -> None:
        if self.minutes < 1 or self.from_us % MINUTE_US:
            raise ValueError(f"a period begins on a minute and lasts at least one, got {self}")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The half-open span [start, end) of a window."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the data of one endpoint have come; None where there is nothing yet.

    `last_request_us` is the newest event time, `committed_us` the wall clock of the newest commit with
    rows of the endpoint, `completed_us` the last timestamp that a finished batch job announced.
    """

    first_request_us: int | None
    last_request_us: int | None
    committed_us: int
    completed_us: int | None = None
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Clocks:
    """What a tick knows of time. `watermark_us`: everything published before it has been applied, so an
    endpoint without newer rows was silent until then."""

    now_us: int
    grace_us: int
    watermark_us: int


class Closing(Enum):
    """What closes a window, so that it may be judged; else what it waits for."""

    WAITS_FOR_CLOCK = "waits for newer data or for the grace to pass"
    WAITS_FOR_WATERMARK = "waits for newer data or for the watermark to pass"
    WAITS_FOR_COMPLETION = "waits for the batch job's completion"
    PASSED = "newer data have come"
    SILENT = "the endpoint is silent"
    COMPLETED = "the batch job is complete"

    @property
    def closed(self) -> bool:
        return self in (Closing.PASSED, Closing.SILENT, Closing.COMPLETED)


class WindowState(Enum):
    """Where a window stands, derived from its revisions."""

    WAITING = "waiting"  # not all of its rows have been sent to the app
    SENT = "sent"
    RETRYING = "retrying"  # the app failed, or waits for something, and will be asked again
    DONE = "done"
    FAILED = "failed"


def window_of(moment_us: int, periods: Sequence[Period]) -> Span:
    """The one window that a moment lies in. `periods` is in order and not empty; the first one also
    covers what was before it.

    >>> window_of(25 * MINUTE_US, [Period(0, 10)]) == Span(20 * MINUTE_US, 30 * MINUTE_US)
    True
    >>> window_of(25 * MINUTE_US, [Period(0, 10), Period(20 * MINUTE_US, 60)])  # a short one
    Span(start_us=1200000000, end_us=3600000000)
    """
    place = max(0, bisect_right(periods, moment_us, key=lambda period: period.from_us) - 1)
    length = periods[place].minutes * MINUTE_US
    start = moment_us - moment_us % length
    end = start + length
    if place > 0:
        start = max(start, periods[place].from_us)
    if place + 1 < len(periods):
        end = min(end, periods[place + 1].from_us)
    return Span(start, end)


def windows_touched(minutes_us: Iterable[int], periods: Sequence[Period]) -> dict[Span, list[int]]:
    """The windows that these minutes lie in, each with its minutes; a minute never lies in two."""
    touched: dict[Span, list[int]] = {}
    for minute_us in minutes_us:
        touched.setdefault(window_of(minute_us, periods), []).append(minute_us)
    return touched


def changed_period(periods: Sequence[Period], minutes: int, last_end_us: int | None) -> Period | None:
    """The period to add to the grid (in place of one with the same `from_us`) so that windows become
    `minutes` long; None when they are.

    It begins at the end of the app's last stored window, so that no stored window is touched; what lies
    between there and the first boundary of the new length is one short window.
    """
    if periods and periods[-1].minutes == minutes:
        return None
    begun = periods[-1].from_us if periods else 0
    return Period(begun if last_end_us is None else max(begun, last_end_us), minutes)


def closing(span: Span, progress: Progress, clocks: Clocks, reopened_us: int | None = None) -> Closing:
    """Whether the window may be judged now.

    `reopened_us` is the wall clock of the newest change of a window that was sent before: it waits the
    grace once more.
    """
    if reopened_us is not None and clocks.now_us < reopened_us + clocks.grace_us:
        return Closing.WAITS_FOR_CLOCK
    if progress.completed_us is not None and span.start_us <= progress.completed_us:
        return Closing.COMPLETED
    if progress.batch:
        return Closing.WAITS_FOR_COMPLETION
    due_us, known_us = span.end_us + clocks.grace_us, silent_us(span, progress, clocks.grace_us)
    return _closed_by(due_us, known_us, progress, clocks)


def after(span: Span, progress: Progress, clocks: Clocks) -> Closing:
    """Whether it is known what came in the period after the window: closed when nothing else will.

    The endpoint has to be silent for a period by the wall clock too: a replay of the past that pauses for a
    moment is no silence.
    """
    if progress.batch:
        return closing(span, progress, clocks)  # a complete job has said that this is all
    due_us = 2 * span.end_us - span.start_us
    return _closed_by(due_us, known_after_us(span, progress), progress, clocks)


def known_after_us(span: Span, progress: Progress) -> int:
    """The watermark that shows silence of a period after the window, and so the earliest moment for it."""
    return silent_us(span, progress, span.end_us - span.start_us)


def silent_us(span: Span, progress: Progress, quiet_us: int) -> int:
    """The watermark that shows that nothing came for `quiet_us` after the window and the last rows.

    One that is older than the endpoint's last rows says nothing about a backlog built up since.
    """
    return max(span.end_us, progress.committed_us) + quiet_us


def _closed_by(due_us: int, known_us: int, progress: Progress, clocks: Clocks) -> Closing:
    if clocks.now_us < due_us:
        return Closing.WAITS_FOR_CLOCK
    if progress.last_request_us is not None and progress.last_request_us >= due_us:
        return Closing.PASSED
    if clocks.now_us < known_us:
        return Closing.WAITS_FOR_CLOCK
    return Closing.SILENT if clocks.watermark_us >= known_us else Closing.WAITS_FOR_WATERMARK


def incomplete(span: Span, progress: Progress, by: Closing, silence: bool = False) -> int:
    """Bits that say that the endpoint's data begin or end inside a window closed `by` this, more than a
    tenth of its length from its edge; and whether `silence` of a period is known to follow it then.

    Only silence tells an end of the data: newer data prove that there is none, and a completed batch
    job has said that this is all.
    """
    length = span.end_us - span.start_us
    bits = 0
    first, last = progress.first_request_us, progress.last_request_us
    if first is not None and first < span.end_us and (first - span.start_us) * _EDGE > length:
        bits |= BEGINS_INSIDE
    if by is Closing.SILENT and last is not None and (span.end_us - last) * _EDGE > length:
        bits |= ENDS_INSIDE
    return bits | PARTIAL if bits and silence else bits


def may_become_partial(bits: int, followed: bool, rows: int, min_rows: int) -> bool:
    """Whether a window that was judged as incomplete gets a verdict once silence follows it: with rows
    enough, as long as nothing came in the period after it."""
    return 0 < bits < PARTIAL and not followed and rows >= min_rows


def is_stale(span: Span, period_us: int, now_us: int, grace_us: int) -> bool:
    """Whether a verdict on this window is older than it looks: the window after it is due too, and nothing
    newer has been said for a period. `period_us` is how long the app's windows are now.

    >>> is_stale(Span(0, 600), 600, 600 + 2 * 600 + 30, 30), is_stale(Span(0, 600), 600, 1_831, 30)
    (False, True)
    """
    return now_us > span.end_us + 2 * max(period_us, span.end_us - span.start_us) + grace_us


def check_at(span: Span, *, batch: bool, reopened: bool, now_us: int, grace_us: int) -> int:
    """The earliest moment at which a window that has just changed may be closed; in the past for one
    that is due at once."""
    earliest_us = span.start_us if batch else span.end_us + grace_us
    return max(earliest_us, now_us + grace_us) if reopened else earliest_us


def retry_wait_us(sends: int, first_wait_us: int) -> int:
    """How long an answer is waited for before the window may be sent again; doubles with every send.

    >>> [retry_wait_us(sends, 10) for sends in (1, 2, 3)]
    [10, 20, 40]
    """
    return first_wait_us << min(sends - 1, _LONGEST_DOUBLING)


def postponed_wait_us(waited_us: int, first_wait_us: int) -> int:
    """How long a window whose app waits for something is left alone: as long as it has waited so far,
    between the first wait and an hour.

    >>> [postponed_wait_us(waited, 10) for waited in (0, 10, 20, 40)]
    [10, 10, 20, 40]
    """
    return min(max(waited_us, first_wait_us), max(first_wait_us, _LONGEST_POSTPONED_US))


def has_tries_left(sends: int, attempts: int, allowed: int) -> bool:
    """Whether a failed window may be sent again: sent less often than `allowed` and started less often.

    An app that is killed starts a window again without being sent it again.
    """
    return max(sends, attempts) < allowed


def state_of(
    *, waiting: bool, unanswered: bool, outcome: str, checked: bool, tries_left: bool
) -> WindowState:
    """Where a window stands. `waiting`: rows came that the app was not sent; `unanswered`: it did not
    answer what it was sent; `checked`: the controller will look at it again."""
    if waiting:
        return WindowState.WAITING
    if unanswered:
        return (
            WindowState.SENT if checked else WindowState.FAILED
        )  # no answer came, however often it was sent
    if outcome == DONE:
        return WindowState.DONE
    again = checked and (tries_left or outcome == UNAVAILABLE)
    return WindowState.RETRYING if again else WindowState.FAILED
