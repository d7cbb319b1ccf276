"""Rows by the cell of a feature that they lie in: a range of numbers, a category, missing."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError

Places = NDArray[np.intp]

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Cells:
    """One feature of a window: `place` (rows,) is each row's cell, `labels` says what a cell is.

    Raises ConfigError for a place without a label.
    """

    labels: tuple[str, ...]
    place: Places

    def __post_init__(self) -> None:
        if self.place.size and not (self.place.min() >= 0 and self.place.max() < len(self.labels)):
            raise ConfigError(f"cells: a place is below {len(self.labels)}, got {self.place.max()}")

    @property
    def counts(self) -> NDArray[np.float64]:
        """Rows of each cell."""
        return np.bincount(self.place, minlength=len(self.labels)).astype(np.float64)


def of_numbers(values: NDArray[np.float64], edges: NDArray[np.float64]) -> Cells:
    """Numbers (rows,) by the ranges between ascending `edges`, NaN as missing; infinities in the outer ones.

    >>> of_numbers(np.array([1.0, 5.0, np.nan]), np.array([2.0, 4.0])).labels
    ('< 2', '2 to < 4', '>= 4', 'missing')
    """
    place = np.searchsorted(edges, values, side="right")
    place[np.isnan(values)] = edges.size + 1
    between = [f"{low:.6g} to < {high:.6g}" for low, high in itertools.pairwise(edges)]
    outer = (f"< {edges[0]:.6g}", f">= {edges[-1]:.6g}") if edges.size else ()
    labels = (outer[0], *between, outer[1]) if outer else ("any number",)
    return Cells((*labels, MISSING), place)


def quantile_edges(values: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Edges between at most `cells` cells of about equal rows; a value that fills several gets one.

    Empty where no number is finite, or all are the same.

    >>> quantile_edges(np.arange(8.0), 4).tolist()
    [2.0, 4.0, 6.0]
    """
    finite = np.sort(values[np.isfinite(values)])
    if not finite.size:
        return finite
    edges = np.unique(finite[(np.arange(1, cells) * finite.size) // cells])
    # A heavy value's cell ends where the next value begins.
    after = np.searchsorted(finite, edges, side="right")
    heavy = (after - np.searchsorted(finite, edges)) >= finite.size / cells
    more = finite[after[heavy & (after < finite.size)]]
    edges = np.unique(np.concatenate([edges, more]))
    return np.asarray(edges[edges > finite[0]])
