"""Judging a share exactly: how likely so many hits are where the true share is at most a limit.

Nothing is simulated and nothing approximated: every number is a tail of the binomial distribution, so what is
said of false alarms holds for three rows as for ten million. Rows are taken to be independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

_LEAST = 1e-18
"""Terms below this part of the sum are left out."""
_HALVINGS = 50
_BLOCK = 4_096


def upper_tail(hits: int, rows: int, share: float) -> float:
    """The probability of `hits` or more among `rows` rows, each of which is one with probability `share`.

    In [0, 1]; 1 where no hits are asked for, 0 where there are more than rows. No rows hold no hits. Raises
    ValueError for a negative count and for a share outside [0, 1], NaN among them.

    >>> upper_tail(2, 2, 0.1) == 0.1**2, round(upper_tail(1, 3, 0.5), 6), upper_tail(1, 1_000, 0.0)
    (True, 0.875, 0.0)
    """
    _check(hits, rows)
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies in [0, 1], got {share}")
    if hits == 0:
        return 1.0
    if hits > rows or share == 0:
        return 0.0
    if share == 1:
        return 1.0
    if hits == rows:
        return float(share**rows)
    if hits > rows * share:
        return min(1.0, _sum_from(hits, rows, share))
    # The tail is the larger part: the other one, which is smaller, is summed from the other end.
    return max(0.0, 1.0 - _sum_from(rows - hits + 1, rows, 1 - share))


def share_limit(hits: int, rows: int, doubt: float) -> float:
    """The share that the true one exceeds with probability `doubt` at most, whatever it is: the upper limit
    of Clopper and Pearson, from `hits` among `rows` rows of a reference.

    For values beyond the least and the greatest of `rows` values take `hits=1` (one side: 0): the limit is
    then exact for a continuous distribution (Wilks 1941). In (0, 1]; 1 without rows, or where all are hits.
    Raises ValueError for a doubt outside (0, 1) and for more hits than rows.

    >>> round(share_limit(0, 1_000, 0.01), 6) == round(1 - 0.01 ** (1 / 1_000), 6), share_limit(3, 3, 0.01)
    (True, 1.0)

    Source: Clopper and Pearson, The use of confidence or fiducial limits, Biometrika 26 (1934).
    """
    _check(hits, rows)
    if hits > rows or not 0 < doubt < 1:
        raise ValueError(
            f"{hits} hits of {rows} rows at a doubt of {doubt}: give hits <= rows and 0 < doubt < 1"
        )
    if hits == rows:
        return 1.0
    # At most `hits` are so many misses or more; the probability of that falls as the share grows.
    return _first_share(lambda share: upper_tail(rows - hits, rows, 1 - share) <= doubt)


def least_hits(rows: int, share: float, alpha: float) -> int:
    """From how many hits on the tail is at most `alpha`: `rows + 1` where no number of hits is.

    A share of 0 gives 1: no row may be one. Raises ValueError as `upper_tail` does.

    >>> least_hits(100, 0.0, 0.001), least_hits(5, 0.9, 0.001), least_hits(100, 0.02, 0.001)
    (1, 6, 8)
    """
    if upper_tail(rows, rows, share) > alpha:
        return rows + 1
    low, high = 0, rows  # not yet, and surely
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if upper_tail(middle, rows, share) <= alpha else (middle, high)
    return high


def least_share_seen(hits: int, rows: int, power: float = 0.9) -> float:
    """The least true share at which `hits` or more come with probability `power`: what is seen, not what is
    there. 1 where `hits` are more than `rows`: then nothing would be seen.

    >>> round(least_share_seen(1, 100), 4) == round(1 - 0.1 ** (1 / 100), 4), least_share_seen(6, 5)
    (True, 1.0)
    """
    if hits > rows:
        return 1.0
    return _first_share(lambda share: upper_tail(hits, rows, share) >= power)


def most_frequent_tail(hits: int, rows: int, share: float) -> float:
    """An upper bound of the probability that some value, whichever, stands in `hits` or more of `rows` rows,
    where no value has more than `share` of them.

    The sum over all values of their tails is largest where `1 / share` values have `share` each: where hits
    are above the mean, tail over share grows with the share. Of a constant (`hits == rows`) it is
    `share ** (rows - 1)`. In [0, 1].

    >>> most_frequent_tail(4, 4, 0.5) == 0.5**3, most_frequent_tail(0, 4, 0.5)
    (True, 1.0)
    """
    if share == 0:
        return 0.0 if hits else 1.0
    return min(1.0, upper_tail(hits, rows, share) / share) if hits > rows * share else 1.0


def _sum_from(first: int, rows: int, share: float) -> float:
    """The sum of the probabilities of `first` and more hits, each smaller than the one before it."""
    log = (
        math.lgamma(rows + 1) - math.lgamma(first + 1) - math.lgamma(rows - first + 1)
        + first * math.log(share) + (rows - first) * math.log1p(-share)
    )  # fmt: skip
    odds, term, total = share / (1 - share), 1.0, 1.0
    for start in range(first, rows, _BLOCK):
        place = np.arange(start, min(start + _BLOCK, rows), dtype=np.float64)
        terms = term * np.cumprod((rows - place) / (place + 1) * odds)
        total += float(terms.sum())
        term = float(terms[-1])
        if term <= total * _LEAST:
            break
    return math.exp(log) * total if log > -745 else 0.0


def _first_share(holds: Callable[[float], bool]) -> float:
    """The least share in [0, 1] for which this holds, which holds for every greater one."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _check(hits: int, rows: int) -> None:
    if hits < 0 or rows < 0:
        raise ValueError(f"hits and rows are counted from 0, got {hits} of {rows}")
