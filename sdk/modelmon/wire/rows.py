"""Inputs and outputs of an event as rows, whatever shape the server wrote them in (table in docs/wire.md)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from modelmon.errors import RejectedError
from modelmon.wire.identity import shown

BYTES_KEY = "$bytes"
MOST_NAMED_CELLS = 10_000_000  # rows that each bring names of their own grow by the square
_LISTS: set[type] = {list}
_DICTS: set[type] = {dict}
_NESTED: set[type] = {list, dict}
_BINARY: set[type] = {bytes, bytearray, memoryview}

Rows = list[list[Any]]
Names = tuple[str, ...] | None


def read_rows(
    inputs: Any, outputs: Any, input_names: Names, output_names: Names
) -> tuple[Rows, Rows, Names, Names]:
    """Input rows and output rows, as many of each, and their names.

    The names of dict rows come from the rows; those given decide their order. Raises RejectedError
    when there is no row at all.
    """
    if _is_one_row(inputs) and _is_one_row(outputs):  # most events; the general way costs a microsecond more
        return inputs, outputs, input_names, output_names
    in_rows, input_names = _input_rows(inputs, input_names)
    out_rows, output_names = _output_rows(outputs, len(in_rows), output_names)
    if len(in_rows) != len(out_rows):
        rows = max(len(in_rows), len(out_rows))
        in_rows, out_rows = _padded(in_rows, rows), _padded(out_rows, rows)
    if not in_rows:
        raise RejectedError("must hold at least one row, got none", "request.inputs")
    return in_rows, out_rows, input_names, output_names


def _is_one_row(value: Any) -> bool:
    return type(value) is list and len(value) == 1 and type(value[0]) is list


def _input_rows(value: Any, names: Names) -> tuple[Rows, Names]:
    if type(value) is not list:
        return _single(value, names)
    kinds = set(map(type, value))
    if kinds == _LISTS:
        return value, names
    if kinds == _DICTS:
        return _named_rows(value, names)
    return ([value] if value else []), names  # a flat list is one sample


def _output_rows(value: Any, count: int, names: Names) -> tuple[Rows, Names]:
    if type(value) is not list:
        return _single(value, names)
    kinds = set(map(type, value))
    if kinds == _LISTS:
        return value, names
    if kinds == _DICTS:
        return _named_rows(value, names)
    if count == 1 and len(value) != 1 and not kinds & _NESTED:
        return [value], names  # several outputs of the one input
    return [entry if type(entry) is list else [entry] for entry in value], names


def _single(value: Any, names: Names) -> tuple[Rows, Names]:
    if type(value) is not dict:
        return [[value]], names
    columns = list(value.values())
    if columns and set(map(type, columns)) == _LISTS and len(set(map(len, columns))) == 1:
        order = _order([value], names)
        empty = [None] * len(columns[0])
        return [list(row) for row in zip(*(value.get(name, empty) for name in order), strict=True)], order
    return _named_rows([value], names)


def _named_rows(rows: list[dict[str, Any]], names: Names) -> tuple[Rows, Names]:
    order = _order(rows, names)
    return [[row.get(name) for name in order] for row in rows], order


def _order(rows: Sequence[dict[str, Any]], names: Names) -> tuple[str, ...]:
    order = dict.fromkeys(names or ())
    for row in rows:
        order.update(dict.fromkeys(row))
    if len(order) * len(rows) > MOST_NAMED_CELLS:
        raise RejectedError(
            f"{len(rows):,} rows with {len(order):,} different names make more than "
            f"{MOST_NAMED_CELLS:,} cells; send fewer rows in one event"
        )
    return tuple(order)


def _padded(rows: Rows, count: int) -> Rows:
    if len(rows) == count:
        return rows
    width = max(map(len, rows), default=0)
    return [*rows, *([None] * width for _ in range(count - len(rows)))]


def restore_bytes(value: Any, field: str, depth: int = 2) -> Any:
    """The same inputs or outputs with each value {"$bytes": "<base64>"} as bytes, down to the cells."""
    if type(value) is list and depth:
        return [restore_bytes(entry, field, depth - 1) for entry in value]
    if type(value) is not dict:
        return value
    if value.keys() == {BYTES_KEY}:
        return _from_base64(value[BYTES_KEY], field)
    return {key: restore_bytes(entry, field, depth - 1) for key, entry in value.items()} if depth else value


def _from_base64(text: Any, field: str) -> bytes:
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise RejectedError(f"{BYTES_KEY} must hold base64 text, got {shown(text)}", field)


def hide_bytes(rows: Rows) -> Rows:
    """The rows with each value of bytes as {"$bytes": "<base64>"}; the same list where there is none."""
    if all(_BINARY.isdisjoint(map(type, row)) for row in rows):
        return rows
    return [[_to_json(value) for value in row] for row in rows]


def _to_json(value: Any) -> Any:
    if type(value) in _BINARY:
        return {BYTES_KEY: base64.b64encode(value).decode()}
    return value
