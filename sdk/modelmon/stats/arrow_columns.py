"""Reading one column of an Arrow table; the same four questions as `pandas_columns` answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from modelmon.stats.values import as_category, as_number, as_written, is_gap


def columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def kind(column: pa.ChunkedArray) -> str:
    """numeric, boolean, categorical or other."""
    if pa.types.is_boolean(column.type):
        return "boolean"
    if _is_number(column.type) or pa.types.is_null(column.type):
        return "numeric"
    named = pa.types.is_dictionary(column.type) or _is_text(column.type)
    return "categorical" if named else "other"


def numbers(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], int]:
    """The column as float64 with NaN for what is missing, and how many present values are no number."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_float32(column.type):
        return as_written(column.to_numpy().astype(np.float32, copy=False)), 0
    if _is_number(column.type):
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        return column.to_numpy().astype(np.float64, copy=False), 0
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan), 0
    if pa.types.is_dictionary(column.type) or _is_text(column.type):
        return _spelled(column)
    return np.full(len(column), np.nan), len(column) - column.null_count


def categories(column: pa.ChunkedArray) -> tuple[dict[str, int], int]:
    """How often each category is there, and how many values are missing."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    counts: dict[str, int] = {}
    missing = 0
    for entry in _value_counts(column):
        value, number = entry
        if is_gap(value):
            missing += number
        else:
            counts[as_category(value)] = counts.get(as_category(value), 0) + number
    return counts, missing


def missing(column: pa.ChunkedArray) -> int:
    return int(column.null_count)


def _value_counts(column: pa.ChunkedArray) -> list[tuple[Any, int]]:
    try:
        found = pc.value_counts(column)
    except pa.ArrowNotImplementedError:  # nested values
        return [(value, 1) for value in column.to_pylist()]
    return list(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))


def _spelled(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], int]:
    """Numbers written as text, each different text read once."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = column.dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], column.type).dictionary_encode()
    meanings = [as_number(value) for value in encoded.dictionary.to_pylist()]
    # A last place for null, which -1 finds.
    table = np.array([np.nan if number is None else number for number in meanings] + [np.nan])
    unreadable = np.array([number is None for number in meanings] + [False])
    places = encoded.indices.fill_null(-1).to_numpy()
    return table[places], int(np.count_nonzero(unreadable[places]))


def _is_number(type_: pa.DataType) -> bool:
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(is_kind(type_) for is_kind in kinds)


def _is_text(type_: pa.DataType) -> bool:
    return any(is_kind(type_) for is_kind in (pa.types.is_string, pa.types.is_large_string))
