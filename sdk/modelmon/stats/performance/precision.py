"""Precision: how many of those called positive are."""

from __future__ import annotations

from numpy.typing import ArrayLike

from modelmon.stats.performance.accuracy import accuracy
from modelmon.stats.performance.estimate import Estimate
from modelmon.stats.performance.pairs import of_two_classes


def precision(actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The share of rows predicted 1 whose actual is 1, in [0, 1]; both sides are 0 or 1.

    Not defined where nothing is predicted 1 (scikit-learn warns and says 0). The interval is Wilson's, of the
    rows predicted 1; `rows` counts these. Rows with NaN are left out. As `sklearn.metrics.precision_score`.
    Source: van Rijsbergen, "Information Retrieval", 1979, chapter 7.

    >>> precision([1, 0, 1, 1], [1, 1, 0, 1]).value  # 2 of 3
    0.6666666666666666
    """
    pairs = of_two_classes(actual, predicted, weights)
    called = pairs.said == 1
    return accuracy(pairs.actual[called], pairs.said[called], pairs.weights[called])
