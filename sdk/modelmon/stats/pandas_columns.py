"""Reading one column of a pandas frame; the same questions as `arrow_columns` answers.

Columns that pandas keeps as Arrow are read as Arrow.
"""

from __future__ import annotations

from collections import Counter
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from modelmon.stats.categories import Counted, counted
from modelmon.stats.values import as_number, as_written, codes_of_numbers, codes_of_values, is_gap, spelled

NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal", "empty"}
NAMES = {"string", "categorical", "mixed-integer", "mixed"}


def columns(frame: pd.DataFrame) -> dict[str, Any]:
    found = {str(name): frame.iloc[:, place] for place, name in enumerate(frame.columns)}
    return {name: _arrow(column) if _is_arrow(column) else quiet(column) for name, column in found.items()}


def quiet(column: pd.Series[Any]) -> pd.Series[Any]:
    """The column without signalling NaNs of decimals, which pandas can't ask whether they are missing."""
    try:
        column.isna()
    except ArithmeticError:
        return pd.Series([None if is_gap(value) else value for value in column], column.index, object)
    return column


def kind(column: pd.Series[Any]) -> str:
    """numeric, boolean, categorical or other."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "categorical"
    if types.is_bool_dtype(column.dtype):
        return "boolean"
    if types.is_numeric_dtype(column.dtype):
        return "other" if types.is_complex_dtype(column.dtype) else "numeric"
    found = types.infer_dtype(column, skipna=True)
    if found == "boolean":
        return "boolean"
    if found in NUMBERS:
        return "numeric"
    if found not in NAMES or not _all_scalar(column):
        return "other"
    return "numeric" if found.startswith("mixed") and _mostly_numbers(column) else "categorical"


def type_name(column: pd.Series[Any]) -> str:
    if column.dtype != object:
        return str(column.dtype)
    present = column.dropna()
    return type(present.iloc[0]).__name__ if len(present) else "object"


def numbers(column: pd.Series[Any]) -> tuple[NDArray[np.float64], int]:
    """The column as float64 with NaN for what is missing, and how many present values are no number."""
    if column.dtype == np.float16:
        return as_written(column.to_numpy()), 0
    if types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column.dtype):
        return as_written(column.to_numpy(dtype=np.float64, na_value=np.nan)), 0
    if isinstance(column.dtype, pd.CategoricalDtype):
        found, invalid = _read(_cells(column.cat.categories), gaps=np.zeros(len(column.cat.categories), bool))
        places = column.cat.codes.to_numpy()  # -1, the last place, for what is missing
        return np.append(found, np.nan)[places], int(np.append(invalid, False)[places].sum())
    found, invalid = _read(column.to_list(), column.isna().to_numpy())
    return found, int(invalid.sum())


def categories(column: pd.Series[Any]) -> Counted:
    """How often each category is there, and how many values are missing."""
    present = column.dropna()
    found: list[tuple[Any, int]]
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = present.cat.codes.to_numpy()
        names = [spelled(value) for value in _cells(column.cat.categories)]
        counts = np.bincount(codes, minlength=len(names)).tolist()
        found = [(name, number) for name, number in zip(names, counts, strict=True) if number]
    elif column.dtype == object:  # not value_counts: to it True is 1
        found = list(Counter(map(spelled, present)).items())
    elif types.is_float_dtype(column.dtype):
        values, times = np.unique(_floats(present), return_counts=True)
        found = list(zip(values.tolist(), times.tolist(), strict=True))
    else:
        found = list(present.value_counts(sort=False).items())
    return counted(found)[0], len(column) - len(present)


def named(column: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """The category of each row, as a place in the list of their names; -1 where it is missing."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.intp), [
            spelled(value) for value in _cells(column.cat.categories)
        ]
    values: Any = column
    if types.is_float_dtype(column.dtype):
        values = _floats(column)
    elif column.dtype == object:  # not the values themselves: to a hash True is 1
        values = np.array([None if is_gap(value) else spelled(value) for value in column], dtype=object)
    places, found = pd.factorize(values)
    return places, [spelled(value) for value in found]


def seconds(column: pd.Series[Any]) -> NDArray[np.float64] | None:
    """Times as seconds since 1970, NaN where missing; None where the values are no times."""
    if types.is_numeric_dtype(column.dtype):
        return None
    try:
        times = pd.to_datetime(column, utc=True)
    except (ValueError, TypeError, OverflowError):
        return None
    whole = times.dt.as_unit("us").astype("int64").to_numpy()
    return np.where(times.isna().to_numpy(), np.nan, whole / 1e6)


def missing(column: pd.Series[Any]) -> int:
    return int(column.isna().sum())


def codes(column: pd.Series[Any]) -> NDArray[np.int64]:
    """A number for each row, the same where the values are the same; what is missing is a value too."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64)
    if types.is_integer_dtype(column.dtype) and not column.hasnans:
        return column.to_numpy(dtype=np.int64)
    if types.is_float_dtype(column.dtype):
        return codes_of_numbers(numbers(column)[0])
    return codes_of_values(column.to_list())


def _read(cells: list[Any], gaps: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Each cell as a number, and which of them are none though they are there."""
    meanings = [np.nan if gap else as_number(value) for value, gap in zip(cells, gaps, strict=True)]
    found = np.array([np.nan if number is None else number for number in meanings], dtype=np.float64)
    return as_written(found), np.array([number is None for number in meanings], dtype=bool)


def _cells(values: pd.Index[Any]) -> list[Any]:
    """The categories as they mean."""
    is_float = types.is_float_dtype(values.dtype)
    cells: list[Any] = _floats(pd.Series(values)).tolist() if is_float else list(values)
    return cells


def _floats(column: pd.Series[Any]) -> NDArray[np.float64]:
    """A narrow float as the decimal it was written as: 0.7 is the category 0.7."""
    if column.dtype in ("float64", "Float64"):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers(column)[0]


def _is_arrow(column: pd.Series[Any]) -> bool:
    if not isinstance(column.dtype, pd.api.extensions.ExtensionDtype):
        return False
    return isinstance(column.dtype, pd.StringDtype | pd.ArrowDtype) and hasattr(column.array, "_pa_array")


def _arrow(column: pd.Series[Any]) -> Any:
    import pyarrow as pa

    found = column.array.__arrow_array__()
    return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])


def _mostly_numbers(column: pd.Series[Any]) -> bool:
    """A stray text in a column of numbers does not make it one of names."""
    present = column.dropna().to_list()
    return 2 * sum(isinstance(value, Number) for value in present) > len(present)


def _all_scalar(column: pd.Series[Any]) -> bool:
    if column.dtype != object:
        return True
    return all(types.is_scalar(value) for value in column.to_list())
