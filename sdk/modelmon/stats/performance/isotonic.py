"""Isotonic regression: the ascending means that are nearest to the observed ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def isotonic(means: Floats, weights: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """The ascending values nearest to `means` (1-d, weights above 0) by least squares, and each one's block.

    Neighbours out of order are pooled until none is; what is pooled shares a block, numbered from 0. Empty
    input gives empty arrays. As `sklearn.isotonic.isotonic_regression`.
    Source: Ayer, Brunk, Ewing, Reid, Silverman, "An Empirical Distribution Function for Sampling with
    Incomplete Information", Annals of Mathematical Statistics 26, 1955.

    >>> isotonic(np.array([0.1, 0.5, 0.3, 0.9]), np.ones(4))[0].tolist()
    [0.1, 0.4, 0.4, 0.9]
    """
    blocks: list[list[float]] = []  # mean, weight, how many
    for mean, weight in zip(means.tolist(), weights.tolist(), strict=True):
        blocks.append([mean, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            _pool(blocks)
    sizes = np.array([size for _, _, size in blocks], dtype=np.intp)
    return np.repeat([mean for mean, _, _ in blocks], sizes), np.repeat(np.arange(len(blocks)), sizes)


def _pool(blocks: list[list[float]]) -> None:
    """Join the last two blocks."""
    mean, weight, size = blocks.pop()
    before = blocks[-1]
    before[0] = (before[0] * before[1] + mean * weight) / (before[1] + weight)
    before[1], before[2] = before[1] + weight, before[2] + size
