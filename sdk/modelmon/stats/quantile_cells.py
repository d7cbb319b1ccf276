"""Cells of a numeric feature that are fine where its rows are: frequent values alone, quantiles between them.

The edges are `[far, least, cuts…, greatest, far]`. What lies between a `far` edge and the training range is
outside of the range; what lies beyond it is so far out that the training rows' own tail does not explain it.
Every edge lies between two values of the training set, so float noise does not move a value to another cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

BINS = 32
FREQUENT = 0.02
"""Share of the rows from which on a value has a cell of its own."""
NOISE = 1e-12
"""Of a value: what is closer than that is the same number."""
ROOM = 1e-6
"""Of the range: how much the outer edges lie outside of it."""
TAIL_ROWS = 0.02
BEYOND = 30.0
"""Far is what the tail, drawn on, would show once in thirty training sets."""
HEAVIEST = 3.0
LARGEST = float(np.finfo(np.float64).max)
ALL_BUT_LARGEST = LARGEST / 8
"""What is further from 0 lies outside of every cell: no edge could lie beyond it."""


def quantile_edges(values: ArrayLike, bins: int = BINS) -> Floats:
    """Ascending edges of the cells of `values` (1-d; only finite ones count), at least four.

    A value with at least 2 % of the rows has a cell of its own, the others share about `bins` cells of
    equally many rows. Of at most `bins` different values each has its cell. Without a finite value the
    edges are those of the constant 0.

    >>> quantile_edges([0.0, 0.0, 1.0, 2.0])[1:-1].tolist()
    [-2e-06, 0.5, 1.5, 2.000002]
    """
    finite = _finite(values)
    different, counts = _different(finite if finite.size else np.zeros(1))
    outer = _outer_edges(different)
    inner = _inner_edges(different, counts, bins)
    every: Floats = np.unique(np.concatenate([_far_edges(different, counts), outer, inner]))
    return every


def single_values(values: ArrayLike, edges: Floats) -> Floats:
    """The only value of each cell of `edges`, (cells,); NaN for a cell of several values or none.

    >>> single_values([0.0, 0.0, 1.0, 2.0, 2.1], np.array([-1.0, 0.5, 1.5, 3.0])).tolist()
    [0.0, 1.0, nan]
    """
    finite = _finite(values)
    found = np.full(edges.size - 1, np.nan)
    if finite.size:
        different, _ = _different(finite)
        places = np.searchsorted(edges, different, side="right") - 1
        alone = np.isin(places, np.flatnonzero(np.bincount(places, minlength=found.size) == 1))
        found[places[alone]] = different[alone]
    return found


def _finite(values: ArrayLike) -> Floats:
    numbers = np.asarray(values, dtype=np.float64).ravel()
    return np.asarray(np.clip(numbers[np.isfinite(numbers)], -ALL_BUT_LARGEST, ALL_BUT_LARGEST))


def _different(finite: Floats) -> tuple[Floats, Places]:
    """The different values in order, and the rows of each; numbers that differ by float noise are one."""
    values, counts = np.unique(finite, return_counts=True)
    size = np.maximum(np.abs(values[1:]), np.abs(values[:-1]))
    with np.errstate(over="ignore"):
        apart = np.flatnonzero(np.diff(values) > NOISE * size) + 1
    starts = np.concatenate([[0], apart])
    return values[starts], np.add.reduceat(counts, starts)


def _inner_edges(values: Floats, counts: Places, bins: int) -> Floats:
    before = np.arange(1, values.size)  # the edge `i` lies between the values i - 1 and i
    rounded = np.zeros(0)
    if values.size > bins:
        frequent = counts >= max(FREQUENT * counts.sum(), 2)
        before = np.union1d(np.flatnonzero(frequent), np.flatnonzero(frequent) + 1)
        cuts = np.setdiff1d(_cuts(np.where(frequent, 0, counts), int(counts.sum()), bins), before)
        rounded = _short(_between(values, cuts[(cuts > 0) & (cuts < values.size)]))
    return np.concatenate([_between(values, before[(before > 0) & (before < values.size)]), rounded])


def _cuts(counts: Places, rows: int, bins: int) -> Places:
    """Where cells of equally many rows begin, among the values that are not frequent."""
    reached = np.cumsum(counts)
    rest = int(reached[-1])
    least = min(8, max(1, rest // 20))
    cells = min(max(round(bins * rest / rows), least), bins)
    return np.searchsorted(reached, rest * np.arange(1, cells) / cells) + 1 if rest else np.zeros(0, np.intp)


def _between(values: Floats, before: Places) -> Floats:
    middle = values[before - 1] / 2 + values[before] / 2
    return np.asarray(np.where(middle > values[before - 1], middle, values[before]))


def _short(cuts: Floats) -> Floats:
    """The cuts with as many digits as tell them apart by a thousandth of a cell: they are stored as text."""
    if cuts.size < 2:
        return cuts
    gaps = np.diff(cuts)
    narrow = np.minimum(np.append(gaps, gaps[-1]), np.insert(gaps, 0, gaps[0]))
    digits = 3 - np.floor(np.log10(np.maximum(narrow, 1e-300))).astype(int)
    return np.array([round(cut, digit) for cut, digit in zip(cuts.tolist(), digits.tolist(), strict=True)])


def _outer_edges(values: Floats) -> Floats:
    first, last = float(values[0]), float(values[-1])
    room = ROOM * (last / 2 - first / 2) * 2 or min(abs(first) * ROOM, 0.5) or 1e-15
    room = max(room, float(np.spacing(max(abs(first), abs(last)))))
    return np.clip([first - room, last + room], -LARGEST, LARGEST)


def _far_edges(values: Floats, counts: Places) -> Floats:
    center = float(values[np.searchsorted(np.cumsum(counts), counts.sum() / 2)])
    width = float(values[-1] / 2 - values[0] / 2) or max(abs(center), 1.0)  # half of the range
    above = _reach(values - center, counts)
    below = _reach((center - values)[::-1], counts[::-1])
    with np.errstate(over="ignore"):
        far = [min(center - below, float(values[0]) - width), max(center + above, float(values[-1]) + width)]
    return np.clip(far, -LARGEST, LARGEST)


def _reach(distances: Floats, counts: Places) -> float:
    """How far from the center a tail that goes on as its last fiftieth does would come once in 30 such sets.

    Source: Hill, "A Simple General Approach to Inference About the Tail of a Distribution", Annals of
    Statistics 3, 1975.
    """
    rows = np.cumsum(counts[::-1])[::-1]
    tail = (rows <= max(TAIL_ROWS * rows[0], 10)) & (distances > 0)
    heaviness = 0.0
    if np.count_nonzero(tail) > 1:
        ratios = np.log(distances[tail]) - np.log(distances[tail][0])
        heaviness = float((ratios * counts[tail]).sum() / counts[tail].sum())
    with np.errstate(over="ignore"):
        return float(max(distances[-1], 0.0) * max(1.5, BEYOND ** min(heaviness, HEAVIEST)))
