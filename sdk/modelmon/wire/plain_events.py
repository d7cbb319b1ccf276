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
from typing import TYPE_CHECKING, Any, Union, cast

import msgspec
import numpy as np
from msgspec.structs import astuple

from modelmon.errors import RejectedError
from modelmon.wire.checked_columns import (
    as_array,
    checked_counts,
    checked_latencies,
    checked_names,
    checked_percentages,
    distinct,
    filled,
    flat,
    floats_of,
)
from modelmon.wire.decoding import RawEvent, RawPublisher, RawRequest, RawResponse, Scalar
from modelmon.wire.event_columns import NO_NUMBER, EventColumns, Floats, Int64s
from modelmon.wire.fields import check_publisher, check_sender
from modelmon.wire.identity import Sender
from modelmon.wire.moment_columns import read_moments
from modelmon.wire.rows import Rows

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


_Side = list[Rows] | Floats


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
    rows, inputs, outputs = _rows(asked["inputs"], answered["outputs"])
    effective = checked_counts(of_each["effective_sample_count"], rows)
    publisher_ids, numbers = _numbered(of_each["publisher"])
    return EventColumns(
        sender=sender_of(events[0]),
        offsets=np.array(offsets, np.int64),
        items=np.array(items, np.int64),
        when_us=read_moments(of_each["when"], "when"),
        latency_us=checked_latencies(of_each["microsec"]),
        rows=rows,
        effective=effective,
        estimated=effective * 100.0 / checked_percentages(of_each["sampling_percentage"]),
        request_ids=list(asked["id"]),
        inputs=inputs,
        outputs=outputs,
        input_names=checked_names(asked["input_schema"], "request.input_schema"),
        output_names=checked_names(answered["output_schema"], "resp.output_schema"),
        labels=filled(of_each["labels"]),
        metrics=filled(of_each["metrics"]),
        entities=filled(asked["entities"]),
        publisher_ids=publisher_ids,
        numbers=numbers,
    )


def _columns(structs: Sequence[msgspec.Struct], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Each field of structs of one type. As tuples: that takes two thirds of asking field by field."""
    return dict(zip(names, zip(*map(astuple, structs), strict=True), strict=True))


def _senders(columns: Sequence[Sequence[Any]]) -> Collection[tuple[Any, ...]]:
    """What is told of the sender, each once."""
    first = tuple(column[0] for column in columns)
    unlike = [place for place, column in enumerate(columns) if column.count(first[place]) < len(column)]
    if len(unlike) > 1:
        return set(zip(*columns, strict=True))
    # Most events differ in their endpoints alone: no tuple is made for each.
    return [
        (*first[:place], each, *first[place + 1 :]) for place in unlike for each in set(columns[place])
    ] or [first]


def sender_of(event: PlainEvent) -> Sender:
    """Who an event is from; one that `read_alike` has accepted."""
    return _checked_sender(*_sender_of(event))


def _checked_sender(endpoint_id: str, model: str | None, version: str | None, *rest: str | None) -> Sender:
    function_uri, class_name, model_class, op = rest
    return check_sender(endpoint_id, model, version, function_uri, class_name or model_class, op)[0]


def _rows(inputs: Sequence[Rows], answers: Sequence[list[Any]]) -> tuple[Int64s, _Side, _Side]:
    """How many rows each event has, inputs and outputs, where each row of inputs has an answer: a row, or one
    value."""
    first = len(inputs[0])
    asked = floats_of(inputs, (first, len(inputs[0][0]))) if first else None
    if asked is not None and len(answers[0]) == first:
        is_rows = isinstance(answers[0][0], list)
        answered = floats_of(answers, (first, len(answers[0][0])) if is_rows else (first,))
        if answered is not None:
            counts = np.full(len(inputs), first)
            return counts, flat(asked), flat(answered if is_rows else answered[..., np.newaxis])
    return _unlike_rows(inputs, answers)


def _unlike_rows(inputs: Sequence[Rows], answers: Sequence[list[Any]]) -> tuple[Int64s, _Side, _Side]:
    counts = list(map(len, inputs))
    if counts != list(map(len, answers)) or 0 in counts:
        raise _UnlikeError
    kinds = set(map(type, chain.from_iterable(answers)))
    if list in kinds and kinds != {list}:
        raise _UnlikeError
    outputs = list(answers) if list in kinds else [[[value] for value in row] for row in answers]
    return np.array(counts, np.int64), as_array(list(inputs)), as_array(outputs)


def _numbered(publishers: Sequence[RawPublisher | None]) -> tuple[list[str | None], Int64s]:
    kinds = set(map(type, publishers))
    if kinds == {type(None)}:
        return [None] * len(publishers), np.full(len(publishers), NO_NUMBER, np.int64)
    if kinds != {RawPublisher}:
        raise _UnlikeError
    of_each = _columns(cast("Sequence[RawPublisher]", publishers), RawPublisher.__struct_fields__)
    ids, numbers = of_each["id"], of_each["number"]
    for each in distinct(ids):
        for number in (min(numbers), max(numbers)):
            check_publisher(RawPublisher(each, number))
    return list(ids), np.array(numbers, np.int64)
