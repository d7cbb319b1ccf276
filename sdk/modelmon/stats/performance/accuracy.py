"""Accuracy: the share of predictions that came true."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from modelmon.stats.performance.estimate import Estimate, effective_rows, of_share, undefined
from modelmon.stats.performance.pairs import of_numbers


def accuracy(actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The share of rows whose predicted class is the actual one, in [0, 1]; of two classes or of many.

    Classes are numbers of any kind, compared for equality; rows with NaN are left out. Not defined without
    rows. The interval is Wilson's. As `sklearn.metrics.accuracy_score`.
    Source: Wilson, "Probable Inference", Journal of the American Statistical Association 22, 1927.

    >>> accuracy([1, 0, 1, 1], [1, 0, 0, 1]).value
    0.75
    """
    pairs = of_numbers(actual, predicted, weights)
    if not pairs.total:
        return undefined(0)
    share = float(pairs.weights @ (pairs.actual == pairs.said) / pairs.total)
    return of_share(min(share, 1.0), effective_rows(np.asarray(pairs.weights)), pairs.rows)
