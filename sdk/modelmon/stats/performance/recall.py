"""Recall: how many of the positives are found."""

from __future__ import annotations

from numpy.typing import ArrayLike

from modelmon.stats.performance.accuracy import accuracy
from modelmon.stats.performance.estimate import Estimate
from modelmon.stats.performance.pairs import of_two_classes


def recall(actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The share of rows whose actual is 1 that are predicted 1, in [0, 1]; both sides are 0 or 1.

    Not defined without an actual of 1 (scikit-learn warns and says 0). The interval is Wilson's, of the rows
    whose actual is 1; `rows` counts these. Rows with NaN are left out. As `sklearn.metrics.recall_score`.
    Source: van Rijsbergen, "Information Retrieval", 1979, chapter 7.

    >>> recall([1, 0, 1, 1], [1, 1, 0, 1]).value  # 2 of 3
    0.6666666666666666
    """
    pairs = of_two_classes(actual, predicted, weights)
    positive = pairs.actual == 1
    return accuracy(pairs.actual[positive], pairs.said[positive], pairs.weights[positive])
