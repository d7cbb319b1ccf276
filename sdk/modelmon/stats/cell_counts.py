"""Counts of a sample's rows in the cells of a profile."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.categories import count_categories, places_of
from modelmon.stats.cell_table import CellTable
from modelmon.stats.frames import Column, Frame, as_frame, columns, without_values
from modelmon.stats.profile import FeatureProfile, Profile

Counts = NDArray[np.int64]


def cell_counts(frame: Frame, profile: Profile) -> Counts:
    """Counts (features, profile.width) of a sample's rows, one line a feature in the profile's order.

    A line is `[under, cells…, over, missing]` and then zeros. Its sum is the number of rows. A feature that
    the frame has no column for is missing in every row; other columns are ignored. Infinities are `under`
    or `over`; NaN, nulls and what is no number are `missing`. ConfigError for what is no frame.

    >>> import pyarrow as pa
    >>> from modelmon.stats import profile
    >>> training = profile(pa.table({"city": ["a", "b", "a"]}))
    >>> cell_counts(pa.table({"city": ["a", "new", None]}), training).tolist()
    [[0, 1, 0, 1, 1]]
    """
    frame = as_frame(frame)
    rows = len(frame)
    found = columns(frame)
    counts = np.zeros((len(profile.features), profile.width), dtype=np.int64)
    for line, feature in zip(counts, profile.features, strict=True):
        column = found[feature.name] if feature.name in found else without_values(rows)
        line[: feature.counts.size] = column_counts(column, feature)
    return counts


def column_counts(column: Column, feature: FeatureProfile) -> Counts:
    """Counts (cells + 3,) of one column, as `[under, cells…, over, missing]`."""
    if not feature.is_numeric:
        named, missing = column.categories
        return np.concatenate([[0], count_categories(named, feature.categories, missing)])
    values, _ = column.numbers
    return _table(feature).count(values)


def cell_places(column: Column, feature: FeatureProfile) -> NDArray[np.intp]:
    """The cell of each row of a column, as a place in the counts."""
    if feature.is_numeric:
        return _table(feature).places(column.numbers[0])
    places, names = column.named
    at = np.array([*places_of(names, feature.categories), feature.counts.size - 2], dtype=np.intp) + 1
    return at[places]  # -1, the last one, is missing


@lru_cache(maxsize=512)
def _table(feature: FeatureProfile) -> CellTable:
    reached = np.cumsum(feature.counts[1:-2])
    middle = int(np.searchsorted(reached, reached[-1] / 2)) if reached[-1] else reached.size // 2
    return CellTable(feature.edges, float(feature.edges[middle]))
