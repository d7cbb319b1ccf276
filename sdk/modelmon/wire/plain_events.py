"""Plain events, many at once: each endpoint's become columns without an object for each of them.

A plain event has the form that model servers nearly always write: rows of numbers, texts and booleans, and an
answer to each row. `plain_decoders` refuse every other form, and `read_alike` gives up on events that need a
closer look: `read_message` reads those, and would make the same of plain ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple

from modelmon.errors import RejectedError
from modelmon.wire.decoding import RawEvent, RawPublisher, RawRequest, RawResponse, Scalar
from modelmon.wire.event_columns import NO_LATENCY, EventColumns, Floats, Int64s
from modelmon.wire.fields import (
    check_count,
    check_latency,
    check_percentage,
    check_publisher,
    check_sender,
)
from modelmon.wire.identity import Sender, check_names
from modelmon.wire.moment_columns import read_moments
from modelmon.wire.rows import Names, Rows

if TYPE_CHECKING:
    _Cells = list[list[Any]]
    _Answers = list[Any]
else:
    _Cells = list[list[Scalar]]
    _Answers = list[Union[list[Scalar], Scalar]]  # noqa: UP007 - `|` can't join an Annotated

# The fields are those of events of any form, each of the same type or a narrower one: what is accepted here
# is accepted there.


class PlainRequest(RawRequest, kw_only=True, gc=False):
    id: str
    inputs: _Cells


class PlainResponse(RawResponse, kw_only=True, gc=False):
    outputs: _Answers


class PlainEvent(RawEvent, kw_only=True, gc=False):
    """What `plain_decoders` accept."""

    endpoint_id: str
    request: PlainRequest
    resp: PlainResponse
    when: str
    error: None = None
    kind: None = None
    headers: None = None
    values: None = None


T = TypeVar("T")


class _UnlikeError(Exception):
    """Events that are not all of one kind."""


# Building these takes milliseconds.
@cache
def plain_decoders() -> tuple[Callable[[bytes], PlainEvent], Callable[[bytes], list[PlainEvent]]]:
    """Of one event and of an array of them. They raise one of `REFUSED` for what is not plain."""
    return msgspec.json.Decoder(PlainEvent).decode, msgspec.json.Decoder(list[PlainEvent]).decode


def read_alike(
    events: Sequence[PlainEvent], offsets: Sequence[int], items: Sequence[int]
) -> EventColumns | None:
    """Plain events as columns, with the first one's sender; None where each has to be looked at by itself."""
    try:
        return _read_alike(events, offsets, items)
    except (RejectedError, OverflowError, _UnlikeError):  # Overflow: beyond 64 bits
        return None


_FIELDS = PlainEvent.__struct_fields__
_SENDER = ("endpoint_id", "model", "version", "function_uri", "class_name", "model_class", "op")
_sender_of = attrgetter(*_SENDER)


def _read_alike(events: Sequence[PlainEvent], offsets: Sequence[int], items: Sequence[int]) -> EventColumns:
    of_each = _columns(events, _FIELDS)
    for sender in _senders([of_each[field] for field in _SENDER]):
        _checked_sender(*sender)
    asked = _columns(of_each["request"], PlainRequest.__struct_fields__)
    answered = _columns(of_each["resp"], PlainResponse.__struct_fields__)
    inputs, outputs = _rows(asked["inputs"], answered["outputs"])
    rows = np.array(list(map(len, inputs)), np.int64)
    effective = _counts(of_each["effective_sample_count"], rows)
    publisher_ids, numbers = _numbered(of_each["publisher"])
    return EventColumns(
        sender=sender_of(events[0]),
        offsets=np.array(offsets, np.int64),
        items=np.array(items, np.int64),
        when_us=read_moments(of_each["when"], "when"),
        latency_us=_latencies(of_each["microsec"]),
        rows=rows,
        effective=effective,
        estimated=effective * 100.0 / _percentages(of_each["sampling_percentage"]),
        request_ids=list(asked["id"]),
        inputs=_as_array(inputs),
        outputs=_as_array(outputs),
        input_names=_names(asked["input_schema"], "request.input_schema"),
        output_names=_names(answered["output_schema"], "resp.output_schema"),
        labels=_filled(of_each["labels"]),
        metrics=_filled(of_each["metrics"]),
        entities=_filled(asked["entities"]),
        publisher_ids=publisher_ids,
        numbers=numbers,
    )


def _columns(structs: Sequence[msgspec.Struct], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Each field of structs of one type. As tuples: that takes two thirds of asking field by field."""
    return dict(zip(names, zip(*map(astuple, structs), strict=True), strict=True))


def _senders(columns: Sequence[Sequence[Any]]) -> Collection[tuple[Any, ...]]:
    """What is told of the sender, each once."""
    if all(column.count(column[0]) == len(column) for column in columns):  # no tuple for each event
        return [tuple(column[0] for column in columns)]
    return set(zip(*columns, strict=True))


def _distinct(values: Sequence[T]) -> Collection[T]:
    """Each value once. Nearly always there is only one, and comparing is faster than hashing."""
    return values[:1] if values.count(values[0]) == len(values) else set(values)


def sender_of(event: PlainEvent) -> Sender:
    """Who an event is from; one that `read_alike` has accepted."""
    return _checked_sender(*_sender_of(event))


def _checked_sender(endpoint_id: str, model: str | None, version: str | None, *rest: str | None) -> Sender:
    function_uri, class_name, model_class, op = rest
    return check_sender(endpoint_id, model, version, function_uri, class_name or model_class, op)[0]


def _rows(inputs: Sequence[Rows], answers: Sequence[list[Any]]) -> tuple[list[Rows], list[Rows]]:
    """Inputs and outputs, where each row of inputs has an answer: a row, or one value."""
    counts = list(map(len, inputs))
    if counts != list(map(len, answers)) or 0 in counts:
        raise _UnlikeError
    kinds = set(map(type, chain.from_iterable(answers)))
    if kinds == {list}:
        return list(inputs), list(answers)
    if list in kinds:
        raise _UnlikeError
    return list(inputs), [[[value] for value in row] for row in answers]


def _as_array(rows_of: list[Rows]) -> list[Rows] | Floats:
    """One array of all rows, where they are of one width and nothing but floats."""
    rows = list(chain.from_iterable(rows_of))
    if len(set(map(len, rows))) != 1:
        return rows_of
    floats = _floats(list(chain.from_iterable(rows)))
    return rows_of if floats is None else floats.reshape(len(rows), -1)


_to_messagepack = msgspec.msgpack.Encoder().encode
_FLOAT = 0xCB
_MARKED = np.dtype([("mark", np.uint8), ("value", ">f8")])


def _floats(values: list[Any]) -> Floats | None:
    """Values that are all floats; None for others.

    MessagePack writes a float as its mark and eight bytes, and anything else with another mark. So one pass
    in C tells them apart and copies them, in less than half the time of asking each for its type.
    """
    packed, count = _to_messagepack(values), len(values)
    start = 1 if count < 16 else 3 if count < 2**16 else 5  # the list's own mark and length
    if len(packed) != start + count * _MARKED.itemsize:
        return None
    marked = np.frombuffer(packed, _MARKED, offset=start)
    return None if (marked["mark"] != _FLOAT).any() else marked["value"].astype(np.float64)


def _names(found: Sequence[Names], field: str) -> list[Names]:
    for names in _distinct(found):
        if names is not None:
            check_names(names, field)
    return list(found)


def _filled(values: Sequence[dict[str, Any] | None]) -> list[dict[str, Any] | None]:
    return [value or None for value in values] if any(values) else [None] * len(values)


def _counts(found: Sequence[int | None], rows: Int64s) -> Int64s:
    if None in found:
        found = [count if own is None else own for own, count in zip(found, rows.tolist(), strict=True)]
    counts = np.array(found, np.int64)
    for count in (counts.min(), counts.max()):
        check_count(int(count))
    return counts


def _latencies(found: Sequence[float | None]) -> Int64s:
    if set(map(type, found)) != {int}:  # not as most servers write it
        found = [NO_LATENCY if value is None else check_latency(value) for value in found]
        return np.array(found, np.int64)
    latencies = np.array(found, np.int64)
    for latency in (latencies.min(), latencies.max()):
        check_latency(int(latency))
    return latencies


def _percentages(found: Sequence[float | None]) -> npt.NDArray[np.float64]:
    known = {value: 100.0 if value is None else check_percentage(value) for value in set(found)}
    if len(known) == 1:
        return np.full(len(found), known[found[0]])
    return np.array([known[value] for value in found])


def _numbered(publishers: Sequence[RawPublisher | None]) -> tuple[list[str | None], list[int | None]]:
    kinds = set(map(type, publishers))
    if kinds == {type(None)}:
        return [None] * len(publishers), [None] * len(publishers)
    if kinds != {RawPublisher}:
        raise _UnlikeError
    of_each = _columns(cast("Sequence[RawPublisher]", publishers), RawPublisher.__struct_fields__)
    ids, numbers = of_each["id"], of_each["number"]
    for each in _distinct(ids):
        for number in (min(numbers), max(numbers)):
            check_publisher(RawPublisher(each, number))
    return list(ids), list(numbers)
