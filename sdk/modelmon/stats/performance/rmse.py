"""Root mean squared error."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from modelmon.stats.performance.estimate import Estimate, not_below, of_influences, undefined
from modelmon.stats.performance.pairs import of_numbers


def rmse(actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The square root of the mean of (predicted - actual)², at least 0, in the unit of the actuals.

    A few large errors rule it: of heavy tails the interval holds in 73 % at 50 rows and in 89 % at 1,000
    where it says 95 %. Look at `mae` there. Not defined without rows; rows with NaN are left out. As
    `sklearn.metrics.root_mean_squared_error`.
    Source: Chai, Draxler, "Root Mean Square Error or Mean Absolute Error?", Geoscientific Model Development
    7, 2014.

    >>> round(rmse([1.0, 2.0], [2.0, 4.0]).value, 4)
    1.5811
    """
    pairs = of_numbers(actual, predicted, weights)
    if not pairs.total:
        return undefined(0)
    squares = (pairs.said - pairs.actual) ** 2
    mean = float(pairs.weights @ squares / pairs.total)
    value = math.sqrt(mean)
    influences = (squares - mean) / (2 * value * pairs.total) if value else 0 * squares
    return not_below(of_influences(value, influences, pairs.weights, pairs.rows), 0.0)
