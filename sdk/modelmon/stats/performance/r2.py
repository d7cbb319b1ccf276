"""R²: the part of the actuals' variance that the predictions explain."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from modelmon.stats.performance.estimate import Estimate, of_influences, undefined
from modelmon.stats.performance.pairs import of_numbers


def r2(actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """1 - squared errors / squares around the mean, at most 1; below 0 the mean would predict better.

    Of heavy tails the interval holds in 74 % at 50 rows and in 89 % at 1,000, where it says 95 %.
    Not defined for fewer than two rows, or actuals that are all the same (scikit-learn says 1 or 0 there).
    Rows with NaN are left out. As `sklearn.metrics.r2_score`.
    Source: Kvålseth, "Cautionary Note about R²", The American Statistician 39, 1985.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).value
    0.5
    """
    pairs = of_numbers(actual, predicted, weights)
    if pairs.rows < 2:
        return undefined(pairs.rows)
    squares = (pairs.said - pairs.actual) ** 2
    around = (pairs.actual - pairs.weights @ pairs.actual / pairs.total) ** 2
    wrong, all_of_it = float(pairs.weights @ squares), float(pairs.weights @ around)
    if all_of_it <= np.finfo(np.float64).eps ** 2 * float(pairs.weights @ pairs.actual**2):
        return undefined(pairs.rows)
    value = 1 - wrong / all_of_it
    influences = (wrong * around / all_of_it - squares) / all_of_it
    return of_influences(value, influences, pairs.weights, pairs.rows)
