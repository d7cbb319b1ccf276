"""What a judgement of a window may rest on: how windows of its length varied in the training set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modelmon.counting import count
from modelmon.stats.profile import Profile

DAY = 86_400.0
WEEKS = 14 * DAY
ENOUGH = 20
"""Stretches of a window's length that a training set must have had."""

How = Literal["by time", "assumed independent", "too little reference"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far the thresholds of a judgement know what is usual from one window to the next."""

    how: How
    stretches: int
    """Stretches of time that the variance between windows was taken from; 0 without a time column."""
    why: str
    """In words, what there was and what is wanted."""

    @property
    def may_detect(self) -> bool:
        """Whether an alarm may be called detected; without, it is potential at most."""
        return self.how == "by time"


def length_for(profile: Profile, window_seconds: float | None) -> int | None:
    """The place in `profile.stretches` of the longest length that is no longer than the window.

    Shorter stretches vary more, so thresholds are never too low by it; where all are longer, the shortest.
    None without a time column. Without a window's length it is the shortest.
    """
    if not profile.stretches:
        return None
    lengths = [stretch.seconds for stretch in profile.stretches]
    fitting = [place for place, seconds in enumerate(lengths) if seconds <= (window_seconds or 0.0) * 1.001]
    return fitting[-1] if fitting else 0


def calibration(profile: Profile, window_seconds: float | None) -> Calibration:
    """What judging windows of this length against this profile rests on.

    By time: the training set has a time column, holds at least 20 stretches of the window's length, and for
    windows shorter than a day at least two whole weeks.
    """
    place = length_for(profile, window_seconds)
    if place is None:
        return Calibration(
            "assumed independent",
            0,
            "the training set has no time column, so its rows are taken as independent",
        )
    stretches = profile.stretches[place]
    span = _words(profile.span_seconds)
    found = f"{count(stretches.number, 'stretch')} of {_words(stretches.seconds)} in {span}"
    lacking = _lacking(profile, stretches.seconds, stretches.number, window_seconds)
    if not lacking and stretches.checked is not None and stretches.checked < ENOUGH:
        lacking = f"{stretches.checked} of them were judged like this before, {ENOUGH} are wanted"
    if lacking:
        return Calibration("too little reference", stretches.number, f"{found}; {lacking}")
    return Calibration("by time", stretches.number, found)


def _lacking(profile: Profile, seconds: float, number: int, window_seconds: float | None) -> str:
    if window_seconds is None:
        return "the window has no length"
    if seconds > window_seconds * 1.001:
        return f"none as short as the window of {_words(window_seconds)}"
    if min(number, profile.span_seconds / window_seconds * 1.001) < ENOUGH:
        return f"{ENOUGH} as long as the window of {_words(window_seconds)} are wanted"
    if window_seconds < DAY and profile.span_seconds < WEEKS * 0.999:
        return "windows shorter than a day want two whole weeks"
    return ""


def _words(seconds: float) -> str:
    for unit, size in (("day", DAY), ("hour", 3600.0), ("minute", 60.0), ("second", 1.0)):
        if seconds >= size or size == 1.0:
            return f"{seconds / size:.3g} {unit}{'' if round(seconds / size, 2) == 1 else 's'}"
    raise AssertionError("unreachable")
