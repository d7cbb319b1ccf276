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
from typing import TYPE_CHECKING, Any, TypeVar, Union

import msgspec
import numpy as np
import numpy.typing as npt

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


_SENDER = ("endpoint_id", "model", "version", "function_uri", "class_name", "model_class", "op")
_sender_of, _fields_of_sender = attrgetter(*_SENDER), tuple(map(attrgetter, _SENDER))
_publisher_of, _publisher_id_of, _number_of = map(
    attrgetter, ("publisher", "publisher.id", "publisher.number")
)


def _read_alike(events: Sequence[PlainEvent], offsets: Sequence[int], items: Sequence[int]) -> EventColumns:
    def of_each(field: str) -> list[Any]:
        return list(map(attrgetter(field), events))

    for sender in _senders(events):
        _checked_sender(*sender)
    inputs, outputs = _rows(of_each("request.inputs"), of_each("resp.outputs"))
    rows = np.array(list(map(len, inputs)), np.int64)
    effective = _counts(of_each("effective_sample_count"), rows)
    publisher_ids, numbers = _numbered(events)
    return EventColumns(
        sender=sender_of(events[0]),
        offsets=np.array(offsets, np.int64),
        items=np.array(items, np.int64),
        when_us=read_moments(of_each("when"), "when"),
        latency_us=_latencies(of_each("microsec")),
        rows=rows,
        effective=effective,
        estimated=effective * 100.0 / _percentages(of_each("sampling_percentage")),
        request_ids=of_each("request.id"),
        inputs=_as_array(inputs),
        outputs=_as_array(outputs),
        input_names=_names(of_each("request.input_schema"), "request.input_schema"),
        output_names=_names(of_each("resp.output_schema"), "resp.output_schema"),
        labels=_filled(of_each("labels")),
        metrics=_filled(of_each("metrics")),
        entities=_filled(of_each("request.entities")),
        publisher_ids=publisher_ids,
        numbers=numbers,
    )


def _senders(events: Sequence[PlainEvent]) -> Collection[tuple[Any, ...]]:
    """What is told of the sender, each once."""
    columns = (list(map(of, events)) for of in _fields_of_sender)
    if all(column.count(column[0]) == len(column) for column in columns):  # no tuple for each event
        return [_sender_of(events[0])]
    return set(map(_sender_of, events))


def _distinct(values: Sequence[T]) -> Collection[T]:
    """Each value once. Nearly always there is only one, and comparing is faster than hashing."""
    return values[:1] if values.count(values[0]) == len(values) else set(values)


def sender_of(event: PlainEvent) -> Sender:
    """Who an event is from; one that `read_alike` has accepted."""
    return _checked_sender(*_sender_of(event))


def _checked_sender(endpoint_id: str, model: str | None, version: str | None, *rest: str | None) -> Sender:
    function_uri, class_name, model_class, op = rest
    return check_sender(endpoint_id, model, version, function_uri, class_name or model_class, op)[0]


def _rows(inputs: list[Rows], answers: list[list[Any]]) -> tuple[list[Rows], list[Rows]]:
    """Inputs and outputs, where each row of inputs has an answer: a row, or one value."""
    counts = list(map(len, inputs))
    if counts != list(map(len, answers)) or 0 in counts:
        raise _UnlikeError
    kinds = set(map(type, chain.from_iterable(answers)))
    if kinds == {list}:
        return inputs, answers
    if list in kinds:
        raise _UnlikeError
    return inputs, [[[value] for value in row] for row in answers]


def _as_array(rows_of: list[Rows]) -> list[Rows] | Floats:
    """One array of all rows, where they are of one width and nothing but floats."""
    rows = list(chain.from_iterable(rows_of))
    if len(set(map(len, rows))) != 1:
        return rows_of
    values = list(chain.from_iterable(rows))
    if set(map(type, values)) != {float}:
        return rows_of
    return np.fromiter(values, np.float64, len(values)).reshape(len(rows), -1)


def _names(found: list[Names], field: str) -> list[Names]:
    for names in _distinct(found):
        if names is not None:
            check_names(names, field)
    return found


def _filled(values: list[dict[str, Any] | None]) -> list[dict[str, Any] | None]:
    return [value or None for value in values] if any(values) else [None] * len(values)


def _counts(found: list[int | None], rows: Int64s) -> Int64s:
    if None in found:
        found = [count if own is None else own for own, count in zip(found, rows.tolist(), strict=True)]
    counts = np.array(found, np.int64)
    for count in (counts.min(), counts.max()):
        check_count(int(count))
    return counts


def _latencies(found: list[float | None]) -> Int64s:
    if set(map(type, found)) != {int}:  # not as most servers write it
        found = [NO_LATENCY if value is None else check_latency(value) for value in found]
        return np.array(found, np.int64)
    latencies = np.array(found, np.int64)
    for latency in (latencies.min(), latencies.max()):
        check_latency(int(latency))
    return latencies


def _percentages(found: list[float | None]) -> npt.NDArray[np.float64]:
    known = {value: 100.0 if value is None else check_percentage(value) for value in set(found)}
    if len(known) == 1:
        return np.full(len(found), known[found[0]])
    return np.array([known[value] for value in found])


def _numbered(events: Sequence[PlainEvent]) -> tuple[list[str | None], list[int | None]]:
    kinds = set(map(type, map(_publisher_of, events)))
    if kinds == {type(None)}:
        return [None] * len(events), [None] * len(events)
    if kinds != {RawPublisher}:
        raise _UnlikeError
    ids, numbers = list(map(_publisher_id_of, events)), list(map(_number_of, events))
    for each in _distinct(ids):
        for number in (min(numbers), max(numbers)):
            check_publisher(RawPublisher(each, number))
    return ids, numbers
