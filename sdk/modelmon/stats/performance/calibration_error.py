"""Calibration error: how far scores are from the shares that come true."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.stats.performance.estimate import CONFIDENCE, Estimate, Floats, undefined
from modelmon.stats.performance.pairs import Pairs, of_probabilities

BINS = 10
SKEWNESS = 0.9953
"""Of half a normal distribution."""


def calibration_error(
    actual: ArrayLike, score: ArrayLike, weights: ArrayLike | None = None, *, bins: int = BINS
) -> Estimate:
    """The mean over rows of |mean score - share of positives| in the row's bin of the score, in [0, 1].

    Bins are `bins` of equal width over [0, 1], as `sklearn.calibration.calibration_curve` has them. Sampling
    alone makes it larger than 0: a perfect score of n rows gets about sqrt(2 bins / (pi n)) / 2 at most. The
    interval allows for that, by the triangle inequality, and so holds at least as often as it says. It
    is not defined without rows; rows with NaN are left out.
    Source: Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
    AAAI 2015.

    >>> round(calibration_error([1, 1, 0, 0], [0.9, 0.9, 0.4, 0.4]).value, 4)
    0.25
    """
    pairs = of_probabilities(actual, score, weights)
    if not pairs.total:
        return undefined(0)
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], pairs.said, side="left")
    rows = np.bincount(place, pairs.weights, minlength=bins).astype(np.float64)
    apart = np.bincount(place, pairs.weights * (pairs.said - pairs.actual), minlength=bins)
    value = float(np.abs(apart).sum() / pairs.total)
    squares = np.bincount(place, pairs.weights**2, minlength=bins)
    return _interval(value, np.sqrt(squares * _variances(pairs, place, rows)) / pairs.total, pairs.rows)


def _variances(pairs: Pairs, place: NDArray[np.intp], rows: Floats) -> Floats:
    """Of one outcome in each bin: by the share that is seen, or by the scores, whichever is larger."""
    sums = [
        np.bincount(place, pairs.weights * each, minlength=rows.size) for each in (pairs.actual, pairs.said)
    ]
    seen, said = ((each + 0.5) / (rows + 1) for each in sums)
    return np.asarray(np.maximum(seen * (1 - seen), said * (1 - said)))


def _interval(value: float, errors: Floats, rows: int) -> Estimate:
    """|value - truth| is at most the sum of the bins' absolute errors, each half a normal."""
    middle, error = math.sqrt(2 / math.pi) * errors.sum(), math.sqrt((1 - 2 / math.pi) * (errors**2).sum())
    skewness = SKEWNESS * float((errors**3).sum() / (errors**2).sum() ** 1.5)
    z = NormalDist().inv_cdf(CONFIDENCE)
    most = float(middle + (z + (z**2 - 1) * skewness / 6) * error)  # Cornish, Fisher, 1938
    return Estimate(value, max(0.0, value - most), min(1.0, value + most), float(error), rows)
