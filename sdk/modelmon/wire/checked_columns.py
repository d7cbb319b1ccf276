"""Values of many events at once, checked as those of one event are: a column each."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from modelmon.wire.event_columns import NO_LATENCY, Floats, Int64s
from modelmon.wire.fields import check_count, check_latency, check_percentage
from modelmon.wire.identity import check_names
from modelmon.wire.rows import Names, Rows

T = TypeVar("T")


def distinct(values: Sequence[T]) -> Collection[T]:
    """Each value once. Nearly always there is only one, and comparing is faster than hashing."""
    return values[:1] if values.count(values[0]) == len(values) else set(values)


def as_array(rows_of: list[Rows]) -> list[Rows] | Floats:
    """The rows of each event as one array of all, where they are of one width and nothing but floats."""
    first = rows_of[0]
    array = floats_of(rows_of, (len(first), len(first[0])))
    if array is None and len(set(map(len, rows_of))) > 1:
        array = array_of(list(chain.from_iterable(rows_of)))
    return rows_of if array is None else flat(array)


def flat(array: Floats) -> Floats:
    """All rows of all events one after the other."""
    width = array.shape[-1]
    return array.reshape(math.prod(array.shape[:-1]), width)


def array_of(rows: Rows) -> Floats | None:
    """Rows as one array; None unless they are of one width and nothing but floats."""
    return floats_of(rows, (len(rows[0]),))


_to_messagepack = msgspec.msgpack.Encoder().encode
_FLOAT = 0xCB
_MARKED = np.dtype([("mark", np.uint8), ("value", ">f8")])


def floats_of(values: Sequence[Any], shape: tuple[int, ...]) -> Floats | None:
    """Lists of floats that all have this shape, as one array; None for others.

    MessagePack writes a float as its mark and eight bytes, a list as its mark and length, and anything else
    with another mark. So one pass in C tells them apart and copies them, in less than half the time of asking
    each for its length and type.
    """
    packed, count, form = _to_messagepack(values), len(values), _form(shape)
    start = len(_head(count))
    if len(packed) != start + count * form.itemsize:
        return None
    entries = np.frombuffer(packed, form, offset=start)
    for length in shape:
        if (entries["head"] != np.frombuffer(_head(length), np.uint8)).any():
            return None
        entries = entries["entries"]
    return None if (entries["mark"] != _FLOAT).any() else entries["value"].astype(np.float64)


@lru_cache(maxsize=256)
def _form(shape: tuple[int, ...]) -> np.dtype[Any]:
    """Lists of floats of this shape, as MessagePack has them."""
    if not shape:
        return _MARKED
    head = np.uint8, (len(_head(shape[0])),)
    return np.dtype([("head", *head), ("entries", _form(shape[1:]), (shape[0],))])


def _head(length: int) -> bytes:
    """What stands before the entries of a list of so many."""
    if length < 16:
        return bytes([0x90 | length])
    return b"\xdc" + length.to_bytes(2, "big") if length < 2**16 else b"\xdd" + length.to_bytes(4, "big")


def checked_names(found: Sequence[Names], field: str) -> list[Names]:
    """The names that each event brings."""
    for names in distinct(found):
        if names is not None:
            check_names(names, field)
    return list(found)


def filled(values: Sequence[dict[str, Any] | None]) -> list[dict[str, Any] | None]:
    """Objects of events; an empty one counts as absent."""
    return [value or None for value in values] if any(values) else [None] * len(values)


def checked_counts(found: Sequence[int | None], rows: Int64s) -> Int64s:
    """How many rows each event was logged with: as many as it has, unless it says so."""
    if None in found:
        found = [count if own is None else own for own, count in zip(found, rows.tolist(), strict=True)]
    counts = np.array(found, np.int64)
    for count in (counts.min(), counts.max()):
        check_count(int(count))
    return counts


def checked_latencies(found: Sequence[float | None] | Int64s) -> Int64s:
    """Whole microseconds, NO_LATENCY for null."""
    if not isinstance(found, np.ndarray) and set(map(type, found)) != {int}:  # not as most servers write it
        found = [NO_LATENCY if value is None else check_latency(value) for value in found]
        return np.array(found, np.int64)
    latencies = np.asarray(found, np.int64)
    for latency in (latencies.min(), latencies.max()):
        check_latency(int(latency))
    return latencies


def checked_percentages(found: Sequence[float | None]) -> npt.NDArray[np.float64]:
    """Which share of its rows each event stands for: all, unless it says so."""
    known = {value: 100.0 if value is None else check_percentage(value) for value in distinct(found)}
    if len(known) == 1:
        return np.full(len(found), known[found[0]])
    return np.array([known[value] for value in found])
