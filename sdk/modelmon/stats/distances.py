"""Distances between two histograms over the same bins: reference first, sample second.

Every function takes counts or probabilities of shape (..., bins), scales each histogram to mass 1 and
returns an array of shape (...). An empty histogram (mass 0) has no distance: NaN. Negative, NaN or
infinite counts and unequal shapes raise ConfigError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError

Floats = NDArray[np.float64]
Distance = Callable[[ArrayLike, ArrayLike], Floats]

ZERO = 1e-4
"""What stands in for an empty bin where a logarithm or a denominator needs more than nothing."""


def tvd(reference: ArrayLike, sample: ArrayLike) -> Floats:
    """Total variation distance, in [0, 1]: the share of the mass that lies in other bins.

    Symmetric; 0 for identical and 1 for disjoint histograms; empty bins need no care.
    Source: Levin, Peres, Wilmer, "Markov Chains and Mixing Times", 2009, section 4.1.

    >>> float(tvd([50, 50], [75, 25]))
    0.25
    """
    expected, found = _distributions(reference, sample)
    return np.asarray(np.minimum(0.5 * np.abs(found - expected).sum(axis=-1), 1.0))


def hellinger(reference: ArrayLike, sample: ArrayLike) -> Floats:
    """Hellinger distance, in [0, 1]; more sensitive than `tvd` to bins that were or become rare.

    Symmetric; 0 for identical and 1 for disjoint histograms; empty bins need no care. Computed from the
    differences of the roots, which is exactly 0 for identical input, unlike 1 - sum(sqrt(p * q)).
    Source: Hellinger, Journal für die reine und angewandte Mathematik 136, 1909.

    >>> float(hellinger([1, 0], [0, 1]))
    1.0
    """
    expected, found = _distributions(reference, sample)
    squares = (np.sqrt(found) - np.sqrt(expected)) ** 2
    return np.asarray(np.sqrt(np.minimum(0.5 * squares.sum(axis=-1), 1.0)))


def kld(reference: ArrayLike, sample: ArrayLike) -> Floats:
    """Symmetric Kullback-Leibler divergence in nats, KL(p, q) + KL(q, p); 0 for identical histograms.

    0 · log 0 is 0. A zero in a denominator becomes 1e-4 without scaling again, as in MLRun; so the
    result is finite (18.4 for disjoint histograms of one bin each), and may be slightly below 0 when the
    only bins that differ are far below 1e-4.
    Source: Kullback, Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22, 1951.

    >>> round(float(kld([50, 50], [75, 25])), 6)
    0.274653
    """
    expected, found = _distributions(reference, sample)
    return _relative_entropy(found, expected) + _relative_entropy(expected, found)


def psi(reference: ArrayLike, sample: ArrayLike) -> Floats:
    """Population stability index, >= 0; by custom below 0.1 is stable and above 0.25 has shifted.

    Symmetric; 0 for identical histograms. An empty bin becomes 1e-4 on either side, so the result is
    finite; but no more than it has on the other side: what is rarer than that and absent has not shifted.
    Source: Siddiqi, "Credit Risk Scorecards", 2006, chapter 8.

    >>> round(float(psi([50, 50], [75, 25])), 6)
    0.274653
    >>> float(psi([999_999, 1], [1, 0])) < 1e-5
    True
    """
    expected, found = _distributions(reference, sample)
    expected, found = _filled(expected, found), _filled(found, expected)
    return np.asarray(((found - expected) * np.log(found / expected)).sum(axis=-1))


DISTANCES: dict[str, Distance] = {"hellinger": hellinger, "kld": kld, "tvd": tvd, "psi": psi}
"""Every distance by its name; the drift app, its metrics and the law tests read this registry."""


def distance(name: str) -> Distance:
    """The distance called `name`; ConfigError names those there are."""
    if name not in DISTANCES:
        raise ConfigError(f"unknown distance {name!r}; known are {', '.join(sorted(DISTANCES))}")
    return DISTANCES[name]


def _filled(mass: Floats, other: Floats) -> Floats:
    """The mass with something in its empty bins; bins that are empty on both sides are alike."""
    either = np.where(other == 0, ZERO, np.minimum(other, ZERO))
    return np.where(mass == 0, either, mass)


def _relative_entropy(mass: Floats, other: Floats) -> Floats:
    occupied = mass > 0
    ratio = np.where(occupied, mass, 1.0) / np.where(occupied, np.where(other > 0, other, ZERO), 1.0)
    return np.asarray((mass * np.log(ratio)).sum(axis=-1))


def _distributions(reference: ArrayLike, sample: ArrayLike) -> tuple[Floats, Floats]:
    expected, found = _distribution(reference), _distribution(sample)
    if expected.shape != found.shape:
        raise ConfigError(f"two histograms need the same bins, got shapes {expected.shape} and {found.shape}")
    return expected, found


def _distribution(counts: Any) -> Floats:
    mass = np.asarray(counts, dtype=np.float64)
    if mass.ndim == 0 or not np.isfinite(mass).all() or (mass < 0).any():
        raise ConfigError(f"a histogram has finite counts of at least 0, got {counts!r}")
    total = mass.sum(axis=-1, keepdims=True)
    return np.divide(mass, total, out=np.full_like(mass, np.nan), where=total > 0)
