"""How a feature's level answers when all its values move by as much: what turns a level into its own unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.shapes import shape_scores

Floats = NDArray[np.float64]

STEPS = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0])
"""Shifts of the table, in scales."""
POINTS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class LevelShifts:
    """Levels of the training rows after shifts by `STEPS * scale`, upward and downward."""

    scale: float
    """A standard deviation of the bulk, in the feature's unit; more than 0."""
    up: Floats
    """(11,) levels, not descending, at least 0."""
    down: Floats
    """(11,) levels, not ascending, at most 0."""


def level_shifts(values: Floats, edges: Floats, counts: Floats) -> LevelShifts | None:
    """The table for `values` (finite ones count) on cells of `edges` with `counts` of the training set.

    None where a shift has no meaning: a feature without shapes (see `shape_scores`).
    """
    present = counts[:-1]
    scores = shape_scores(present / max(present.sum(), 1.0))[0]
    finite = np.sort(values[np.isfinite(values)])
    if not scores.any() or not finite.size:
        return None
    if finite.size > POINTS:
        finite = finite[np.linspace(0, finite.size - 1, POINTS).astype(int)]
    scale = _scale(finite)
    base = float(scores[np.searchsorted(edges, finite, side="right")].mean())

    def levels(sign: float) -> Floats:
        with np.errstate(over="ignore"):
            moved = finite[None, :] + sign * scale * STEPS[:, None]
        return np.asarray(scores[np.searchsorted(edges, moved, side="right")].mean(1) - base)

    up, down = np.maximum.accumulate(levels(1.0)), np.minimum.accumulate(levels(-1.0))
    return LevelShifts(scale, np.maximum(up, 0.0).round(4), np.minimum(down, 0.0).round(4) + 0.0)


def _scale(finite: Floats) -> float:
    """From the quartiles, which no outlier moves; where half of the rows are one value, from all rows."""
    low, high = np.quantile(finite, (0.25, 0.75)).tolist()
    with np.errstate(over="ignore"):
        scale = high / 1.349 - low / 1.349 or float(finite.std()) or float(finite[-1] - finite[0])
    return float(np.clip(scale, 5e-324, 1e300)) if scale else 1.0


def shift_of_level(levels: Floats, up: Floats, scales: Floats) -> Floats:
    """The shift (features,) in each feature's unit that reaches `levels` (features,), all at least 0.

    `up` is (features, 11), ascending. +inf where no shift of the table reaches it, NaN where `scales` is.
    """
    table = np.concatenate([np.zeros((up.shape[0], 1)), up], axis=1)
    steps = np.concatenate([[0.0], STEPS])
    right = np.minimum((table < levels[:, None]).sum(1), steps.size - 1)
    left = np.maximum(right - 1, 0)
    rows = np.arange(levels.size)
    low, high = table[rows, left], table[rows, right]
    share = np.divide(levels - low, high - low, out=np.zeros(levels.size), where=high > low)
    found = scales * (steps[left] + np.clip(share, 0.0, 1.0) * (steps[right] - steps[left]))
    return np.where(levels > table[:, -1], np.where(np.isnan(scales), np.nan, np.inf), found)
