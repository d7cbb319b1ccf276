"""Reading one column of a pandas frame; the same four questions as `arrow_columns` answers."""

from __future__ import annotations

import numbers as numbers_abc
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmon.stats.values import as_category, as_number, as_written

NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal", "empty"}
NAMES = {"string", "categorical", "mixed-integer", "mixed"}


def columns(frame: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    return {str(name): frame.iloc[:, place] for place, name in enumerate(frame.columns)}


def kind(column: pd.Series[Any]) -> str:
    """numeric, boolean, categorical or other."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "categorical"
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "other" if pd.api.types.is_complex_dtype(column.dtype) else "numeric"
    found = pd.api.types.infer_dtype(column, skipna=True)
    if found == "boolean":
        return "boolean"
    if found in NUMBERS:
        return "numeric"
    if found not in NAMES or not _all_scalar(column):
        return "other"
    return "numeric" if found.startswith("mixed") and _mostly_numbers(column) else "categorical"


def numbers(column: pd.Series[Any]) -> tuple[NDArray[np.float64], int]:
    """The column as float64 with NaN for what is missing, and how many present values are no number."""
    if column.dtype == np.float32:
        return as_written(column.to_numpy()), 0
    if kind(column) in {"numeric", "boolean"} and pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), 0
    gaps = column.isna().to_numpy()
    cells = zip(column.to_list(), gaps, strict=True)
    meanings = [np.nan if gap else as_number(value) for value, gap in cells]
    found = np.array([np.nan if number is None else number for number in meanings], dtype=np.float64)
    return found, sum(number is None for number in meanings)


def categories(column: pd.Series[Any]) -> tuple[dict[str, int], int]:
    """How often each category is there, and how many values are missing."""
    present = column.dropna()
    if not _all_scalar(present):
        present = present.map(str)
    counts: dict[str, int] = {}
    for value, number in present.value_counts(sort=False).items():
        if number:  # a categorical column also lists categories that are not there
            counts[as_category(value)] = counts.get(as_category(value), 0) + int(number)
    return counts, len(column) - len(present)


def missing(column: pd.Series[Any]) -> int:
    return int(column.isna().sum())


def _mostly_numbers(column: pd.Series[Any]) -> bool:
    """A stray text in a column of numbers does not make it one of names."""
    present = column.dropna().to_list()
    return 2 * sum(isinstance(value, numbers_abc.Number) for value in present) > len(present)


def _all_scalar(column: pd.Series[Any]) -> bool:
    if column.dtype != object:
        return True
    return all(pd.api.types.is_scalar(value) for value in column.to_list())
