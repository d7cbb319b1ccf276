"""What to do with a window that is due: pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelmon.ledger.due_windows import NEVER_US, DueWindow
from modelmon.settings import Settings
from modelmon.windows import (
    DONE,
    FAILED,
    UNAVAILABLE,
    Clocks,
    Closing,
    after,
    closing,
    has_tries_left,
    incomplete,
    known_after_us,
    may_become_partial,
    postponed_wait_us,
    retry_wait_us,
    silent_us,
)

ABSENT_APP_US = 60_000_000
"""Windows of an app that is not registered now are looked at again after this long."""


@dataclass(frozen=True, slots=True)
class Send:
    """Publish this revision of the window and look at it again after `wait_us`. `again`: it was published
    before."""

    window: DueWindow
    revision: int
    incomplete: int
    wait_us: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Want:
    """Want the window anew: what follows it is known now."""

    window: DueWindow


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Look at the window again at `at_us`; None: there is nothing left to do."""

    window: DueWindow
    at_us: int | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave the window alone until the watermark has come to `watermark_us`, or news of its endpoint come."""

    window: DueWindow
    watermark_us: int


Decision = Send | Want | LookAgain | Wait


@dataclass(frozen=True, slots=True)
class Rules:
    """What decisions depend on besides the window. `nothing_underway` tells of an app whether all its
    windows have been read and all reports been written, so that a missing answer won't come."""

    clocks: Clocks
    min_rows: int
    attempts: int
    retry_us: int
    apps: frozenset[str]
    nothing_underway: Callable[[str], bool]

    @classmethod
    def of(
        cls, settings: Settings, clocks: Clocks, apps: frozenset[str], nothing_underway: Callable[[str], bool]
    ) -> Rules:
        retry_us = round(settings.app_retry_seconds * 1e6)
        return cls(clocks, settings.app_min_rows, settings.app_attempts, retry_us, apps, nothing_underway)


def decide(window: DueWindow, rules: Rules) -> Decision:
    """What to do with this window now."""
    if window.endpoint_name is None:  # the endpoint was deleted
        return LookAgain(window, None)
    if window.key.application_name not in rules.apps:
        return LookAgain(window, rules.clocks.now_us + ABSENT_APP_US)
    if window.wanted > window.sent:
        return _first_send(window, rules)
    if window.answered < window.sent:
        return _unanswered(window, rules)
    return _answered(window, rules)


def _first_send(window: DueWindow, rules: Rules) -> Decision:
    reopened_us = window.dirty_us if window.sent else None
    found = closing(window.span, window.progress, rules.clocks, reopened_us)
    if not found.closed:
        return _wait(window, found, rules.clocks, reopened_us)
    silence = not window.followed and after(window.span, window.progress, rules.clocks).closed
    bits = 0 if window.empty else incomplete(window.span, window.progress, found, silence)
    return Send(window, window.wanted, bits, retry_wait_us(1, rules.retry_us))


def _wait(window: DueWindow, found: Closing, clocks: Clocks, reopened_us: int | None) -> Decision:
    """Until the clock comes that the window waits for; then nothing but news of its endpoint, or that there
    are none, can close it."""
    if found is Closing.WAITS_FOR_COMPLETION:
        return Wait(window, NEVER_US)
    due_us = window.span.end_us if reopened_us is None else max(reopened_us, window.span.end_us)
    if clocks.now_us < due_us + clocks.grace_us:
        return LookAgain(window, due_us + clocks.grace_us)
    return Wait(window, silent_us(window.span, window.progress, clocks.grace_us))


def _answered(window: DueWindow, rules: Rules) -> Decision:
    if window.outcome == UNAVAILABLE:
        waited_us = rules.clocks.now_us - window.dirty_us
        return _again(window, postponed_wait_us(waited_us, rules.retry_us))
    if window.outcome == FAILED and has_tries_left(window.sends, window.attempts, rules.attempts):
        return _again(window, retry_wait_us(window.sends + 1, rules.retry_us))
    if window.outcome == DONE and may_become_partial(
        window.incomplete, window.followed, window.rows, rules.min_rows
    ):
        return _partly_covered(window, rules.clocks)
    return LookAgain(window, None)


def _partly_covered(window: DueWindow, clocks: Clocks) -> Decision:
    found = after(window.span, window.progress, clocks)
    if found.closed:
        return Want(window)
    known_us = known_after_us(window.span, window.progress)
    return Wait(window, known_us) if found is Closing.WAITS_FOR_WATERMARK else LookAgain(window, known_us)


def _unanswered(window: DueWindow, rules: Rules) -> Decision:
    """The app may still be at work, or down: only what has got lost is sent again."""
    if not rules.nothing_underway(window.key.application_name):
        return LookAgain(window, rules.clocks.now_us + retry_wait_us(window.sends, rules.retry_us))
    if window.sends >= rules.attempts:
        return LookAgain(window, None)
    return _again(window, retry_wait_us(window.sends + 1, rules.retry_us))


def _again(window: DueWindow, wait_us: int) -> Send:
    return Send(window, window.sent, window.incomplete, wait_us, again=True)
