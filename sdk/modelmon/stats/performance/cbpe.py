"""Performance before the truth comes, of two classes: confidence-based performance estimation (CBPE).

It stands on one assumption: a score means what it meant in the reference. It sees that inputs have moved to
where the model is less sure. It can't see that the same inputs now have other outcomes (concept drift): there
its band held the truth in 0 % of windows of 5,000 rows.
Source: Białek, Kuberski, Perrakis, Bifet, "Estimating Model Performance under Covariate Shift Without
Labels", arXiv:2401.08348, 2024.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.stats.performance.estimate import Estimate, Z, undefined
from modelmon.stats.performance.pairs import of_probabilities
from modelmon.stats.performance.rows import TaskRows, outcomes
from modelmon.stats.performance.score_calibration import BINS, ScoreMap, bins_of

Floats = NDArray[np.float64]
Expected = tuple[float, Floats]
"""A metric's expected value, and its derivative by the outcome of a row, (BINS, 2)."""

ASSUMED_NOW = "a score means what it meant in recent rows whose actuals have come"
ASSUMPTION = "a score means what it meant in the reference: the outcome given the inputs has not changed"


def score_counts(score: ArrayLike, predicted: ArrayLike) -> Floats:
    """Rows by bin of the score and predicted class, (BINS, 2): all that an estimate needs of a window.

    Scores lie in [0, 1], classes are 0 or 1; rows with NaN are left out.

    >>> score_counts([0.2, 0.7, 0.7], [0, 1, 1])[[200, 700]].tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    pairs = of_probabilities(predicted, score)
    place = 2 * bins_of(pairs.said) + pairs.actual.astype(np.intp)
    return np.bincount(place, minlength=2 * BINS).reshape(BINS, 2).astype(np.float64)


def estimate_performance(calibration: ScoreMap, counts: Floats) -> dict[str, Estimate]:
    """Expected accuracy, precision, recall, F1 and ROC AUC of a window with these `score_counts`.

    The band of each holds what the window's own actuals will give, as far as the assumption stands: it has
    the chance of the outcomes and the error of the calibration. What is not defined is NaN, as in
    `modelmon.stats.performance`. 100,000 rows cost 2 ms.

    >>> from modelmon.stats.performance.score_calibration import calibrate
    >>> calibration = calibrate([0, 0, 0, 1, 1, 1, 1, 0], [0.1, 0.1, 0.1, 0.1, 0.8, 0.8, 0.8, 0.8])
    >>> estimate_performance(calibration, score_counts([0.1, 0.8], [0, 1]))["accuracy"].value
    0.75
    """
    return {name: _banded(calibration, counts, of) for name, of in EXPECTED.items()}


def estimate_of(calibration: ScoreMap, rows: TaskRows) -> dict[str, Estimate]:
    """The estimate of a model of classes from its rows: of two classes all five metrics, of several accuracy.

    Empty for numbers, and for several classes without scores. Of two classes without a score it stands on the
    predicted class alone, and sees nothing but how often each is said.
    """
    both = outcomes(rows)
    if both is None:
        return {}
    is_binary = rows.classes == 2
    predicted = rows.predicted if is_binary else np.where(np.isnan(rows.predicted), np.nan, 1.0)
    found = estimate_performance(calibration, score_counts(both[1], predicted))
    return found if is_binary else {"accuracy": found["accuracy"]}


def expected_loss(calibration: ScoreMap, rows: TaskRows) -> Floats:
    """How likely each row (rows,) is wrong, before its actual has come; NaN without score or prediction."""
    both = outcomes(rows)
    if both is None:
        return np.full(len(rows), np.nan)
    gap = np.isnan(both[1]) | np.isnan(rows.predicted)
    likely = calibration.probability[bins_of(np.where(gap, 0.0, both[1]))]
    right = likely if rows.classes > 2 else np.where(rows.predicted == 1, likely, 1 - likely)
    return np.where(gap, np.nan, 1 - right)


def _banded(
    calibration: ScoreMap, counts: Floats, of: Callable[[Floats, Floats], Expected | None]
) -> Estimate:
    rows = int(counts.sum())
    found = of(counts, calibration.probability) if rows else None
    if found is None:
        return undefined(rows)
    value, by_outcome = found
    chance = float(((counts * by_outcome**2).sum(axis=1) * calibration.variance).sum())
    error = math.sqrt(chance + calibration.map_variance((counts * by_outcome).sum(axis=1)))
    return Estimate(value, max(0.0, value - Z * error), min(1.0, value + Z * error), error, rows)


def _accuracy(counts: Floats, probability: Floats) -> Expected:
    rows = counts.sum()
    right = counts[:, 1] @ probability + counts[:, 0] @ (1 - probability)
    return float(right / rows), np.broadcast_to(np.array([-1.0, 1.0]) / rows, (BINS, 2))


def _precision(counts: Floats, probability: Floats) -> Expected | None:
    called = counts[:, 1].sum()
    if not called:
        return None
    return float(counts[:, 1] @ probability / called), np.broadcast_to(
        np.array([0.0, 1.0]) / called, (BINS, 2)
    )


def _recall(counts: Floats, probability: Floats) -> Expected | None:
    positives = float(counts.sum(axis=1) @ probability)
    if not positives:
        return None
    value = float(counts[:, 1] @ probability / positives)
    return value, np.broadcast_to((np.array([0.0, 1.0]) - value) / positives, (BINS, 2))


def _f1(counts: Floats, probability: Floats) -> Expected | None:
    either = float(counts[:, 1].sum() + counts.sum(axis=1) @ probability)
    if not either:
        return None
    value = float(2 * counts[:, 1] @ probability / either)
    return value, np.broadcast_to((np.array([0.0, 2.0]) - value) / either, (BINS, 2))


def _roc_auc(counts: Floats, probability: Floats) -> Expected | None:
    rows = counts.sum(axis=1)
    positive, negative = rows * probability, rows * (1 - probability)
    positives, negatives = float(positive.sum()), float(negative.sum())
    if not positives or not negatives:
        return None
    below = np.cumsum(negative) - negative / 2
    above = positives - np.cumsum(positive) + positive / 2
    pairs = positives * negatives
    value = float(positive @ below / pairs)
    by_outcome = (below - above) / pairs - value * (1 / positives - 1 / negatives)
    return value, np.repeat(by_outcome[:, None], 2, axis=1)


EXPECTED: dict[str, Callable[[Floats, Floats], Expected | None]] = {
    "accuracy": _accuracy, "precision": _precision, "recall": _recall, "f1": _f1, "roc_auc": _roc_auc,
}  # fmt: skip
