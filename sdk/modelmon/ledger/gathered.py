"""What windows come to together, and what is said of each: pure.

An alarm takes back what was gathered. So that a drift which goes on is one alarm, and not one every so often,
an alarm holds for as many windows as it took to be raised: in that time it comes again if the drift goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelmon.counting import count
from modelmon.model import ResultStatusApp

if TYPE_CHECKING:
    from modelmon.stats import Profile
    from modelmon.stats.e_detector import Folded

Floats = NDArray[np.float64]
Said = tuple[int, float, str]
"""Status, value and extra data of a window."""
CALM = int(ResultStatusApp.no_detection)


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What the fold goes on from (empty: from nothing), over how many windows since the last alarm, and for
    how many more that alarm holds."""

    state: Floats = field(default_factory=lambda: np.zeros(0))
    windows: int = 0
    standing: int = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is no alarm in sigma, and the weight and the floor of each feature; None: all are alike."""

    floor: float
    weights: tuple[float, ...] | None = None
    floors: tuple[float, ...] | None = None

    @staticmethod
    def of(floor: float, kept: bytes | None, features: int) -> Chosen:
        """As it is kept with the sums of windows: weights, then floors."""
        if not kept or len(kept) != 16 * features:
            return Chosen(floor)
        numbers = np.frombuffer(kept, dtype="<f8").tolist()
        return Chosen(floor, tuple(numbers[:features]), tuple(numbers[features:]))

    def floor_of(self, line: int) -> float:
        return self.floor if self.floors is None else self.floors[line]


def gather(
    before: Gathered, sums: Floats, profile: Profile, budget: float, chosen: Chosen, window_seconds: float
) -> tuple[Callable[[int], Iterator[Said]], Gathered]:
    """Gather windows (windows, features, 5) of one length on to what was before.

    Returns what is said of each window, given the highest status that an alarm may have, and what to go on
    from.
    """
    from modelmon.stats.e_detector import bets_of, fold

    bets = bets_of(
        profile, floor=chosen.floor, window_seconds=window_seconds,
        weights=chosen.weights, floors=chosen.floors,
    )  # fmt: skip
    folded = fold(before.state if before.state.size else None, sums, bets, budget=budget)
    counts, standing, after = _held(before, folded)

    def said(most: int) -> Iterator[Said]:
        for place, evidence in enumerate(folded.evidence.tolist()):
            ratio = math.log1p(evidence) / math.log1p(1 / budget)
            is_alarm = bool(folded.alarms[place]) or standing[place]
            value = max(ratio, 1.0) if is_alarm else min(ratio, 1.0)
            extra = _extra(profile, folded, place, counts[place], budget, chosen, most, standing[place])
            yield (most if is_alarm else CALM), value, extra

    return said, after


def _held(before: Gathered, folded: Folded) -> tuple[list[int], list[bool], Gathered]:
    """Per window over how many it was gathered, and whether an alarm of before still holds."""
    windows, left = before.windows, before.standing
    counts, standing = [], []
    for is_alarm in folded.alarms.tolist():
        windows += 1
        counts.append(windows)
        standing.append(left > 0 and not is_alarm)
        left = windows if is_alarm else max(0, left - 1)
        windows = 0 if is_alarm else windows
    return counts, standing, Gathered(folded.state.ravel(), windows, left)


def _extra(
    profile: Profile,
    folded: Folded,
    place: int,
    windows: int,
    budget: float,
    chosen: Chosen,
    most: int,
    stands: bool,
) -> str:
    from modelmon.stats.shapes import SHAPES

    threshold = "detected_threshold" if most == ResultStatusApp.detected else "potential_threshold"
    extra: dict[str, Any] = {
        threshold: 1.0,
        "windows": windows,
        "budget": {"words": "its half of the app's part", "probability": budget},
        "floor": chosen.floor,
    }
    told = count(windows, "window")
    line, shape, up = folded.leading[place].tolist()
    if folded.evidence[place] > 1 and not stands:
        name, way = profile.features[line].name, "up" if up else "down"
        extra["feature"], extra["floor"] = name, chosen.floor_of(line)
        extra["findings"] = {name: [f"`{name}` {SHAPES[shape]} {way}, gathered over {told}"]}
    extra["why"] = (
        f"1 is the least that alarms: what is gathered over windows alarms falsely once in {1 / budget:,.0f} "
        "windows or less" + ("; the last alarm still holds" if stands else "")
    )
    if stands:
        extra["next"] = "look at the last window that alarmed: it names the feature"
    elif folded.alarms[place]:
        extra["next"] = "compare the named feature with the reference, over the last " + (
            "window" if windows == 1 else told
        )
    return msgspec.json.encode(extra).decode()
