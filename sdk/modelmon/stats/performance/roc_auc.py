"""ROC AUC: how well a score puts positives above negatives."""

from __future__ import annotations

import math
from dataclasses import replace

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
from modelmon.stats.performance.pairs import Pairs, of_numbers, of_scores

FEW = 30


def roc_auc(actual: ArrayLike, score: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The probability that a positive scores above a negative, ties counting half, in [0, 1].

    Actuals are 0 or 1, scores any numbers; only their order counts. Not defined with one class alone. The
    interval is DeLong's, on the logit; with fewer than 30 rows of a class, whose variance can't be seen, it
    is at least Hanley's and McNeil's. Of a perfect order it is Wilson's of the rarer class. Rows with NaN are
    left out. As `sklearn.metrics.roc_auc_score`.
    Source: DeLong, DeLong, Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver
    Operating Characteristic Curves", Biometrics 44, 1988; Sun, Xu, IEEE Signal Processing Letters 21, 2014;
    Hanley, McNeil, "The Meaning and Use of the Area under a Receiver Operating Characteristic (ROC) Curve",
    Radiology 143, 1982.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value
    0.75
    """
    pairs = of_scores(actual, score, weights)
    found = _with_influences(pairs)[0]
    if not found.is_defined:
        return found
    least = _least_error(
        found.value, *(effective_rows(pairs.weights[pairs.actual == side]) for side in (1, 0))
    )
    return on_logit(replace(found, error=max(found.error, least)), _rarer(pairs))


def _least_error(value: float, positives: float, negatives: float) -> float:
    """The error that an AUC has where scores of both classes are exponential; of one that is drawn to 0.5 by
    one pair, for few rows order themselves well by chance."""
    rarer = min(positives, negatives)
    if rarer >= FEW:
        return 0.0
    area = (value * rarer + 0.5) / (rarer + 1)
    of_two_positives, of_two_negatives = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area)
        + (positives - 1) * (of_two_positives - area**2)
        + (negatives - 1) * (of_two_negatives - area**2)
    ) / (positives * negatives)
    return math.sqrt(max(variance, 0.0))


def macro_roc_auc(actual: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The plain mean of the AUC of each class against all others; `scores` is (rows, classes).

    Actuals are the numbers of classes, from 0. Not defined unless every class has rows, as
    `roc_auc_score(multi_class="ovr")` of scikit-learn has it.

    >>> macro_roc_auc([0, 1, 2], [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]).value
    1.0
    """
    pairs = of_numbers(actual, scores, weights)
    each = [
        Pairs(1.0 * (pairs.actual == place), pairs.said[:, place], pairs.weights)
        for place in range(pairs.said.shape[1])
    ]
    rarest = min(map(_rarer, each), default=0.0)
    return on_logit(mean_of(map(_with_influences, each), pairs.weights), rarest)


def _rarer(pairs: Pairs) -> float:
    """Effective rows of the class that has fewer."""
    return min(effective_rows(pairs.weights[pairs.actual == side]) for side in (0, 1))


def _with_influences(pairs: Pairs) -> tuple[Estimate, Floats]:
    _, place = np.unique(pairs.said, return_inverse=True)
    above, below = pairs.weights * pairs.actual, pairs.weights * (1 - pairs.actual)
    positives, negatives = float(above.sum()), float(below.sum())
    if not positives or not negatives:
        return undefined(pairs.rows), np.zeros(len(pairs.said))
    # What lies below each score, half of what ties with it included.
    negatives_at, positives_at = np.bincount(place, below), np.bincount(place, above)
    negatives_below = (np.cumsum(negatives_at) - negatives_at / 2) / negatives
    positives_above = 1 - (np.cumsum(positives_at) - positives_at / 2) / positives
    value = min(max(float(positives_at @ negatives_below) / positives, 0.0), 1.0)
    of_positive, of_negative = negatives_below[place] - value, positives_above[place] - value
    influences = np.where(pairs.actual == 1, of_positive / positives, of_negative / negatives)
    return of_influences(value, influences, pairs.weights, pairs.rows), influences
