"""What the drift app compares a window with: the training set, like windows of past weeks, recent ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelmon.counting import count
from modelmon.drift_choices.choices import REFERENCES
from modelmon.errors import ConfigError, no_such
from modelmon.ledger.past_windows import KeptWindow
from modelmon.ledger.references import POLICY
from modelmon.model import from_us, to_us

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats import Profile

TRAINING, SEASON, RECENT = REFERENCES
LEARNING = "learning"
SLACK = 3 * 86_400
"""Seconds by which the oldest window may begin later than the first one asked for, as after a weekend."""
BLIND = {
    TRAINING: "",
    SEASON: "a change that stays alarms for three weeks, then it is learned; `slow_drift` and "
    "`drift_from_training`, which know the training set, still tell it",
    RECENT: "slow changes: what moves by less than the floor in five weeks is never told, and a change that "
    "stays alarms for four weeks, then it is learned; `drift_from_training` still tells it",
}
"""What a reference can't see, as it is said with every result."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a window is compared with; `profile` is None where there is nothing yet. `state`: why there is no
    verdict yet, "" where there is one."""

    reference: str
    profile: Profile | None
    words: str
    state: str = ""

    def shown(self) -> dict[str, Any]:
        """As each result says it."""
        blind = {"blind": BLIND[self.reference]} if BLIND[self.reference] else {}
        return {"reference": self.reference, "compared": self.words, **blind}


AGAINST_TRAINING = Compared(TRAINING, None, "the training set")


def checked_reference(reference: object) -> str | None:
    """The argument `reference` of the app, None: the setting. Raises ConfigError.

    >>> checked_reference("season")
    'season'
    """
    if reference is None or reference in REFERENCES:
        return None if reference is None else str(reference)
    said = f"reference: must be {', '.join(REFERENCES[:-1])} or {REFERENCES[-1]}, got {reference!r}"
    raise no_such(said, reference, REFERENCES) if isinstance(reference, str) else ConfigError(said)


def compared_with(
    context: MonitoringApplicationContext, reference: str, profile: Profile, floor: float
) -> Compared:
    """What this window is compared with. Raises UnavailableError."""
    if reference == TRAINING:
        return Compared(TRAINING, profile, _fixed_words(context))
    from modelmon.stats import calibration, like_starts, recent_profile, recent_starts, season_profile

    start, length = _seconds(context)
    starts_of, made_of = (
        (like_starts, season_profile) if reference == SEASON else (recent_starts, recent_profile)
    )
    starts = starts_of(start, length)
    past = context.past_windows.read(starts, length, cells_of(context, profile), profile, floor)
    made = made_of(profile, past, start_seconds=start, window_seconds=length, floor=floor)
    words = _words(reference, made)
    if made is None:
        return Compared(reference, None, words, LEARNING)
    is_young = min(window.start_seconds for window in past) > min(starts) + SLACK
    too_few = reference == SEASON and (made.stretches[0].averaged or 0) < 2
    is_learning = too_few or (is_young and not calibration(made, length).may_detect)
    return Compared(reference, made, words, LEARNING if is_learning else "")


def kept_window(
    context: MonitoringApplicationContext,
    profile: Profile,
    counts: NDArray[np.int64],
    alarmed: bool,
    stands_out: float | None,
    floor: float,
) -> KeptWindow:
    """What is kept of a window for those that are compared with it."""
    from modelmon.stats import pack_counts

    window = context.window
    return KeptWindow(
        start_us=to_us(window.start),
        end_us=to_us(window.end),
        cells=cells_of(context, profile),
        alarmed=alarmed,
        stands_out=stands_out,
        floor=floor,
        counts=pack_counts(counts, profile),
    )


def cells_of(context: MonitoringApplicationContext, profile: Profile) -> str:
    """What cells are known by: counts of other ones can't be compared with these."""
    known = context.model_endpoint.profile_hash
    if known:
        return known
    from modelmon.ledger.profiles import hash_of
    from modelmon.stats import profile_to_json

    return hash_of(profile_to_json(profile))


def _seconds(context: MonitoringApplicationContext) -> tuple[int, int]:
    """Start and length of the window in whole seconds: live a window is a number of minutes."""
    window = context.window
    return int(window.start.timestamp()), max(1, round((window.end - window.start).total_seconds()))


def _fixed_words(context: MonitoringApplicationContext) -> str:
    period = context.model_endpoint.policy.get(POLICY)
    if not period:
        return AGAINST_TRAINING.words
    start, end = (f"{from_us(period[name]):%Y-%m-%d %H:%M}" for name in ("start_us", "end_us"))
    return f"the rows from {start} to {end} UTC, which {period['who']} made the reference"


def _words(reference: str, made: Profile | None) -> str:
    if reference == SEASON:
        if made is None:
            return "the same time of the last four weeks, of which there is no window without an alarm yet"
        number = made.stretches[0].averaged or 0
        found = f"{count(number, 'window')} without an alarm, {count(made.rows, 'row')}"
        return f"the same time of the last four weeks, UTC: {found}"
    if made is None:
        return "the four weeks that ended a week ago, of which there is no window without an alarm yet"
    number = made.stretches[0].number
    found = f"{count(number, 'window')} without an alarm, {count(made.rows, 'row')}"
    return f"the four weeks that ended a week ago: {found}"
