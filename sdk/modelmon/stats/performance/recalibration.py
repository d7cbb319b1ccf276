"""What a score means now, from recent actuals: the reference's map, moved by an intercept and a slope.

On the logit, as Cox has it: logit now = intercept + slope · logit then. Two numbers need few rows, and their
error is carried into the band of an estimate. The map is moved only where recent rows contradict it: where
they agree, moving it would add their noise and nothing else.
Source: Cox, "Two Further Applications of a Model for Binary Regression", Biometrika 45, 1958.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.performance.score_calibration import ScoreCalibration

Floats = NDArray[np.float64]

LEAST_ROWS, LEAST_OF_EACH = 200, 20
"""Rows with actuals, and those of the rarer outcome, that two numbers are learned from."""
CONTRADICTS = 5.99
"""Twice the gain in log-likelihood that chance exceeds in 5 of 100: the chi square of two numbers."""
STEPS, NEAR = 50, 1e-10
MOST_LOGIT = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Recalibrated:
    """A map of scores that stands on `rows` recent rows too; used as a `ScoreCalibration` is.

    `covariance` (2, 2) is of intercept and slope.
    """

    base: ScoreCalibration
    intercept: float
    slope: float
    covariance: Floats
    rows: int

    @property
    def probability(self) -> Floats:
        """Of a positive, by bin of the score."""
        return _expit(self.intercept + self.slope * _logits(self.base))

    @property
    def variance(self) -> Floats:
        """Of one outcome in each bin."""
        return np.asarray(self.probability * (1 - self.probability))

    def map_variance(self, weights: Floats) -> float:
        """The variance that map and move add to the sum of `weights` times probability."""
        moved = weights * self.variance
        by_number = np.array([moved.sum(), moved @ _logits(self.base)])
        answers = self.slope * self.variance / self.base.variance
        return float(by_number @ self.covariance @ by_number) + self.base.map_variance(weights * answers)


def recalibrated(base: ScoreCalibration, rows: Floats, positives: Floats) -> Recalibrated | None:
    """The map that recent `rows` and `positives` by block of `base` ask for; None where they are too few,
    agree with it, or would turn it round.

    >>> from modelmon.stats.performance.score_calibration import calibrate
    >>> score = np.repeat([0.2, 0.8], 500)
    >>> base = calibrate(np.tile([0, 0, 0, 0, 1], 200) ^ (score > 0.5), score)
    >>> recalibrated(base, np.array([300.0, 300.0]), np.array([62.0, 239.0])) is None
    True
    >>> found = recalibrated(base, np.array([300.0, 300.0]), np.array([120.0, 270.0]))
    >>> found.probability[[200, 800]].round(2).tolist()
    [0.4, 0.9]
    """
    hits, total = float(positives.sum()), float(rows.sum())
    if total < LEAST_ROWS or min(hits, total - hits) < LEAST_OF_EACH:
        return None
    logits = _block_logits(base)
    design = np.stack([np.ones(logits.size), logits], axis=1)
    found = _fitted(design, rows, positives)
    if found is None or not found[0][1] > 0:
        return None
    numbers, covariance = found
    gain = _log_likelihood(design @ numbers, rows, positives) - _log_likelihood(logits, rows, positives)
    if 2 * gain < CONTRADICTS:
        return None
    return Recalibrated(base, float(numbers[0]), float(numbers[1]), covariance, int(total))


def _fitted(design: Floats, rows: Floats, positives: Floats) -> tuple[Floats, Floats] | None:
    """Intercept and slope by Newton's steps, and their covariance; None where rows don't say them."""
    numbers = np.array([0.0, 1.0])
    for _ in range(STEPS):
        likely = _expit(design @ numbers)
        information = (design * (rows * likely * (1 - likely))[:, None]).T @ design
        if np.linalg.cond(information) > 1 / NEAR:
            return None
        step = np.linalg.solve(information, design.T @ (positives - rows * likely))
        numbers = numbers + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < NEAR:
            return numbers, np.linalg.inv(information)
    return None


def _log_likelihood(logits: Floats, rows: Floats, positives: Floats) -> float:
    return float(positives @ logits - rows @ np.logaddexp(0.0, logits))


def _block_logits(base: ScoreCalibration) -> Floats:
    """Of each block, (blocks,)."""
    found = np.zeros(base.block_rows.size)
    found[base.block] = _logits(base)
    return found


def _logits(base: ScoreCalibration) -> Floats:
    """Of each bin that of its block, never infinite: what was always so need not stay so."""
    first = np.searchsorted(base.block, np.arange(base.block_rows.size))
    rows = base.block_rows
    likely = ((base.probability[first] * rows + 0.5) / (rows + 1))[base.block]
    return np.asarray(np.log(likely / (1 - likely)))


def _expit(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -MOST_LOGIT, MOST_LOGIT))))
