"""Inputs and outputs of an event as rows, whatever shape the server wrote ('Wire formats' in the docs)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from modelmon.counting import count
from modelmon.errors import RejectedError
from modelmon.wire.identity import shown
from modelmon.wire.naming import as_registered

BYTES_KEY = "$bytes"
MOST_EMPTY_CELLS, MOST_EMPTY_PER_VALUE = 10_000, 16
"""Cells without a value that named rows of one event may make: so many, and so many for each value. Rows that
each bring names of their own would else grow by the square."""
_BYTES_MARK = f'"{BYTES_KEY}"'.encode()
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

    The names of dict rows come from the rows; those given decide their order, and one that differs from a
    given one in case and separators alone is that one. The side with fewer rows gets empty ones. Raises
    RejectedError when there is no row at all, for named rows that share few names, and for rows without
    names beside them where none are given.
    """
    if _is_one_row(inputs) and _is_one_row(outputs):  # most events; the general way costs a microsecond more
        return inputs, outputs, input_names, output_names
    in_rows, input_names = _input_rows(inputs, input_names)
    out_rows, output_names = _output_rows(outputs, len(in_rows), output_names)
    if len(in_rows) != len(out_rows):
        rows = max(len(in_rows), len(out_rows))
        in_rows, out_rows = ([*side, *([] for _ in range(rows - len(side)))] for side in (in_rows, out_rows))
    if not in_rows:
        raise RejectedError("must hold at least one row, got none", "request.inputs")
    return in_rows, out_rows, input_names, output_names


def _is_one_row(value: Any) -> bool:
    return type(value) is list and len(value) == 1 and type(value[0]) is list


def _input_rows(value: Any, names: Names) -> tuple[Rows, Names]:
    if type(value) is not list:
        return _columns(value, names) if _is_columns(value) else _single(value, names)
    kinds = set(map(type, value))
    if kinds == _LISTS:
        return value, names
    if kinds == _DICTS:
        return _named_rows(value, names)
    if kinds == _NESTED:
        return _named_rows([_named(row, names or ()) for row in value], names)
    return ([value] if value else []), names  # a flat list is one sample


def _output_rows(value: Any, count: int, names: Names) -> tuple[Rows, Names]:
    if type(value) is not list:
        return _answer(value, count, names) if type(value) is dict else _single(value, names)
    kinds = set(map(type, value))
    if kinds == _LISTS:
        return value, names
    if kinds == _DICTS:
        return _named_rows(value, names)
    if count == 1 and len(value) != 1 and not kinds & _NESTED:
        return [value], names  # several outputs of the one input
    return [entry if type(entry) is list else [entry] for entry in value], names


def _answer(value: dict[str, Any], count: int, names: Names) -> tuple[Rows, Names]:
    """The rows of an object that answers `count` rows of inputs.

    A list with a value for each of them is a column. Anything else (the classes that the probabilities are
    for) is one value of the answer as a whole, and stands in its first row.
    """
    per_row = {name for name, entry in value.items() if type(entry) is list and len(entry) == count}
    if not per_row or not count:
        return _single(value, names)
    _check_filled(count, len(value), len(per_row) * count + len(value))
    rest = [None] * (count - 1)
    return _columns(
        {name: entry if name in per_row else [entry, *rest] for name, entry in value.items()}, names
    )


def _is_columns(value: Any) -> bool:
    if type(value) is not dict or not value or set(map(type, value.values())) != _LISTS:
        return False
    return len(set(map(len, value.values()))) == 1


def _columns(value: dict[str, list[Any]], names: Names) -> tuple[Rows, Names]:
    count = len(next(iter(value.values())))
    (columns,), order = _in_order([value], names)
    _check_filled(count, len(order), len(value) * count)
    empty = [None] * count
    return [list(row) for row in zip(*(columns.get(name, empty) for name in order), strict=True)], order


def _single(value: Any, names: Names) -> tuple[Rows, Names]:
    return _named_rows([value], names) if type(value) is dict else ([[value]], names)


def _named_rows(rows: Sequence[dict[str, Any]], names: Names) -> tuple[Rows, Names]:
    rows, order = _in_order(rows, names)
    return [[row.get(name) for name in order] for row in rows], order


def _named(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """A row beside named ones; one without names has the given ones, by position."""
    if type(row) is dict:
        return row
    if len(row) > len(names):
        has = f"{len(names)} names are" if len(names) != 1 else "1 name is"
        raise RejectedError(
            f"a row of {count(len(row), 'value')} without names stands beside rows with names, and {has} "
            "known of the inputs (input_schema); give all rows as objects, or all as lists",
            "request.inputs",
        )
    return dict(zip(names, row, strict=False))


def _in_order(
    rows: Sequence[dict[str, Any]], names: Names
) -> tuple[Sequence[dict[str, Any]], tuple[str, ...]]:
    """The rows, in the spelling of the given names, and the order of all names."""
    order = _all_names(rows, names)
    _check_filled(len(rows), len(order), sum(map(len, rows)))
    if names and len(order) > len(set(names)):
        rows = _respelled(rows, names)
        order = _all_names(rows, names)
    return rows, order


def _all_names(rows: Sequence[dict[str, Any]], names: Names) -> tuple[str, ...]:
    order = dict.fromkeys(names or ())
    for row in rows:
        order.update(dict.fromkeys(row))
    return tuple(order)


def _respelled(rows: Sequence[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    found: dict[tuple[str, ...], list[str]] = {}  # rows of one event nearly always bring the same names
    for own in {tuple(row) for row in rows}:
        found[own] = as_registered(names, own)
    return [dict(zip(found[tuple(row)], row.values(), strict=True)) for row in rows]


def _check_filled(rows: int, names: int, values: int) -> None:
    if rows * names - values > MOST_EMPTY_CELLS + MOST_EMPTY_PER_VALUE * values:
        raise RejectedError(
            f"{rows:,} rows with {names:,} different names have only {values:,} values; send rows that share "
            "their names, or fewer of them in one event"
        )


def holds_bytes(body: bytes) -> bool:
    """Whether some value of a message may be {"$bytes": "<base64>"}."""
    return b"$" in body and _BYTES_MARK in body  # one character is found ten times faster than eight


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
