"""One-sided tails of sums of rows from their exact cumulants, without simulation, at any number of rows.

A question's cumulant function is `K(s) = n (psi(s + l) - psi(l)) + n² s² v / 2`. Here `psi` is exact for one
row of the reference and `l` is the tilt to the floor. `v` is the variance of what is not known of the true
mean: the reference's own error and the variance between stretches of time. The tail is r*.
Source: Barndorff-Nielsen, "Inference on Full or Partial Parameters Based on the Standardized Signed Log
Likelihood Ratio", Biometrika 73, 1986; Daniels, "Tail Probability Approximations", International Statistical
Review 55, 1987.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, lgamma, log, log1p

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cumulants = Callable[[Floats], tuple[Floats, Floats, Floats]]

STEPS = 30
CLOSE = 1e-9
STEEPEST = 60.0


def score_tail(
    sums: Floats, rows: Floats, shares: Floats, scores: Floats, tilt: Floats, error: Floats
) -> Floats:
    """z (cases,) that sums of scores come this far above the floor; 0 where they are not above it.

    `sums`, `rows`, `tilt` and `error` (the variance v) are (cases,); `shares` and `scores` (cases, cells),
    oriented so that the change asked for is upward.
    """
    weights = shares * np.exp(tilt[:, None] * scores)
    weights /= weights.sum(1, keepdims=True)

    def cumulants(at: Floats) -> tuple[Floats, Floats, Floats]:
        tilted = weights * np.exp(at[:, None] * scores)
        total = tilted.sum(1)
        first = (tilted * scores).sum(1)
        second = (tilted * scores * scores).sum(1)
        mean = first / total
        return np.log(total), mean, second / total - mean**2

    return _tail(sums, rows, error, cumulants, 600.0 / np.maximum(np.abs(scores).max(1), 1.0))


def share_tail(counts: Floats, rows: Floats, share: Floats, error: Floats) -> Floats:
    """z (cases,) that `counts` of `rows` come this far above a true `share`, all (cases,); 0 if they don't.

    Binomial with a continuity correction of half a row, plus an error of variance `error` of the share.
    """

    def cumulants(at: Floats) -> tuple[Floats, Floats, Floats]:
        grown = share * np.exp(at)
        total = 1 - share + grown
        mean = grown / total
        return np.log(total), mean, mean * (1 - mean)

    return _tail(counts - 0.5, rows, error, cumulants, np.full(counts.size, 600.0))


def _tail(sums: Floats, rows: Floats, error: Floats, cumulants: Cumulants, steepest: Floats) -> Floats:
    """r* of each case: where K' meets the sum, by Newton's steps that are never longer than 1."""
    steepest = np.minimum(steepest, STEEPEST)
    squared = rows**2 * error
    at = np.zeros(sums.size)
    _, mean, variance = cumulants(at)
    above = sums > rows * mean
    at = np.clip((sums - rows * mean) / np.maximum(rows * variance + squared, 1e-300), 1e-9, 3.0)
    for _ in range(STEPS):
        _, mean, variance = cumulants(at)
        step = (sums - rows * mean - squared * at) / np.maximum(rows * variance + squared, 1e-300)
        at = np.clip(at + np.clip(step, -1.0, 1.0), 1e-9, steepest)
        if (np.abs(step) < CLOSE * (1 + at)).all():
            break
    log_total, _, variance = cumulants(at)
    exponent = rows * log_total + squared * at**2 / 2
    root = np.sqrt(np.maximum(2 * (at * sums - exponent), 1e-12))
    steep = at * np.sqrt(rows * variance + squared)
    found = root + np.log(np.maximum(steep, 1e-12) / root) / root
    return np.where(above & (root > 1e-4) & (steep > 0), np.maximum(found, 0.0), 0.0)


def excess_tail(counts: Floats, rows: Floats, seen: Floats, reference_rows: Floats) -> Floats:
    """P (cases,) of this many rows of a rare kind or more, when the reference has `seen` of them.

    Given all rows of the kind, each lies in the sample with probability rows / (rows + reference rows)
    where nothing has changed: exact for any true share, however small. 1 where the sample has none.
    Source: Przyborowski, Wilenski, "Homogeneity of Results in Testing Samples from Poisson Series",
    Biometrika 31, 1940.

    >>> excess_tail(np.array([2.0]), np.array([100.0]), np.array([0.0]), np.array([900.0])).round(9).tolist()
    [0.01]
    """
    cases = zip(counts.tolist(), rows.tolist(), seen.tolist(), reference_rows.tolist(), strict=True)
    return np.array([_excess(*case) for case in cases], dtype=np.float64)


def _excess(count: float, rows: float, seen: float, reference_rows: float) -> float:
    if count <= 0:
        return 1.0
    share = rows / (rows + reference_rows)
    if seen == 0:
        return float(share**count)
    total = count + seen
    return float(np.clip(_binomial_tail(count, total, share), 0.0, 1.0))


def _binomial_tail(count: float, total: float, share: float) -> float:
    """P(Binomial(total, share) >= count), summed until what is added is nothing; 1 up to the mean."""
    if count <= total * share:
        return 1.0
    odds = share / (1 - share)
    term = exp(
        lgamma(total + 1) - lgamma(count + 1) - lgamma(total - count + 1)
        + count * log(share) + (total - count) * log1p(-share)
    )  # fmt: skip
    tail, at = 0.0, count
    while at <= total and term > tail * 1e-15 + 1e-300:
        tail += term
        term *= (total - at) / (at + 1) * odds
        at += 1
    return tail
