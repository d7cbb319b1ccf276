"""F1: precision and recall in one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from modelmon.stats.performance.estimate import (
    Estimate,
    Floats,
    effective_rows,
    mean_of,
    of_influences,
    on_logit,
    undefined,
)
from modelmon.stats.performance.pairs import Pairs, of_numbers, of_two_classes


def f1(actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), in [0, 1]; both sides 0 or 1.

    Not defined without a single 1 on either side. The interval comes from influences, on the logit. Rows
    with NaN are left out. As `sklearn.metrics.f1_score`.
    Source: van Rijsbergen, "Information Retrieval", 1979, chapter 7.

    >>> round(f1([1, 0, 1, 1], [1, 1, 0, 1]).value, 4)
    0.6667
    """
    pairs = of_two_classes(actual, predicted, weights)
    found, _ = _with_influences(pairs)
    either = (pairs.actual + pairs.said) > 0
    return on_logit(found, effective_rows(pairs.weights[either]))


def macro_f1(
    actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None, *, classes: int
) -> Estimate:
    """The plain mean of the F1 of each of `classes` classes, numbered from 0, in [0, 1].

    A class that is on neither side is left out of the mean, as `f1_score(average="macro")` of scikit-learn
    does with the labels that it finds. Not defined without rows.

    >>> round(macro_f1([0, 1, 2, 2], [0, 1, 2, 1], classes=3).value, 4)
    0.7778
    """
    pairs = of_numbers(actual, predicted, weights)
    parts = [
        _with_influences(Pairs(1.0 * (pairs.actual == each), 1.0 * (pairs.said == each), pairs.weights))
        for each in range(classes)
    ]
    found = mean_of([part for part in parts if part[0].is_defined], pairs.weights)
    return on_logit(found, effective_rows(pairs.weights))


def _with_influences(pairs: Pairs) -> tuple[Estimate, Floats]:
    hits, either = pairs.actual * pairs.said, pairs.actual + pairs.said
    denominator = float(pairs.weights @ either)
    if not denominator:
        return undefined(pairs.rows), np.zeros(len(hits))
    value = min(2 * float(pairs.weights @ hits) / denominator, 1.0)
    influences = (2 * hits - value * either) / denominator
    return of_influences(value, influences, pairs.weights, pairs.rows), influences
