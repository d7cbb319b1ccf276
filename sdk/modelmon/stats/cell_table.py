"""Finding the cell of each number: exact for any edges, in about 3 ns a value.

The sixteen highest bits of `value - center` (sign, exponent and four bits more) rise with the value. A table
says for each of them how many edges lie below all numbers that begin so. Edges among those numbers are then
compared one after the other; there is hardly ever more than one, for near the center numbers that begin alike
are close to each other, and far from it there are few edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

BLOCK = 16_384
"""Numbers that are looked up at a time: they stay in the processor's cache."""
WORTH = 30_000
"""Numbers from which on a table is quicker than a search, its making included."""
SHIFT = np.uint64(48)
BEGINNINGS = 1 << 16
MOST_COMPARED = 3
NOT_ZERO = 1e-300


class CellTable:
    """Cells between ascending, finite `edges`, as places in `[under, cells…, over, missing]`.

    `center` is where most numbers lie. A cell holds its left edge; infinities are under or over, NaN missing.
    """

    def __init__(self, edges: Floats, center: float) -> None:
        self.edges = edges
        self.missing = edges.size + 1
        self._center = center or NOT_ZERO  # -0.0 - 0.0 is below 0.0
        self._below: NDArray[np.int16] | None = None
        self._compared = 0
        self._next_edge = np.concatenate([edges, [np.nan, np.nan]])  # no number is beyond NaN

    def count(self, values: Floats) -> Counts:
        """Counts (edges + 2,) of `values` (1-d)."""
        if values.size < WORTH and self._below is None:
            return np.bincount(self.places(values), minlength=self.missing + 1)
        below = self._table()
        if self._compared > MOST_COMPARED:
            return np.bincount(self.places(values), minlength=self.missing + 1)
        found, buffer = np.zeros(self.missing + 1, dtype=np.int64), np.empty(min(BLOCK, values.size))
        for start in range(0, values.size, BLOCK):
            block = values[start : start + BLOCK]
            found += np.bincount(self._looked_up(block, buffer[: block.size], below), minlength=found.size)
        return found

    def places(self, values: Floats) -> NDArray[np.intp]:
        """The place of each value."""
        found = np.searchsorted(self.edges, values, side="right")
        return np.where(np.isnan(values), self.missing, found)

    def _looked_up(self, block: Floats, buffer: Floats, below: NDArray[np.int16]) -> NDArray[np.int16]:
        with np.errstate(over="ignore", invalid="ignore"):
            np.subtract(block, self._center, out=buffer)
        beginning = buffer.view(np.uint64)
        np.right_shift(beginning, SHIFT, out=beginning)
        place = below.take(beginning.view(np.int64))
        for _ in range(self._compared):
            place += block >= self._next_edge.take(place)
        return place

    def _table(self) -> NDArray[np.int16]:
        if self._below is None:
            beginnings = np.arange(BEGINNINGS)
            negative = beginnings >= BEGINNINGS // 2
            order = np.where(negative, BEGINNINGS - 1 - beginnings, beginnings + BEGINNINGS // 2)
            with np.errstate(over="ignore"):
                of_edges = order[((self.edges - self._center).view(np.uint64) >> SHIFT).astype(np.intp)]
            self._compared = int(np.bincount(of_edges).max(initial=0))
            below = np.searchsorted(of_edges, order, side="left").astype(np.int16)
            magnitude = np.where(negative, beginnings - BEGINNINGS // 2, beginnings)
            infinite = int(np.float64(np.inf).view(np.uint64) >> SHIFT)
            below[magnitude > infinite] = self.missing
            self._below = below
        return self._below
