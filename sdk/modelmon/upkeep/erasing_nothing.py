"""Why no row had the values that somebody wanted erased: what the newest files hold instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.types as types

from modelmon.errors import no_such
from modelmon.stats.values import WRITTEN_NUMBER, is_gap, spelled
from modelmon.stores.matching import JSON_COLUMNS

LOOKED_AT = 8
"""How many files are looked into."""


def why_nothing(tables: Sequence[pa.Table], wanted: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    """What may be wrong with each value that was asked for, where something can be said of it.

    >>> why_nothing([pa.table({"y": ["true", "false"]})], {("y", ""): "True"})
    ("y: there is 'true', not 'True'; all but numbers has to match to the letter",)
    """
    said = (_why(list(_values(tables, column)), column, key, text) for (column, key), text in wanted.items())
    return tuple(each for each in said if each)


def _values(tables: Sequence[pa.Table], column: str) -> Iterator[Any]:
    for table in tables:
        if column in table.column_names:
            values = table.column(column)
            distinct = values if types.is_nested(values.type) else values.unique()
            yield from (value for value in distinct.to_pylist() if not is_gap(value))


def _why(values: Sequence[Any], column: str, key: str, text: str) -> str:
    if not values:
        return f"{column}: the newest files hold no value of it, and a gap matches nothing"
    if column not in JSON_COLUMNS:
        return _why_value(values, column, text)
    held = [each for each in map(msgspec.json.decode, values) if isinstance(each, dict)]
    keys = sorted({name for each in held for name in each})
    if not key:
        return f"{column}: it is JSON, ask for a key of it, as {column}.{keys[0] if keys else 'KEY'}=VALUE"
    if key not in keys:
        return str(no_such(f"{column}.{key}: no row of the newest files has this key", key, keys))
    found = [each[key] for each in held if each.get(key) is not None]
    return _why_value(found, f"{column}.{key}", text)


def _why_value(values: Sequence[Any], name: str, text: str) -> str:
    alike = next((spelled(value) for value in values if _folded(spelled(value)) == _folded(text)), None)
    if alike is not None and alike != text:
        return f"{name}: there is {alike!r}, not {text!r}; all but numbers has to match to the letter"
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if are_numbers and not WRITTEN_NUMBER.fullmatch(text):
        return f"{name}: it holds numbers, and {text!r} is none"
    if all(isinstance(value, bool) for value in values):
        return f"{name}: it holds true and false, got {text!r}"
    if not are_numbers and WRITTEN_NUMBER.fullmatch(text):
        return f"{name}: it holds text, where {text!r} has to match to the letter"
    return ""


def _folded(text: str) -> str:
    return text.strip().casefold()
