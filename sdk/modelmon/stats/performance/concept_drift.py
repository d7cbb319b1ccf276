"""Concept drift: the same score now has other outcomes, told apart from inputs that have moved.

Where inputs move and the outcome given the inputs stays, actual - expected has the mean 0 at every score. So
residuals against the calibrated score are summed with weights 1, u and u² - 1/3, of the score's rank u among
the reference. A comparison of losses does both wrong: it calls moved inputs decay, and misses a changed base
rate. A model that misses an interaction leaks under a strong shift: in 26 of 100 windows at one sigma.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.stats.normal import normal_tail, normal_tail_quantile
from modelmon.stats.performance.estimate import Estimate, Z, undefined
from modelmon.stats.performance.pairs import of_probabilities
from modelmon.stats.performance.score_calibration import BINS, ScoreCalibration, bins_of
from modelmon.stats.performance.stretches import StretchVariance, stretch_variances, variance_for

Floats = NDArray[np.float64]
Between = tuple[tuple[StretchVariance, ...], tuple[StretchVariance, ...], tuple[StretchVariance, ...]]
"""Of each direction how much the mean residual varies between stretches of the reference."""
UNKNOWN: Between = ((), (), ())

DIRECTIONS = ("level", "slope", "bend")
FLOOR = 0.05
LIBERAL = 1.1
"""By so much z is lowered: at 0.01 the plain test rang in 0.02 to 0.04 of windows without drift."""
POWER = 0.9


@dataclass(frozen=True, slots=True)
class ConceptDrift:
    """What residuals say. `p` is the probability of so much by chance, over all directions.

    `excess` is the mean of actual - expected, in the actuals' unit: 0.05 is five positives in a hundred more
    than the scores mean. `least_excess` is the smallest that these rows would have shown with 90 %.
    `direction` is where it shows most: `level` (everywhere), `slope` (more at one end of the scores than at
    the other) or `bend` (in the middle against the ends). `z` is of that direction, beyond the floor.
    """

    z: float
    p: float
    direction: str
    excess: float
    least_excess: float
    rows: int


@dataclass(frozen=True, slots=True)
class Residuals:
    """Per bin: rows of the window, the sum of their residuals, the variance of one, the reference's rank."""

    rows: Floats
    sums: Floats
    variance: Floats
    ranks: Floats


def concept_drift(
    calibration: ScoreCalibration,
    actual: ArrayLike,
    score: ArrayLike,
    *,
    budget: float,
    floor: float = FLOOR,
    between: Between = UNKNOWN,
) -> ConceptDrift:
    """Judge a window of binary actuals and scores against what scores meant in the reference.

    `budget` is the probability of a false alarm that `least_excess` is told for; an alarm is `p <= budget`.
    `floor` is the change that is not worth an alarm, in standard deviations of one outcome. `between` is how
    much stretches of the reference differ without drift, by direction. Rows with NaN are left out; without
    rows p is 1. Scores lie in [0, 1], actuals are 0 or 1.
    Source: residuals against the calibrated score as score test of a logistic recalibration: Cox, "Two
    Further Applications of a Model for Binary Regression", Biometrika 45, 1958.

    >>> from modelmon.stats.performance.score_calibration import calibrate
    >>> score = np.repeat([0.2, 0.8], 500)
    >>> then, now = np.tile([1, 0, 0, 0, 0], 200), np.tile([1, 1, 0, 0, 0], 200)
    >>> then[500:], now[500:] = 1 - then[500:], 1 - then[500:]
    >>> found = concept_drift(calibrate(then, score), now, score, budget=0.01)
    >>> found.p < 0.01, round(found.excess, 2)
    (True, 0.1)
    """
    found = score_residuals(calibration, actual, score)
    return judge(found, calibration.map_variance, budget=budget, floor=floor, between=between)


def score_residuals(calibration: ScoreCalibration, actual: ArrayLike, score: ArrayLike) -> Residuals:
    """The residuals of binary actuals against what their scores meant."""
    pairs = of_probabilities(actual, score)
    place = bins_of(pairs.said)
    rows = np.bincount(place, minlength=BINS).astype(np.float64)
    sums = np.bincount(place, pairs.actual, minlength=BINS) - rows * calibration.probability
    return Residuals(rows, sums, calibration.variance, ranks_of(calibration.rows))


def judge(
    residuals: Residuals,
    map_variance: Callable[[Floats], float],
    *,
    budget: float,
    floor: float = FLOOR,
    between: Between = UNKNOWN,
) -> ConceptDrift:
    """The verdict on sums of residuals; `map_variance(weights)` is the variance that the reference adds."""
    rows = float(residuals.rows.sum())
    if not rows:
        return ConceptDrift(0.0, 1.0, DIRECTIONS[0], 0.0, math.inf, 0)
    sums, chance = summed(residuals)
    vary = np.array([variance_for(each, int(rows)) for each in between])
    known = [map_variance(residuals.rows * shape) for shape in shapes_of(residuals.ranks)]
    error = np.sqrt(chance + known + rows**2 * vary) * LIBERAL
    least = floor * np.sqrt(chance * rows)  # of the sum: `floor` deviations of one outcome in every row
    z = np.maximum(np.abs(sums) - least, 0) / np.where(error > 0, error, np.inf)
    worst = int(z.argmax())
    p = min(1.0, len(DIRECTIONS) * 2 * float(normal_tail(z[worst])))
    needed = float(normal_tail_quantile([budget / len(DIRECTIONS) / 2, 1 - POWER]).sum())
    return ConceptDrift(
        float(z[worst]), p, DIRECTIONS[worst], float(sums[0] / rows),
        float((least[0] + needed * error[0]) / rows), int(rows),
    )  # fmt: skip


def varying(residuals: Callable[[NDArray[np.intp]], Residuals], rows: int) -> Between:
    """How much stretches of a reference of `rows` rows, in order of time, differ in each direction.

    `residuals` are those of the rows at these places. Weeks of storms and calm ones differ, and neither is
    concept drift: without this a model that knows no weather rings in most weeks of its own reference.
    """
    level, slope, bend = (
        stretch_variances(partial(_mean, residuals, which), rows) for which in range(len(DIRECTIONS))
    )
    return level, slope, bend


def _mean(
    of_places: Callable[[NDArray[np.intp]], Residuals], which: int, places: NDArray[np.intp]
) -> Estimate:
    residuals = of_places(places)
    sums, chance = summed(residuals)
    rows = residuals.rows.sum()
    if not rows:
        return undefined(0)
    mean, error = float(sums[which] / rows), math.sqrt(chance[which]) / float(rows)
    return Estimate(mean, mean - Z * error, mean + Z * error, error, int(rows))


def summed(residuals: Residuals) -> tuple[Floats, Floats]:
    """Per direction the weighted sum of the residuals, and its variance by chance."""
    shapes = shapes_of(residuals.ranks)
    return shapes @ residuals.sums, shapes**2 @ (residuals.rows * residuals.variance)


def shapes_of(ranks: Floats) -> Floats:
    """The weight of each bin in each direction, (3, bins)."""
    return np.stack([np.ones_like(ranks), ranks, ranks**2 - 1 / 3])


def ranks_of(reference_rows: Floats) -> Floats:
    """The middle rank of each bin among the reference's rows, in [-1, 1]."""
    total = reference_rows.sum()
    return np.asarray((2 * np.cumsum(reference_rows) - reference_rows) / (total or 1.0) - 1)
