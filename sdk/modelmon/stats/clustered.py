"""Judging a share whose hits come in clusters: the beta-binomial distribution, summed exactly.

Rows of one window are alike where a client, a sensor or an hour is the cause. The share then varies from one
window to the next beside the chance of its rows. What that comes to is the correlation of two rows of a
window: variance between windows = correlation times share times (1 - share).
Source: Skellam, "A Probability Distribution Derived from the Binomial Distribution by Regarding the
Probability of Success as Variable between the Sets of Trials", JRSS B 10, 1948.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from modelmon.stats import binomial

Floats = NDArray[np.float64]

MOST = 0.999
"""A correlation above is taken as this one: all rows of a window alike."""


def upper_tail(hits: int, rows: int, share: float, correlation: float = 0.0) -> float:
    """The probability of `hits` or more among `rows` rows, of which a window has `share` on average.

    In [0, 1]. With a correlation of 0 it is the binomial one, whose edge cases hold.

    >>> round(upper_tail(5, 50, 0.01), 6), round(upper_tail(5, 50, 0.01, 0.3), 3)
    (0.000146, 0.031)
    """
    if correlation <= 0 or not 0 < share < 1 or not 0 < hits <= rows:
        return binomial.upper_tail(hits, rows, share)
    return min(1.0, float(_tails(rows, share, correlation)[hits]))


def least_hits(rows: int, share: float, alpha: float, correlation: float = 0.0) -> int:
    """From how many hits on the tail is at most `alpha`: `rows + 1` where no number of hits is.

    >>> least_hits(50, 0.01, 0.001), least_hits(50, 0.01, 0.001, 0.3)
    (5, 36)
    """
    if correlation <= 0 or not 0 < share < 1:
        return binomial.least_hits(rows, share, alpha)
    return max(1, int((_tails(rows, share, correlation) > alpha).sum()))


def least_share_seen(hits: int, rows: int, correlation: float = 0.0, power: float = 0.9) -> float:
    """The least true share at which `hits` or more come with probability `power`, in windows that vary so."""
    if correlation <= 0 or not 0 < hits <= rows:
        return binomial.least_share_seen(hits, rows, power)
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        is_seen = upper_tail(hits, rows, middle, correlation) >= power
        low, high = (low, middle) if is_seen else (middle, high)
    return high


def share_limit(hits: int, rows: int, doubt: float, effect: float = 1.0) -> float:
    """As `binomial.share_limit` of rows that tell as much as a part of them: `effect` of them as one.

    >>> share_limit(10, 1000, 0.01, effect=10.0) > 2 * share_limit(10, 1000, 0.01)
    True
    """
    fewer = max(1, int(rows / max(effect, 1.0)))
    return binomial.share_limit(min(fewer, math.ceil(hits / max(effect, 1.0))), fewer, doubt)


def _tails(rows: int, share: float, correlation: float) -> Floats:
    """(rows + 1,): the probability of so many hits or more, by their number."""
    whole = (1 - min(correlation, MOST)) / min(correlation, MOST)
    first, other = share * whole, (1 - share) * whole
    at = np.arange(rows, dtype=np.float64)
    steps = np.log((rows - at) / (at + 1) * (first + at) / (other + rows - at - 1))
    none = math.lgamma(other + rows) - math.lgamma(other) + math.lgamma(whole) - math.lgamma(whole + rows)
    chances = np.exp(none + np.concatenate([[0.0], np.cumsum(steps)]))
    return np.asarray(np.cumsum(chances[::-1])[::-1])
