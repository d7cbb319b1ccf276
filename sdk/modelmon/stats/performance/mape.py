"""Mean absolute percentage error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from modelmon.stats.performance.estimate import Estimate, not_below, of_mean
from modelmon.stats.performance.pairs import of_numbers

LEAST = float(np.finfo(np.float64).eps)
"""What an actual of 0 is divided by, as in scikit-learn."""


def mape(actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The mean of |predicted - actual| / |actual|, at least 0, as a share: 0.1 is 10 %.

    An actual of 0 makes it 4.5e15 times the error: of such data look at `mae`. Not defined without rows;
    rows with NaN are left out. As `sklearn.metrics.mean_absolute_percentage_error`.
    Source: Hyndman, Koehler, "Another Look at Measures of Forecast Accuracy", International Journal of
    Forecasting 22, 2006.

    >>> mape([1.0, 2.0], [2.0, 3.0]).value
    0.75
    """
    pairs = of_numbers(actual, predicted, weights)
    errors = np.abs(pairs.said - pairs.actual) / np.maximum(np.abs(pairs.actual), LEAST)
    return not_below(of_mean(errors, pairs.weights), 0.0)
