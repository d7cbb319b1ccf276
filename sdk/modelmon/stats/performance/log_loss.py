"""Log loss: how surprised the score was by what came true."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from modelmon.errors import ConfigError
from modelmon.stats.performance.estimate import Estimate, Floats, not_below, of_mean
from modelmon.stats.performance.pairs import of_numbers, of_probabilities

LEAST = float(np.finfo(np.float64).eps)
"""Probabilities of 0 and 1 are moved this far inside, as scikit-learn does, so that a loss is finite."""


def log_loss(actual: ArrayLike, score: ArrayLike, weights: ArrayLike | None = None) -> Estimate:
    """The mean of -log(probability given to what came true), in nats, in [0, 36.05].

    Actuals are 0 or 1 and scores the probability of 1; or actuals are the numbers of classes and `score` is
    (rows, classes), each row of sum 1. A certain and wrong score costs 36.05, and makes the interval poor.
    Not defined without rows; rows with NaN are left out. As `sklearn.metrics.log_loss`.
    Source: Good, "Rational Decisions", Journal of the Royal Statistical Society B 14, 1952.

    >>> round(log_loss([1, 0], [0.9, 0.2]).value, 4)
    0.1643
    """
    several = np.ndim(score) == 2
    pairs = of_numbers(actual, score, weights) if several else of_probabilities(actual, score, weights)
    given = _of_classes(pairs.actual, pairs.said) if several else _of_two(pairs.actual, pairs.said)
    return not_below(of_mean(-np.log(np.clip(given, LEAST, 1 - LEAST)), pairs.weights), 0.0)


def _of_two(actual: Floats, score: Floats) -> Floats:
    return np.where(actual == 1, score, 1 - score)


def _of_classes(actual: Floats, scores: Floats) -> Floats:
    """What each row's scores gave to its class, scaled to a sum of 1."""
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        raise ConfigError(f"score: probabilities lie in [0, 1], got {scores.min()} to {scores.max()}")
    places = actual.astype(np.intp)
    if (places != actual).any() or (places < 0).any() or (places >= scores.shape[1]).any():
        raise ConfigError(f"actual: must be numbers of classes, 0 to {scores.shape[1] - 1}")
    sums = scores.sum(axis=1)
    return np.asarray(scores[np.arange(len(places)), places] / np.where(sums > 0, sums, 1.0))
