"""Reading one column of an Arrow table; the same questions as `pandas_columns` answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types
from numpy.typing import NDArray

from modelmon.stats.arrow_layout import decoded
from modelmon.stats.categories import Counted, counted
from modelmon.stats.values import as_number, as_written, codes_of_numbers, is_gap, spelled


def columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def kind(column: pa.ChunkedArray) -> str:
    """numeric, boolean, categorical or other."""
    if types.is_dictionary(column.type):
        return "categorical"
    kind = decoded(column[:0]).type
    if types.is_boolean(kind):
        return "boolean"
    if _is_number(kind) or types.is_null(kind):
        return "numeric"
    return "categorical" if _is_text(kind) else "other"


def type_name(column: pa.ChunkedArray) -> str:
    return str(column.type)


def numbers(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], int]:
    """The column as float64 with NaN for what is missing, and how many present values are no number."""
    column = decoded(column)
    if types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if types.is_floating(column.type):
        return as_written(column.to_numpy()), 0
    if types.is_integer(column.type):
        return column.to_numpy().astype(np.float64, copy=False), 0
    if types.is_decimal(column.type):
        return as_written(column.cast(pa.float64()).to_numpy()), 0
    if _is_text(column.type):
        return _read(column)
    return np.full(len(column), np.nan), len(column) - column.null_count


def categories(column: pa.ChunkedArray) -> Counted:
    """How often each category is there, and how many values are missing."""
    return counted(_value_counts(_countable(column)))


def named(column: pa.ChunkedArray) -> tuple[NDArray[np.intp], list[str]]:
    """The category of each row, as a place in the list of their names; -1 where it is missing."""
    encoded = _encoded(_countable(column))
    values = encoded.dictionary.to_pylist()
    gaps = np.array([is_gap(value) for value in values] + [True])
    places = encoded.indices.fill_null(-1).to_numpy().astype(np.intp)
    return np.where(gaps[places], -1, places), ["" if is_gap(value) else spelled(value) for value in values]


def seconds(column: pa.ChunkedArray) -> NDArray[np.float64] | None:
    """Times as seconds since 1970, NaN where missing; None where the values are no times."""
    column = decoded(column)
    if types.is_date(column.type) or _is_text(column.type):
        try:
            column = column.cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            column = _with_zone(column)
    if not types.is_timestamp(column.type):
        return None
    unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    whole = column.cast(pa.int64())
    return np.where(whole.is_null().to_numpy(), np.nan, whole.fill_null(0).to_numpy() / unit)


def missing(column: pa.ChunkedArray) -> int:
    column = decoded(column)
    if types.is_floating(column.type):
        return int(np.count_nonzero(np.isnan(column.to_numpy())))
    return int(column.null_count)


def codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """A number for each row, the same where the values are the same; what is missing is a value too."""
    column = decoded(column)
    if types.is_floating(column.type):
        return codes_of_numbers(as_written(column.to_numpy()))
    if types.is_integer(column.type) and not column.null_count:
        return np.asarray(column.to_numpy()).astype(np.int64)
    return np.asarray(_encoded(_countable(column)).indices.fill_null(-1).to_numpy()).astype(np.int64)


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Each row's place among the different values, null for a missing one."""
    encoded = column.dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        return encoded.chunk(0) if encoded.num_chunks else pa.array([], column.type).dictionary_encode()
    return encoded


def _countable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with values that Arrow can count: a narrower float as the decimal it was written as (0.7 is
    the category 0.7), nested values as their texts."""
    column = decoded(column)
    if types.is_floating(column.type):
        is_double = types.is_float64(column.type)
        return column if is_double else pa.chunked_array([as_written(column.to_numpy())])
    if not types.is_nested(column.type):
        return column
    texts = [None if is_gap(value) else spelled(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _value_counts(column: pa.ChunkedArray) -> Iterable[tuple[Any, int]]:
    found = pc.value_counts(column)
    return zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)


def _read(column: pa.ChunkedArray) -> tuple[NDArray[np.float64], int]:
    """Numbers written as text, each different text read once."""
    encoded = _encoded(column)
    meanings = [as_number(value) for value in encoded.dictionary.to_pylist()]
    # A last place for null, which -1 finds.
    table = np.array([np.nan if number is None else number for number in meanings] + [np.nan])
    unreadable = np.array([number is None for number in meanings] + [False])
    places = encoded.indices.fill_null(-1).to_numpy()
    return as_written(table[places]), int(np.count_nonzero(unreadable[places]))


def _with_zone(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text with an offset from UTC as times; as it is where it is neither."""
    try:
        return column.cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        return column


def _is_number(type_: pa.DataType) -> bool:
    return any(is_kind(type_) for is_kind in (types.is_integer, types.is_floating, types.is_decimal))


def _is_text(type_: pa.DataType) -> bool:
    return any(is_kind(type_) for is_kind in (types.is_string, types.is_large_string))
