"""Shape questions: level, spread, asymmetry and tails as polynomials of the reference's ranks.

The score of a cell is a polynomial of its mid-rank in the reference. The four are orthonormal under the
reference, so the mean score of rows that follow it is 0, with variance 1 / rows. They are robust to heavy
tails and to ties, and the same for every increasing transform of the feature.
Source: Neyman, "Smooth Test for Goodness of Fit", Skandinavisk Aktuarietidskrift 20, 1937; Rayner, Best,
"Smooth Tests of Goodness of Fit", 1989.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.normal import normal_tail, normal_tail_quantile

Floats = NDArray[np.float64]

SHAPES = ("level", "spread", "asymmetry", "tails")
LEAST_CELLS = 6
"""Occupied cells that four polynomials need; a feature of fewer has no shape, its shares say it all."""
STEEPEST = 6.0
MOST_SIGMA = 3.0
"""With 32 cells the level tells no more: everything lies above (or below) all of training."""


def shape_scores(shares: Floats) -> Floats:
    """Scores (4, cells) of the four shapes in each cell, given the reference's `shares` (cells,).

    Two cells at either end lie outside of the training range: they score as their neighbour. With fewer
    than six occupied cells between them all scores are 0.

    >>> scores = shape_scores(np.array([0, 0, *[0.1] * 10, 0, 0]))
    >>> (scores[0] * np.array([0, 0, *[0.1] * 10, 0, 0])).sum().round(9) + 0
    0.0
    """
    inner = shares[2:-2]
    scores = np.zeros((len(SHAPES), shares.size))
    if np.count_nonzero(inner > 0) < LEAST_CELLS:
        return scores
    weights = inner / inner.sum()
    ranks = np.cumsum(weights) - weights / 2
    powers = np.vander(2 * ranks - 1, len(SHAPES) + 1, increasing=True)
    occupied = weights > 0
    _, triangle = np.linalg.qr(powers[occupied] * np.sqrt(weights[occupied])[:, None])
    found = np.linalg.solve(triangle.T, powers.T)[1:]  # also where the reference has nothing
    found *= np.sign(found[:, -1:])
    scores[:, 2:-2] = found
    scores[:, :2], scores[:, -2:] = found[:, :1], found[:, -1:]
    return scores


def tilts(shares: Floats, scores: Floats, change: Floats) -> Floats:
    """Natural parameters (rows,) that move the mean score to `change` (rows,), by Newton's steps.

    `shares` and `scores` are (rows, cells). Tilting by `exp(parameter * score)` is the distribution nearest
    to the reference (in relative entropy) that has this mean. What no tilt reaches ends at ±6; a change of 0
    and scores that are all 0 give 0.
    Source: Csiszár, "I-Divergence Geometry of Probability Distributions", Annals of Probability 3, 1975.
    """
    found = np.clip(change, -1.0, 1.0)
    for _ in range(12):
        weights = shares * np.exp(found[:, None] * scores)
        total = np.maximum(weights.sum(1), 1e-300)
        mean = (weights * scores).sum(1) / total
        variance = np.maximum((weights * scores**2).sum(1) / total - mean**2, 1e-9)
        found = np.clip(found + np.clip((change - mean) / variance, -1.0, 1.0), -STEEPEST, STEEPEST)
    return np.where((change == 0) | ~scores.any(1), 0.0, found)


def level_sigma(level: Floats | float) -> Floats:
    """The shift, in standard deviations of a normal feature, that moves `level` as much; in [-3, 3].

    With A = P(a row of the sample lies above one of the reference), level = sqrt(3) (2 A - 1) and the shift
    is the common-language effect size sqrt(2) times the normal quantile of A: the same for every increasing
    transform of the feature.
    Source: Ruscio, "A Probability-Based Measure of Effect Size", Psychological Methods 13, 2008.

    >>> level_sigma(0.277).round(2).item()
    0.29
    """
    above = np.clip((1 + np.asarray(level, dtype=np.float64) / math.sqrt(3)) / 2, 0.0, 1.0)
    with np.errstate(invalid="ignore"):
        return np.clip(-math.sqrt(2) * normal_tail_quantile(above), -MOST_SIGMA, MOST_SIGMA) + 0.0


def spread_ratio(spread: float) -> float:
    """By how much a normal feature would be wider, as a factor, to have this `spread`; in [0.1, 10].

    >>> round(spread_ratio(0.0), 2), spread_ratio(0.5) > 1.4
    (1.0, True)
    """
    factors, spreads = _spreads()
    return float(np.interp(spread, spreads, factors))


@lru_cache(maxsize=1)
def _spreads() -> tuple[Floats, Floats]:
    """The spread of normal features of several widths, against a standard one, by quadrature."""
    factors = np.geomspace(0.1, 10, 81)
    quantiles = normal_tail_quantile((np.arange(400) + 0.5) / 400)
    ranks = 2 * normal_tail(factors[:, None] * quantiles) - 1
    return factors, (math.sqrt(5) / 2 * (3 * ranks**2 - 1)).mean(1)
