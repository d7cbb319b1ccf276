"""The features of a window in coarse cells, to look for slices."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from modelmon.stats.categories import keep_frequent
from modelmon.stats.frames import Column, Frame, columns
from modelmon.stats.performance.cells import MISSING, Cells, of_numbers, quantile_edges

SLICES, LISTED = 8, 20
OTHERS = "all others"


def slice_cells(frame: Frame, names: Iterable[str]) -> dict[str, Cells]:
    """Each of these features that the frame has: numbers in eighths, categories the 20 most frequent."""
    found = columns(frame)
    return {name: _coarse(found[name]) for name in names if name in found and found[name].kind != "other"}


def _coarse(column: Column) -> Cells:
    if column.kind in ("numeric", "boolean"):
        values = column.numbers[0]
        return of_numbers(values, quantile_edges(values, SLICES))
    places, names = column.named
    counts = dict(zip(names, np.bincount(places[places >= 0], minlength=len(names)).tolist(), strict=True))
    listed = list(keep_frequent(counts, LISTED)[0])
    at = {name: place for place, name in enumerate(listed)}
    numbers = np.array([*(at.get(name, len(listed)) for name in names), len(listed) + 1], dtype=np.intp)
    return Cells((*listed, OTHERS, MISSING), numbers[places])  # -1, the last one, is missing
