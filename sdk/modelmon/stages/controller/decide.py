"""What to do with a window that is due: pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelmon.settings import Settings
from modelmon.stores.due_windows import DueWindow
from modelmon.windows import Clocks, Standing, has_tries_left, incomplete, retry_wait_us, standing

ABSENT_APP_US = 60_000_000
"""Windows of an app that is not registered now are looked at again after this long."""


@dataclass(frozen=True, slots=True)
class Send:
    """Publish this revision of the window. `again`: it was published before."""

    window: DueWindow
    revision: int
    incomplete: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Look at the window again at `at_us`; None: there is nothing left to do."""

    window: DueWindow
    at_us: int | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave the window as it is."""

    standing: Standing


Decision = Send | LookAgain | Wait


@dataclass(frozen=True, slots=True)
class Rules:
    """What decisions depend on besides the window. `nothing_underway` tells of an app whether all its
    windows have been read and all reports been written, so that a missing answer won't come."""

    clocks: Clocks
    attempts: int
    retry_us: int
    apps: frozenset[str]
    nothing_underway: Callable[[str], bool]

    @classmethod
    def of(
        cls, settings: Settings, clocks: Clocks, apps: frozenset[str], nothing_underway: Callable[[str], bool]
    ) -> Rules:
        return cls(
            clocks, settings.app_attempts, round(settings.app_retry_seconds * 1e6), apps, nothing_underway
        )


def decide(window: DueWindow, rules: Rules) -> Decision:
    """What to do with this window now."""
    if window.endpoint_name is None:  # the endpoint was deleted
        return LookAgain(window, None)
    if window.key.application_name not in rules.apps:
        return LookAgain(window, rules.clocks.now_us + ABSENT_APP_US)
    if window.wanted > window.sent:
        return _first_send(window, rules.clocks)
    if window.answered < window.sent:
        return _unanswered(window, rules)
    return _answered(window, rules)


def _first_send(window: DueWindow, clocks: Clocks) -> Decision:
    found = standing(window.span, window.progress, clocks, window.dirty_us if window.sent else None)
    if not found.closed:
        return Wait(found)
    return Send(window, window.wanted, incomplete(window.span, window.progress, found))


def _answered(window: DueWindow, rules: Rules) -> Decision:
    again = window.outcome == "failed" and has_tries_left(window.sends, window.attempts, rules.attempts)
    return _again(window) if again else LookAgain(window, None)


def _unanswered(window: DueWindow, rules: Rules) -> Decision:
    """The app may still be at work, or down: only what has got lost is sent again."""
    if not rules.nothing_underway(window.key.application_name):
        return LookAgain(window, rules.clocks.now_us + retry_wait_us(window.sends, rules.retry_us))
    return _again(window) if window.sends < rules.attempts else LookAgain(window, None)


def _again(window: DueWindow) -> Send:
    return Send(window, window.sent, window.incomplete, again=True)
