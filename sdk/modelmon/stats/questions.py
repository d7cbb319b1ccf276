"""What is asked of each feature, stacked over all features of a profile in arrays.

Of every feature: its four shapes, the share of each cell up or down, what lies outside of the training range
or in no listed category, what lies far outside, and what is missing. Each is linear in the counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.profile import FeatureProfile, Profile
from modelmon.stats.shapes import SHAPES, shape_scores, tilts

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

WEIGHTS = {"shape": 0.5, "share": 0.2, "outside": 0.1, "far": 0.1, "missing": 0.1}
"""How a feature's part of the budget is split over its kinds of questions; those it lacks leave theirs."""
POINTS = 0.02
"""Least change of a share as a part of the floor: at the default floor of 0.1 it is 0.2 points."""
KNOWN_ROWS = 10.0
"""No share is known better than by this many rows of the reference."""
TWO_VALUES = 7
"""Cells of a feature that has two values: beside theirs two below, two above and one for the missing."""
FAR_ROWS = 100.0
"""Rows by which what lies far outside is known, divided by the least change of a share."""


class Asks(IntEnum):
    """What the count of one cell is asked for."""

    NOTHING = 0
    SHARE = 1
    OUTSIDE = 2
    MISSING = 3


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """A profile as arrays over (features, cells); what a feature has no cell for is 0."""

    asks: NDArray[np.int8]
    """(features, cells) of `Asks`."""
    seen: Floats
    """Rows of the reference, what is outside summed up (see `asked_counts`)."""
    present: Floats
    """(features,) rows of the reference that have a value."""
    rows: Floats
    """(features, cells) rows that the share of a cell is taken of: present ones; of the missing all."""
    shares: Floats
    """Shares of the present rows in each cell; 0 for the missing."""
    scores: Floats
    """(features, 4, cells)."""
    score_between: Floats
    """(features, 4) variance between stretches of time."""
    score_error: Floats
    """(features, 4) the same, with the reference's own error."""
    share_error: Floats
    """(features, cells) variance between stretches of time, and the reference's own error."""
    missing_at: Places
    """(features,) the cell of the missing."""
    far: Floats
    """(features,) rows of the reference that lie far outside, as infinities do."""
    numeric: Places
    """Lines of the features whose outermost cells lie far outside."""

    @property
    def above_at(self) -> Places:
        """Per numeric feature the cell just above the training range; far above is the next one."""
        return self.missing_at[self.numeric] - 2


@lru_cache(maxsize=32)
def questions_of(profile: Profile, length: int | None) -> Questions:
    """The questions of a profile, with what varies between stretches of its `length`-th length."""
    features, width = profile.features, profile.width
    known = np.array([_padded(_known_counts(feature), width) for feature in features]).reshape(-1, width)
    missing_at = np.array([feature.counts.size - 1 for feature in features], dtype=np.intp)
    lines = np.arange(len(features))
    missing = known[lines, missing_at]
    known[lines, missing_at] = 0.0
    present = known.sum(1)
    shares = known / np.maximum(present, 1.0)[:, None]
    rows = np.repeat(present[:, None], width, axis=1)
    rows[lines, missing_at] = present + missing
    known[lines, missing_at] = missing
    numeric = np.flatnonzero([feature.is_numeric for feature in features])
    seen = asked_counts(known, missing_at, numeric)
    score_between, share_between, stretches = _between(profile, length, width)
    chance = (seen + 1) / (rows + 2)
    one = np.maximum(rows, 1.0)
    far = np.zeros(len(features))
    far[numeric] = known[numeric, 0] + known[numeric, missing_at[numeric] - 1]
    return Questions(
        asks=np.array([_asks(feature, width) for feature in features], dtype=np.int8).reshape(-1, width),
        seen=seen,
        present=present,
        rows=rows,
        shares=shares,
        scores=_scores(features, shares, width),
        score_between=score_between,
        score_error=1 / np.maximum(present, 1.0)[:, None] + score_between * (1 + 1 / stretches),
        share_error=chance * (1 - chance) / one + share_between * (1 + 1 / stretches),
        missing_at=missing_at,
        far=far,
        numeric=numeric,
    )


def asked_counts(counts: Floats, missing_at: Places, numeric: Places) -> Floats:
    """Counts (…, features, cells) with what lies far outside also counted as outside."""
    asked = counts.copy()
    above = missing_at[numeric] - 2
    asked[..., numeric, 1] += counts[..., numeric, 0]
    asked[..., numeric, above] += counts[..., numeric, above + 1]
    return asked


def _known_counts(feature: FeatureProfile) -> Floats:
    """The counts, where what is not listed holds what it is expected to hold.

    A listed category is listed because it was frequent, also by luck.
    Source: Good, "The Population Frequencies of Species", Biometrika 40, 1953.
    """
    counts = feature.counts.copy()
    listed = float(counts[1:-2].sum())
    if feature.unlisted > counts[-2] and listed:
        counts[1:-2] *= max(1 - (feature.unlisted - float(counts[-2])) / listed, 0.0)
        counts[-2] = feature.unlisted
    return counts


def _asks(feature: FeatureProfile, width: int) -> Floats:
    asks = np.full(feature.counts.size, int(Asks.SHARE))
    asks[0] = Asks.NOTHING
    asks[-2] = Asks.NOTHING if feature.is_numeric else Asks.OUTSIDE
    asks[-1] = Asks.MISSING
    if feature.is_numeric:
        asks[[1, -3]] = Asks.OUTSIDE
        if feature.kind == "boolean" and asks.size == TWO_VALUES:
            asks[2] = Asks.NOTHING  # as many are false as are not true
    return _padded(asks.astype(np.float64), width)


def _scores(features: tuple[FeatureProfile, ...], shares: Floats, width: int) -> Floats:
    scores = np.zeros((len(features), len(SHAPES), width))
    for line, (feature, share) in enumerate(zip(features, shares, strict=True)):
        if feature.is_numeric:
            size = feature.counts.size - 1
            scores[line, :, :size] = shape_scores(share[:size])
    return scores


def _between(profile: Profile, length: int | None, width: int) -> tuple[Floats, Floats, float]:
    features = profile.features
    if length is None:
        return np.zeros((len(features), len(SHAPES))), np.zeros((len(features), width)), np.inf
    shapes = np.array([feature.shape_variance[length] for feature in features])
    shares = np.array([_padded(feature.share_variance[length], width) for feature in features])
    stretches = profile.stretches[length]
    return (
        shapes.reshape(-1, len(SHAPES)),
        shares.reshape(-1, width),
        float(stretches.averaged or stretches.number),
    )


def _padded(values: Floats, width: int) -> Floats:
    return np.pad(values, (0, width - values.size))


@dataclass(frozen=True, slots=True, eq=False)
class Floors:
    """What each question must exceed: the largest change that is not worth an alarm."""

    floor: Floats
    """(features,) in sigma of a shape."""
    tilt: Floats
    """(features, 4, 2) to the floor downward and upward."""
    highest: Floats
    """(features, cells) the share at the floor above."""
    lowest: Floats
    """(features, cells) the share at the floor below."""
    far_rows: Floats
    """(features,) reference rows that what lies far outside is held against."""


@lru_cache(maxsize=64)
def floors_of(profile: Profile, length: int | None, floor: tuple[float, ...]) -> Floors:
    """The floors of a profile's questions, given one in sigma for each feature."""
    asked = questions_of(profile, length)
    sigma = np.array(floor, dtype=np.float64)
    chance = (asked.seen + 1) / (asked.rows + 2)
    one = np.maximum(asked.rows, 1.0)
    room = np.maximum(POINTS * sigma[:, None], KNOWN_ROWS / one)
    room = np.maximum(sigma[:, None] * np.sqrt(chance * (1 - chance)), room) * (sigma[:, None] > 0)
    with np.errstate(divide="ignore"):
        far_rows = np.minimum(asked.present, FAR_ROWS / (POINTS * sigma))
    return Floors(
        floor=sigma,
        tilt=_tilts(asked, sigma),
        highest=np.minimum(chance + room, 1.0),
        lowest=np.maximum(asked.seen / one - room, 0.0),
        far_rows=far_rows,
    )


def _tilts(asked: Questions, sigma: Floats) -> Floats:
    lines, shapes, _ = asked.scores.shape
    scores = asked.scores.reshape(lines * shapes, -1)
    shares = np.repeat(asked.shares, shapes, axis=0)
    change = np.repeat(sigma, shapes)
    found = [tilts(shares, scores, sign * change) for sign in (-1.0, 1.0)]
    return np.stack(found, axis=-1).reshape(lines, shapes, 2)
