"""Histograms of numbers: equal-width bins over the training range, and where everything else goes.

Counts are laid out as `[under, bin 1 … bin n, over, missing]`: below the first edge (-inf too), the bins
`[edge, next edge)` of which the last includes its right edge, above the last edge (+inf too), and NaN. So
nothing is lost, and data equal to the training data always lands where the training data did.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

BINS = 20
ALIKE = 1e-6  # of a constant or of a bin's width: float32 keeps seven digits
NOISE = 1e-13  # of the largest value: what sums of floats differ by
SMALLEST = 5e-324
LEAST = 1e-15  # around a constant 0, which has no size
LARGEST = float(np.finfo(np.float64).max)
BLOCK = 32_768  # values counted at a time: their buffers stay in the processor's cache


def equal_width_edges(values: ArrayLike, bins: int = BINS) -> Floats:
    """`bins + 1` edges of equal-width bins over the finite `values`; no finite value at all gives [0, 1].

    Equal up to float noise is equal: each edge lies a millionth of a bin or less outside of the number it
    is meant for, so that 0.1 + 0.2 falls where 0.3 does. A constant c lies in the middle of a bin that
    holds what differs by a millionth of c, and by half a unit at most: a whole number is never another.
    Edges may differ from `numpy.linspace` by rounding: each is the number at which the fast arithmetic of
    `count` steps.

    >>> equal_width_edges([0.0, 10.0], bins=4).round(5).tolist()
    [-0.0, 2.5, 5.0, 7.5, 10.0]
    """
    if bins < 1:
        raise ConfigError(f"a histogram needs at least 1 bin, got {bins}")
    numbers = np.asarray(values, dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    first, last = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    first, last = np.clip(_bounds(first, last, bins), -LARGEST, LARGEST).tolist()
    share = np.arange(bins + 1) / bins
    edges = first * (1 - share) + last * share  # unlike linspace, never overflows
    edges[0], edges[-1] = first, last
    edges = np.maximum.accumulate(np.clip(edges, first, last))  # where bins are as narrow as rounding
    stepping = _stepping_edges(edges)
    return stepping if steps_at(stepping) else edges


def _bounds(first: float, last: float, bins: int) -> tuple[float, float]:
    """Where the first bin begins and the last one ends, for values in [first, last]."""
    size = max(abs(first), abs(last))
    if first == last or last / 2 - first / 2 <= size * NOISE:
        half = max(min(size * ALIKE, 0.5), size * 2**-52, SMALLEST) if size else LEAST
        begin = first / 2 + last / 2 - half * (bins // 2 * 2 + 1)
        return begin, begin + half * 2 * bins
    # Below every edge lies some room. The end has less of it than the beginning, or the edge before the
    # last would lie above the number it is meant for.
    room = last * (ALIKE / bins) - first * (ALIKE / bins)
    return first - room, last + room / (2 * bins)


def count(values: ArrayLike, edges: ArrayLike) -> Counts:
    """Counts of `values` (1-d) in the bins of `edges`, as `[under, bins…, over, missing]`.

    They sum to the number of values; no value gives zeros. Edges that don't ascend, or aren't finite,
    raise ConfigError.

    >>> count([0.0, 1.0, 2.0, 9.0, float("nan")], [0.0, 1.0, 2.0]).tolist()
    [0, 1, 2, 1, 1]
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    bounds = np.asarray(edges, dtype=np.float64)
    if bounds.ndim != 1 or bounds.size < 2 or not np.isfinite(bounds).all() or (np.diff(bounds) < 0).any():
        raise ConfigError(f"edges must be at least two finite, ascending numbers, got {edges!r}")
    counter = _count_stepping if steps_at(bounds) else _count_searching
    regular, under, over = counter(numbers, bounds)
    return np.array([under, *regular, over, numbers.size - under - over - regular.sum()], dtype=np.int64)


def steps_at(edges: Floats) -> bool:
    """Whether `floor((x - first) * scale)` steps exactly at these edges, for every number x there is."""
    inner, bins = edges[1:-1], np.arange(1, edges.size - 1)
    scale = _scale(edges)
    if not 0 < scale < np.inf:
        return False
    with np.errstate(over="ignore"):
        at, before = (inner - edges[0]) * scale, (np.nextafter(inner, -np.inf) - edges[0]) * scale
    return bool(((at >= bins) & (at < bins + 1) & (before < bins)).all())


def _scale(edges: Floats) -> float:
    with np.errstate(over="ignore", divide="ignore"):
        return float((edges.size - 1) / (edges[-1] - edges[0]))


def _count_stepping(numbers: Floats, edges: Floats) -> tuple[Counts, int, int]:
    """One pass in blocks; about 2 ns a value, where a search takes 20."""
    first, last, scale, bins = edges[0], edges[-1], _scale(edges), edges.size - 1
    places, index = np.empty(BLOCK), np.empty(BLOCK, dtype=np.intp)
    regular, under, over = np.zeros(bins + 1, dtype=np.int64), 0, 0  # the last edge has a place of its own
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, numbers.size, BLOCK):
            block = numbers[start : start + BLOCK]
            place, bin_of = places[: block.size], index[: block.size]
            np.subtract(block, first, out=place)
            np.multiply(place, scale, out=place)
            inside = first <= block.min() and block.max() <= last  # NaN makes it false
            if not inside:
                np.fmax(place, 0.0, out=place)  # NaN becomes 0
                np.minimum(place, float(bins), out=place)
            bin_of[...] = place
            regular += np.bincount(bin_of, minlength=bins + 1)
            if not inside:
                below, above = np.count_nonzero(block < first), np.count_nonzero(block > last)
                regular[0] -= below + np.count_nonzero(np.isnan(block))
                regular[-1] -= above
                under, over = under + below, over + above
    regular[-2] += regular[-1]
    return regular[:-1], under, over


def _count_searching(numbers: Floats, edges: Floats) -> tuple[Counts, int, int]:
    """For edges of others, which may lie anywhere."""
    inside = numbers[(numbers >= edges[0]) & (numbers <= edges[-1])]
    place = np.minimum(np.searchsorted(edges, inside, side="right") - 1, edges.size - 2)
    regular = np.bincount(place, minlength=edges.size - 1)
    return regular, np.count_nonzero(numbers < edges[0]), np.count_nonzero(numbers > edges[-1])


def _stepping_edges(edges: Floats) -> Floats:
    """The smallest number of each bin by the fast arithmetic, found by halving over the floats in order."""
    scale, bins = _scale(edges), np.arange(1, edges.size - 1)
    low, high = (np.full(bins.size, _ordered(edges[[end]])[0]) for end in (0, -1))
    with np.errstate(over="ignore", invalid="ignore"):
        while (low < high).any():
            middle = (low >> 1) + (high >> 1) + (low & high & 1)  # without overflow
            reached = (_ordered(middle).view(np.float64) - edges[0]) * scale >= bins
            high, low = np.where(reached, middle, high), np.where(reached, low, middle + 1)
    return np.concatenate([edges[:1], _ordered(low).view(np.float64), edges[-1:]])


def _ordered(numbers: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.int64]:
    """The bits of floats as integers in the same order; its own inverse."""
    bits = np.ascontiguousarray(numbers).view(np.int64)
    return bits ^ ((bits >> 63) & np.int64(0x7FFF_FFFF_FFFF_FFFF))
