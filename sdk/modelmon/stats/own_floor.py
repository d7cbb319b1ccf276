"""A floor in a feature's own unit, as the sigma that its questions are asked with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.profile import FeatureProfile
from modelmon.stats.shapes import shape_scores

Floats = NDArray[np.float64]

MOST = 1.99
"""The largest floor: no share and no shape can move by much more."""
POINTS = 32
"""Points that stand for the rows of a cell."""


def sigma_of_move(feature: FeatureProfile, amount: float) -> float | None:
    """The floor in sigma, from 0 to 1.99, below which a move of all values by `amount` lies, up or down.

    The rows of each cell are taken to be spread evenly over it. It is the largest change that such a move
    makes of any shape (see `shape_scores`) or of the share of any cell, by the share's standard deviation;
    so none of these questions alarms over it. What comes to lie outside of the training range counts to the
    cell beside it, for the profile does not know its outermost rows better. 0 for an `amount` of 0; None for
    what has no unit: categories, true and false, and a feature without rows.

    >>> import pyarrow as pa
    >>> from modelmon.stats import profile
    >>> made = profile(pa.table({"x": [float(value) for value in range(1000)]}))
    >>> [round(sigma_of_move(made.features[0], amount), 2) for amount in (0, 20, 100, 1e9)]
    [0.0, 0.12, 0.57, 1.99]
    """
    present = feature.counts[:-1]
    if feature.kind != "numeric" or not present.sum():
        return None
    known = present / present.sum()
    chance = (present[2:-2] + 1) / (present.sum() + 2)
    scores = shape_scores(known)
    largest = 0.0
    for sign in (-1.0, 1.0):
        change = _moved(feature, sign * amount) / present.sum() - known
        shares = np.abs(change[2:-2]) / np.sqrt(chance * (1 - chance))
        largest = max(largest, float(np.abs(scores @ change).max()), float(shares.max(initial=0.0)))
    return min(largest, MOST)


def _moved(feature: FeatureProfile, amount: float) -> Floats:
    """Rows (cells + 2,) in each cell after a move of all values but those far outside."""
    low, high = feature.edges[:-1, None], feature.edges[1:, None]
    part = (np.arange(POINTS) + 0.5) / POINTS
    with np.errstate(over="ignore"):
        values = low * (1 - part) + high * part + amount
    values = np.clip(values, feature.edges[1], np.nextafter(feature.edges[-2], -np.inf))
    places = np.searchsorted(feature.edges, values.ravel(), side="right")
    weights = np.repeat(feature.counts[1:-2] / POINTS, POINTS)
    moved: Floats = np.bincount(places, weights, minlength=feature.counts.size - 1).astype(np.float64)
    moved[[0, -1]] += feature.counts[[0, -2]]
    return moved
