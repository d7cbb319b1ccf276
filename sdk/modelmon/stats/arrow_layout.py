"""Arrow columns without what only concerns how values are laid out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.types as types

VIEWS = {"string_view": pa.large_string(), "binary_view": pa.large_binary()}


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same values with nothing around them: no dictionary, run-end encoding, extension or view.

    Arrow's own functions do not take all of these, or miscount the nulls of some.
    """
    while (plain := _once(column)) is not column:
        column = plain
    return column


def writable(table: pa.Table) -> pa.Table:
    """The same table with columns that files can hold: run-end encodings and views are decoded."""
    columns = [decoded(column) if _is_for_memory(column.type) else column for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _is_for_memory(kind: pa.DataType) -> bool:
    inner = kind.value_type if types.is_dictionary(kind) else kind
    return types.is_run_end_encoded(kind) or str(inner) in VIEWS


def _once(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
    if types.is_dictionary(kind):
        return _taken([(chunk.dictionary, chunk.indices) for chunk in column.chunks], kind.value_type)
    if types.is_run_end_encoded(kind):
        return _taken([(chunk.values, _runs(chunk)) for chunk in column.chunks], kind.value_type)
    plain = VIEWS.get(str(kind))
    if types.is_decimal32(kind) or types.is_decimal64(kind):
        plain = pa.decimal128(kind.precision, kind.scale)
    return column if plain is None else column.cast(plain)


def _taken(pieces: list[tuple[pa.Array, pa.Array]], kind: pa.DataType) -> pa.ChunkedArray:
    """The values at the given places, null where the place is null."""
    if not pieces:
        return pa.chunked_array([], kind)
    columns = [(decoded(pa.chunked_array([values])), places) for values, places in pieces]
    return pa.chunked_array([chunk for values, places in columns for chunk in values.take(places).chunks])


def _runs(chunk: pa.RunEndEncodedArray) -> pa.Array:
    """Which run each row belongs to; a slice begins in the middle of one."""
    rows = np.arange(chunk.offset, chunk.offset + len(chunk))
    return pa.array(np.searchsorted(chunk.run_ends.to_numpy(), rows, side="right"))
