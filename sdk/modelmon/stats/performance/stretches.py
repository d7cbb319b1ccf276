"""How much a metric varies from one stretch of the reference to the next, beside the chance of its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.calibration import ENOUGH, How
from modelmon.stats.performance.estimate import Estimate
from modelmon.stats.stretches import bound_factor

CUTS = (20, 50, 100)
LEAST_ROWS = 50

Measured = Callable[[NDArray[np.intp]], Estimate]
"""A metric of the rows at these places."""


@dataclass(frozen=True, slots=True)
class StretchVariance:
    """Of stretches of `rows` rows: the variance of the metric between them that chance does not explain, at
    its upper bound of 90 %."""

    rows: int
    variance: float


def stretch_variances(measured: Measured, rows: int) -> tuple[StretchVariance, ...]:
    """For a reference of `rows` rows in order of time, cut into 20, 50 and 100 stretches; shortest first.

    Cuts that leave less than 50 rows to a stretch are left out: none at all for a reference of less than
    1,000 rows. Stretches in which the metric is not defined are passed over.

    >>> from modelmon.stats.performance import mae
    >>> level = np.repeat(np.arange(20.0) % 2, 100)
    >>> found = stretch_variances(lambda places: mae(0 * level[places], level[places]), 2000)
    >>> found[-1].rows, found[-1].variance > 0.25
    (100, True)
    """
    found = [_variance(measured, rows, cut) for cut in reversed(CUTS) if rows // cut >= LEAST_ROWS]
    return tuple(each for each in found if each is not None)


def variance_for(found: tuple[StretchVariance, ...], rows: int) -> float:
    """That of the longest stretches that are no longer than a window; shorter ones vary more.

    >>> variance_for((StretchVariance(50, 0.3), StretchVariance(200, 0.1)), 120)
    0.3
    """
    fitting = [each.variance for each in found if each.rows <= rows]
    return fitting[-1] if fitting else found[0].variance if found else 0.0


def how_known(found: tuple[StretchVariance, ...], reference_rows: int, rows: int) -> How:
    """What a verdict on a window of `rows` rows rests on.

    By time: its reference holds 20 stretches as long as the window. How much longer windows vary can only be
    taken from shorter stretches, which know nothing of what changes from week to week.

    >>> stretches = (StretchVariance(500, 0.01),)
    >>> how_known(stretches, 10_000, 500), how_known(stretches, 10_000, 501), how_known((), 10_000, 10)
    ('by time', 'too little reference', 'assumed independent')
    """
    if not found:
        return "assumed independent"
    return "by time" if rows * ENOUGH <= reference_rows else "too little reference"


def _variance(measured: Measured, rows: int, cut: int) -> StretchVariance | None:
    parts = [measured(places) for places in np.array_split(np.arange(rows), cut)]
    known = [each for each in parts if each.is_defined and np.isfinite(each.error)]
    if len(known) < cut // 2:
        return None
    seen = float(np.var([each.value for each in known], ddof=1))
    chance = float(np.mean([each.error**2 for each in known]))
    bound = float(bound_factor(np.array(len(known) - 1)))
    return StretchVariance(rows // cut, max(0.0, seen * bound - chance))
