"""Brier score: the squared distance of the score from what came true."""

from __future__ import annotations

from numpy.typing import ArrayLike

from modelmon.stats.performance.estimate import Estimate, not_below, of_mean
from modelmon.stats.performance.pairs import of_probabilities


def brier(actual: ArrayLike, score: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The mean of (score - actual)², in [0, 1]; actuals are 0 or 1, scores the probability of 1.

    Always saying the share of positives p gives p(1 - p). Not defined without rows; rows with NaN are left
    out. As `sklearn.metrics.brier_score_loss`.
    Source: Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 78,
    1950.

    >>> round(brier([1, 0], [0.9, 0.2]).value, 4)
    0.025
    """
    pairs = of_probabilities(actual, score, weights)
    return not_below(of_mean((pairs.said - pairs.actual) ** 2, pairs.weights), 0.0)
