"""A measured value with its interval: what every metric of performance returns.

An interval holds the value that endless rows of the same kind would give, with probability `CONFIDENCE`. Most
come from the infinitesimal jackknife: the influence of a row is the derivative of the metric with respect to
its weight, and the variance is the weighted sum of squared influences. No row is drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True, slots=True)
class Estimate:
    """`value` lies in [`low`, `high`]; `error` is its standard error, in the unit of the value.

    `rows` is how many it stands on, those with a weight of 0 left out. Where the metric is not defined (no
    positive, no row), value, bounds and error are NaN.
    """

    value: float
    low: float
    high: float
    error: float
    rows: int

    @property
    def is_defined(self) -> bool:
        return math.isfinite(self.value)


def undefined(rows: int) -> Estimate:
    """What a metric is that these rows do not define."""
    return Estimate(math.nan, math.nan, math.nan, math.nan, rows)


def effective_rows(weights: Floats) -> float:
    """How many equal rows tell as much as these weighted ones; 0 for none.

    Source: Kish, "Survey Sampling", 1965, section 11.7.

    >>> effective_rows(np.array([1.0, 1.0, 1.0])), effective_rows(np.array([1.0, 0.0]))
    (3.0, 1.0)
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def of_influences(value: float, influences: Floats, weights: Floats, rows: int) -> Estimate:
    """A value whose derivative with respect to the weight of each row is `influences`; a normal interval.

    Source: Jaeckel, "The Infinitesimal Jackknife", Bell Laboratories, 1972; Efron, Tibshirani, "An
    Introduction to the Bootstrap", 1993, chapter 21.
    """
    effective = effective_rows(weights)
    if effective <= 1:
        return Estimate(value, -math.inf, math.inf, math.inf, rows)
    small = effective / (effective - 1)  # of the mean this makes the usual unbiased variance
    error = math.sqrt(small * float(((weights * influences) ** 2).sum()))
    return Estimate(value, value - Z * error, value + Z * error, error, rows)


def of_mean(values: Floats, weights: Floats) -> Estimate:
    """The weighted mean of values (1-d).

    >>> found = of_mean(np.array([1.0, 2.0, 3.0]), np.ones(3))
    >>> found.value, round(found.error, 4)
    (2.0, 0.5774)
    """
    total = float(weights.sum())
    if not total:
        return undefined(0)
    mean = float(weights @ values / total)
    return of_influences(mean, (values - mean) / total, weights, int(np.count_nonzero(weights)))


def of_share(share: float, effective: float, rows: int) -> Estimate:
    """A share of rows in [0, 1], by Wilson's interval, which holds near 0 and 1 too.

    Source: Wilson, "Probable Inference", Journal of the American Statistical Association 22, 1927.

    >>> found = of_share(1.0, 10, 10)
    >>> round(found.low, 3), found.high
    (0.722, 1.0)
    """
    if effective <= 0:
        return undefined(rows)
    middle = (share + Z**2 / (2 * effective)) / (1 + Z**2 / effective)
    half = (
        Z / (1 + Z**2 / effective) * math.sqrt(share * (1 - share) / effective + (Z / (2 * effective)) ** 2)
    )
    error = math.sqrt(max(share * (1 - share), 0.25 / effective) / effective)
    low, high = min(share, middle - half), max(share, middle + half)  # equal, but for rounding, at 0 and 1
    return Estimate(share, max(0.0, low), min(1.0, high), error, rows)


def on_logit(found: Estimate, effective: float) -> Estimate:
    """The same value in [0, 1] with its interval made on the logit, where it is nearer to normal.

    At 0 or 1, where the error is 0 and says nothing, it is Wilson's of `effective` rows.
    """
    value = found.value
    if not found.is_defined or not 0 < value < 1 or found.error == 0:
        return of_share(value, effective, found.rows) if found.is_defined else found
    logit, error = math.log(value / (1 - value)), found.error / (value * (1 - value))
    low, high = (_expit(logit + sign * Z * error) for sign in (-1, 1))
    return replace(found, low=low, high=high)


def not_below(found: Estimate, least: float) -> Estimate:
    """The same with an interval that ends where the metric's range does."""
    return replace(found, low=max(found.low, least), high=max(found.high, least))


def mean_of(found: Iterable[tuple[Estimate, Floats]], weights: Floats) -> Estimate:
    """The plain mean of several metrics of the same rows, given with their influences."""
    each = list(found)
    if not each or not all(one.is_defined for one, _ in each):
        return undefined(int(np.count_nonzero(weights)))
    value = sum(one.value for one, _ in each) / len(each)
    influences = np.sum([influence for _, influence in each], axis=0) / len(each)
    return of_influences(value, influences, weights, int(np.count_nonzero(weights)))


def _expit(logit: float) -> float:
    return 1 / (1 + math.exp(-min(max(logit, -700.0), 700.0)))
