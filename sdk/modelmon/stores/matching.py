"""Which rows of a table have a value that is given as text, as somebody types it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, reduce
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from modelmon.stats.values import WRITTEN_NUMBER, is_gap, spelled

if TYPE_CHECKING:
    from collections.abc import Callable

JSON_COLUMNS = ("entities", "labels", "metrics")
"""Metadata that is a JSON object in each row; its keys can be asked for one by one."""


def matching(table: pa.Table, wanted: Mapping[tuple[str, str], str]) -> pa.Array:
    """Of each row whether it has all that is `wanted`: (column, key, or "" for all of it) to a value's text.

    A column that the table has not, a gap and NaN match nothing. Numbers match as numbers (`42` is 42.0),
    all else by its text as `modelmon.stats.values.spelled` writes it.

    >>> table = pa.table({"id": [7, None, 8], "who": ["a", "a", "b"]})
    >>> matching(table, {("id", ""): "7.0", ("who", ""): "a"}).to_pylist()
    [True, False, False]
    """
    everything = pa.array([True]).take(pa.array([0] * table.num_rows, pa.int32()))
    found = (_matching(table, *place, text) for place, text in wanted.items())
    return reduce(pc.and_, found, everything)


def _matching(table: pa.Table, column: str, key: str, text: str) -> pa.Array:
    if column not in table.column_names:
        return pa.array([False] * table.num_rows, pa.bool_())
    values = table.column(column)
    if key:
        return _of_each(values, lambda value: _holds(value, key, text))
    return _of_each(values, lambda value: is_meant(value, text))


def _of_each(values: pa.ChunkedArray, test: Callable[[Any], bool]) -> pa.Array:
    """The test of each value, every different one tested once; a gap fails it."""
    tested = test if types.is_nested(values.type) else cache(test)
    return pa.array([not is_gap(value) and tested(value) for value in values.to_pylist()], pa.bool_())


def is_meant(value: Any, text: str) -> bool:
    """Whether the text spells the value.

    >>> is_meant(42.0, "42"), is_meant(7, "7.0"), is_meant("007", "7"), is_meant(True, "true")
    (True, True, False, True)
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and WRITTEN_NUMBER.fullmatch(text):
        number = int(text) if text.lstrip("-").isdigit() else float(text)
        return bool(value == number)
    return spelled(value) == text


def _holds(value: str, key: str, text: str) -> bool:
    held = msgspec.json.decode(value)
    return isinstance(held, dict) and held.get(key) is not None and is_meant(held[key], text)
