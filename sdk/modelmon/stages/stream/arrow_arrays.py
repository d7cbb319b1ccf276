"""One column of JSON values to one Arrow array, whatever the values are.

| values (nulls apart) | array |
|---|---|
| numbers | int64; float64 when one is a float, beyond int64, or the column was float64 before |
| booleans; strings; bytes | bool; string; binary |
| lists of numbers and nulls | list<double> |
| anything else, and mixtures | string: strings as they are, the rest as JSON text (`spelled`) |
| none at all | nulls of the type the column had before, else of float64 |

Among numbers NaN stays NaN; beside other values, and where there is nothing else, it is null.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from modelmon.stats.values import BYTES, spelled

FLOATS = pa.list_(pa.float64())
TYPES: dict[str, pa.DataType] = {
    "double": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "binary": pa.binary(),
    "list<double>": FLOATS,
}
NAMES = {kind: name for name, kind in TYPES.items()}
NUMBERS = frozenset(("double", "int64"))
_NULL = type(None)
_SIMPLE = {bool: "bool", str: "string", bytes: "binary"}


def column(
    values: Sequence[Any] | npt.NDArray[np.float64], known: str | None = None
) -> tuple[pa.Array, str | None]:
    """The array of `values` and the name of its type; None as name when no value is there.

    `known` is the type the column was last seen with. An array holds floats that are no NaN.
    """
    if isinstance(values, np.ndarray):
        return pa.array(values), "double"
    kinds = set(map(type, values))
    kinds.discard(_NULL)
    if float in kinds and not _has_numbers(values, kinds):
        values = [None if value != value else value for value in values]  # only NaN is unlike itself
        kinds = set(map(type, values)) - {_NULL}
    if not kinds:
        return empty_column(len(values), known), None
    name = _type_of(kinds, known)
    if name == "int64":
        try:
            return pa.array(values, pa.int64()), name
        except OverflowError:
            name = "double"
    if name == "double":
        return pa.array(values if kinds == {float} else _floats(values), pa.float64()), name
    if name is not None:
        return pa.array(values, TYPES[name]), name
    return _nested(values, kinds)


def _has_numbers(values: Sequence[Any], kinds: set[type]) -> bool:
    """Whether these are numbers, of which NaN may be one."""
    return kinds <= {int, float} and any(value == value for value in values if value is not None)


def empty_column(rows: int, known: str | None) -> pa.Array:
    """So many nulls of the type that the column was last seen with."""
    return pa.nulls(rows, TYPES[known or "double"])


def is_retyped(before: str | None, after: str | None) -> bool:
    """Whether a column changed its kind. Whole numbers and others are one kind: JSON writes 1.0 as 1."""
    if before is None or after is None or before == after:
        return False
    return not NUMBERS.issuperset((before, after))


def _type_of(kinds: set[type], known: str | None) -> str | None:
    if kinds == {int}:
        return "double" if known == "double" else "int64"
    if kinds <= {int, float}:
        return "double"
    return _SIMPLE.get(next(iter(kinds))) if len(kinds) == 1 else None


def _floats(values: Iterable[Any]) -> list[float | None]:
    return [None if value is None else _float(value) for value in values]


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond the range of floats
        return float("inf") if value > 0 else float("-inf")


def _nested(values: Sequence[Any], kinds: set[type]) -> tuple[pa.Array, str]:
    if kinds == {list} and all(value is None or _is_numeric(value) for value in values):
        floats = [None if value is None else _floats(value) for value in values]
        return pa.array(floats, FLOATS), "list<double>"
    if kinds <= {dict, bytes}:
        blobs = [_blob(value) for value in values]
        if all(value is None or blob is not None for value, blob in zip(values, blobs, strict=True)):
            return pa.array(blobs, pa.binary()), "binary"
    return pa.array([text(value) for value in values], pa.string()), "string"


def _is_numeric(value: list[Any]) -> bool:
    return {int, float, _NULL}.issuperset(map(type, value))


def _blob(value: Any) -> bytes | None:
    """The bytes of {"$bytes": base64}; None when it is something else."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, dict) or value.keys() != {BYTES} or not isinstance(value[BYTES], str):
        return None
    try:
        return base64.b64decode(value[BYTES], validate=True)
    except (binascii.Error, ValueError):
        return None


def text(value: Any) -> str | None:
    """A value as text: null as null, anything else as it is spelled everywhere.

    >>> text("a"), text(True), text([1, "x"]), text(None)
    ('a', 'true', '[1,"x"]', None)
    """
    return None if value is None else spelled(value)
