"""The standard normal distribution: its upper tail and that tail's quantiles, without SciPy."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_STANDARD = NormalDist()
_erfc = np.frompyfunc(math.erfc, 1, 1)


def normal_tail(z: ArrayLike) -> Floats:
    """P(Z >= z), of the shape of `z`; in [0, 1], 0 beyond 38 and NaN for NaN.

    >>> normal_tail([0.0, 1.96]).round(4).tolist()
    [0.5, 0.025]
    """
    return np.asarray(0.5 * _erfc(np.asarray(z, dtype=np.float64) / math.sqrt(2)), dtype=np.float64)


def normal_tail_quantile(p: ArrayLike) -> Floats:
    """The z whose upper tail is `p`, of the shape of `p`: +inf for p <= 0, -inf for p >= 1.

    Equal values of `p` are worked out once, so an array of few different ones is cheap.
    Source: Wichura, "Algorithm AS 241", Applied Statistics 37, 1988 (as Python's own `statistics` has it).

    >>> normal_tail_quantile([0.5, 0.025]).round(2).tolist()
    [-0.0, 1.96]
    """
    tails = np.asarray(p, dtype=np.float64)
    different, places = np.unique(tails, return_inverse=True)
    found = np.array([_quantile(tail) for tail in different.tolist()], dtype=np.float64)
    return found[places].reshape(tails.shape)


def _quantile(tail: float) -> float:
    if 0 < tail < 1:
        return -_STANDARD.inv_cdf(tail)
    return math.nan if math.isnan(tail) else math.copysign(math.inf, 0.5 - tail)
