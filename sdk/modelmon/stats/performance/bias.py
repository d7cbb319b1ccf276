"""Bias: how far predictions lie above what came true."""

from __future__ import annotations

from numpy.typing import ArrayLike

from modelmon.stats.performance.estimate import Estimate, of_mean
from modelmon.stats.performance.pairs import of_numbers


def bias(actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The mean of predicted - actual, in the unit of the actuals; above 0 the model says too much.

    Not defined without rows; rows with NaN are left out. It is minus what scikit-learn would call the mean
    residual; of a score against 0 and 1 it is calibration in the large.
    Source: Walther, Moore, "The Concepts of Bias, Precision and Accuracy", Ecography 28, 2005.

    >>> bias([1.0, 2.0], [2.0, 4.0]).value
    1.5
    """
    pairs = of_numbers(actual, predicted, weights)
    return of_mean(pairs.said - pairs.actual, pairs.weights)
