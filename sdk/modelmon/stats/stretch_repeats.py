"""Rows that come again within one stretch of time: how many, and how much that varies between stretches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.profile import StretchRepeats
from modelmon.stats.repeats import Codes
from modelmon.stats.stretches import Cut, bound_factor

Floats = NDArray[np.float64]


def stretch_repeats(codes: Codes, cut: Cut) -> StretchRepeats:
    """Of rows with these codes, the same for rows that are alike.

    >>> cut = Cut.of(np.arange(6.0), 0.0, 3.0)
    >>> found = stretch_repeats(np.array([7, 7, 8, 7, 8, 9]), cut)
    >>> found.rows, found.hits, round(found.variance, 2)
    (6, 1, 0.24)
    """
    inside = cut.place >= 0
    place, code = cut.place[inside], codes[inside]
    order = np.lexsort((code, place))
    place, code = place[order], code[order]
    again = np.zeros(place.size, dtype=bool)
    again[1:] = (place[1:] == place[:-1]) & (code[1:] == code[:-1])
    hits = np.bincount(place, again, minlength=cut.looked_at)
    rows = np.bincount(place, minlength=cut.looked_at).astype(np.float64)
    counts = hits[rows > 0].astype(np.float64)
    return StretchRepeats(place.size, int(hits.sum()), between(counts, rows[rows > 0]))


def between(hits: Floats, rows: Floats) -> float:
    """The variance of a share between stretches with so many `hits` of `rows` each, beside chance.

    At the upper bound that it lies below with 90 %, as `stretches.variances` has it; 0 of fewer than two.
    """
    if rows.size < 2 or not rows.sum():
        return 0.0
    share = hits.sum() / rows.sum()
    bound = float(bound_factor(np.array(rows.size)))
    squares = float((rows * (hits / rows - share) ** 2).sum()) * bound
    return max(0.0, float((squares - rows.size * share * (1 - share)) / rows.sum()))
