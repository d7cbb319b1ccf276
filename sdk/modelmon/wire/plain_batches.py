"""Plain columnar batches: their lists become columns as they are, with no object for an event.

A plain batch has the form that our model servers write. What is refused here, `columnar_batches` takes
apart; it would make the same of a plain one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import msgspec
import numpy as np

from modelmon.errors import RejectedError
from modelmon.wire.checked_columns import (
    array_of,
    checked_counts,
    checked_latencies,
    checked_percentages,
    filled,
)
from modelmon.wire.columnar_batches import KIND, MARK, check_shared, shared_bytes
from modelmon.wire.decoding import (
    REFUSED,
    Attributes,
    RawPublisher,
    Scalar,
    Text,
    check_elements,
    split_array,
)
from modelmon.wire.event_columns import NO_NUMBER, EventColumns, Floats, Int64s, Repeated, in_columns
from modelmon.wire.fields import check_number, check_publisher, check_sender
from modelmon.wire.identity import Sender, check_names
from modelmon.wire.packed_numbers import Packed, check_packed, ints_of, packed_rows, rows_of
from modelmon.wire.rows import Names, Rows
from modelmon.wire.times import LATEST_US

if TYPE_CHECKING:
    _Rows = Rows
else:
    _Rows = list[list[Scalar]]
_Names = tuple[Names, Names]
_INT64, _FLOAT64 = np.dtype("<i8"), np.dtype("<f8")
MOST_REMEMBERED = 4_096
"""Bytes of what batches share: more is read each time, so that what is remembered stays small."""


_ROWS_MARK = b'"headers"'
_HEAD_BYTES = 64
"""The kind of a batch stands in front, as it is written."""


class PlainColumns(msgspec.Struct, gc=False):
    """What each event has of its own."""

    when_us: list[int] | Packed
    id: list[str]
    inputs: _Rows | Packed
    outputs: _Rows | Packed
    microsec: list[int | float | None] | Packed | None = None
    rows: list[int] | None = None
    effective_sample_count: list[int | None] | None = None
    metrics: list[Attributes] | None = None
    entities: list[Attributes] | None = None


class _Written(msgspec.Struct, gc=False, tag_field="kind", tag=KIND):
    """A batch as it is written. What its events share is read once for all batches that have the same."""

    endpoint_id: str
    events: PlainColumns
    model: Text = None
    class_name: Text = msgspec.field(default=None, name="class")
    model_class: Text = None
    version: Text = None
    function_uri: Text = None
    op: Text = None
    sampling_percentage: int | float | None = None
    publisher: RawPublisher | None = None
    labels: msgspec.Raw = msgspec.Raw(b"null")
    input_schema: msgspec.Raw = msgspec.Raw(b"null")
    output_schema: msgspec.Raw = msgspec.Raw(b"null")


class PlainBatch(NamedTuple):
    """A batch that was read: its columns are of one length, and what its events share is right.

    `first` is the number that its first event has in the message. What is packed of `events` was checked.
    """

    first: int
    length: int
    events: PlainColumns
    sender: Sender
    percentage: float | None
    publisher: RawPublisher | None
    labels: dict[str, Any] | None
    input_names: Names
    output_names: Names

    @property
    def is_packed(self) -> bool:
        """Whether no number of it is an object."""
        events = self.events
        ints = type(events.when_us) is Packed and type(events.microsec) is Packed
        return ints and _is_floats(events.inputs) and _is_floats(events.outputs)


def is_batch(body: bytes) -> bool:
    """Whether a message is one columnar batch, as it is written."""
    return body[:1] == b"{" and MARK in body[:_HEAD_BYTES]


def decode_batches(body: bytes) -> tuple[list[PlainBatch], list[tuple[int, bytes]]]:
    """The batches of a message, one or an array that begins with one, and what else is in it: the number of
    the item, and the item. No batch where the message has to be looked at as a whole."""
    try:
        if body[:1] == b"{":
            return [_batch(_decoder()(body), len(body), 0)], []
        return _in_array(split_array(body)) if MARK in body[:_HEAD_BYTES] else ([], [])
    except (*REFUSED, RejectedError):
        return [], []


def _in_array(elements: Sequence[bytes]) -> tuple[list[PlainBatch], list[tuple[int, bytes]]]:
    batches: list[PlainBatch] = []
    others: list[tuple[int, bytes]] = []
    item = 0
    for element in elements:
        if MARK in element[:_HEAD_BYTES]:
            batches.append(_batch(_decoder()(element), len(element), item))
            item += batches[-1].length
        elif element[:1] != b"{" or MARK in element or _ROWS_MARK in element:  # is none, or may be several
            return [], []
        else:
            others.append((item, element))
            item += 1
    return batches, others


# Building it takes milliseconds.
@cache
def _decoder() -> Callable[[bytes], _Written]:
    return msgspec.json.Decoder(_Written).decode


def _batch(found: _Written, size: int, first: int) -> PlainBatch:
    events, publisher = found.events, found.publisher
    class_name = found.class_name or found.model_class
    count = _length(events.when_us, is_one=True)
    if not count or not _fit(events, count):
        raise RejectedError("columns that don't fit together", "events")
    check_elements(count, size)
    shared = found.labels, found.input_schema, found.output_schema
    remembered = sum(map(len, shared)) <= MOST_REMEMBERED
    labels, names, shared_size = (_shared if remembered else _read_shared)(*map(bytes, shared))
    check_shared(count, shared_size, size)
    if publisher is not None:
        check_publisher(publisher)
        check_number(publisher.number + count - 1)
    sender, _ = check_sender(
        found.endpoint_id, found.model, found.version, found.function_uri, class_name, found.op
    )
    return PlainBatch(
        first, count, events, sender, found.sampling_percentage, publisher, labels or None, *names
    )  # fmt: skip


def _length(column: Sequence[Any] | Packed, *, is_one: bool) -> int:
    """How many rows there are, of a column that may be packed; `is_one`: each is one whole number."""
    if type(column) is not Packed:
        return len(cast("Sequence[Any]", column))
    check_packed(column, "events", is_one=is_one)
    return packed_rows(column)


def _fit(events: PlainColumns, count: int) -> bool:
    """Whether the columns are of one length, and as many rows on both sides as the events have."""
    columns = events.rows, events.effective_sample_count, events.metrics, events.entities
    if len(events.id) != count or any(column is not None and len(column) != count for column in columns):
        return False
    if events.microsec is not None and _length(events.microsec, is_one=True) != count:
        return False
    if events.rows is not None and min(events.rows) < 1:
        return False
    rows = count if events.rows is None else sum(events.rows)
    return _length(events.inputs, is_one=False) == rows == _length(events.outputs, is_one=False)


def _read_shared(labels: bytes, inputs: bytes, outputs: bytes) -> tuple[dict[str, Any] | None, _Names, int]:
    names = _read_names(inputs, "request.input_schema"), _read_names(outputs, "resp.output_schema")
    found = _labels_decoder()(labels)
    return found, names, shared_bytes(found, names)


_shared = lru_cache(maxsize=256)(_read_shared)


def _read_names(text: bytes, field: str) -> Names:
    names = _names_decoder()(text)
    return None if names is None else check_names(names, field)


@cache
def _labels_decoder() -> Callable[[bytes], dict[str, Any] | None]:
    return msgspec.json.Decoder(Attributes).decode


@cache
def _names_decoder() -> Callable[[bytes], Names]:
    return msgspec.json.Decoder(Names).decode


def read_batches(batches: Sequence[PlainBatch], offsets: Sequence[int]) -> EventColumns | None:
    """The events of these messages as columns, with the first one's sender; None where some of them have to
    be looked at by themselves."""
    try:
        return _read_batches(batches, offsets)
    except (RejectedError, OverflowError):  # Overflow: beyond 64 bits
        return None


def _read_batches(batches: Sequence[PlainBatch], offsets: Sequence[int]) -> EventColumns:
    counts = [batch.length for batch in batches]
    events = [batch.events for batch in batches]
    rows = _row_counts(events, counts)
    effective = _effective(events, rows, counts)
    percentages = checked_percentages(_repeated([batch.percentage for batch in batches], counts))
    return EventColumns(
        sender=batches[0].sender,
        offsets=np.repeat(np.array(offsets, np.int64), counts),
        items=_counted([batch.first for batch in batches], counts),
        when_us=_moments(_ints([each.when_us for each in events])),
        latency_us=_latencies([each.microsec for each in events], counts),
        rows=rows,
        effective=effective,
        estimated=effective * 100.0 / percentages,
        request_ids=_strung(each.id for each in events),
        inputs=_rows_of(_side([each.inputs for each in events]), rows),
        outputs=_rows_of(_side([each.outputs for each in events]), rows),
        input_names=_repeated([batch.input_names for batch in batches], counts),
        output_names=_repeated([batch.output_names for batch in batches], counts),
        labels=_repeated([batch.labels for batch in batches], counts),
        metrics=_objects([each.metrics for each in events], counts),
        entities=_objects([each.entities for each in events], counts),
        publisher_ids=_repeated([_publisher_id(batch) for batch in batches], counts),
        numbers=_numbers(batches, counts),
    )


T = TypeVar("T")


def _strung(columns: Iterable[Sequence[T]]) -> list[T]:
    return list(chain.from_iterable(columns))


def _ints(columns: Sequence[Any]) -> Any:
    """Whole numbers one after the other: an array where all are packed, else a list."""
    if all(type(each) is Packed for each in columns):
        return np.frombuffer(b"".join([each.base64 for each in columns]), _INT64)
    return _strung(ints_of(each) if type(each) is Packed else each for each in columns)


def _latencies(columns: Sequence[Any], counts: Sequence[int]) -> Int64s:
    if None in columns:
        columns = [
            [None] * count if each is None else each for each, count in zip(columns, counts, strict=True)
        ]
    return checked_latencies(_ints(columns))


def _side(columns: Sequence[Rows | Packed]) -> Rows | Floats:
    """Rows one after the other: an array where all are packed floats of one width, else a list."""
    first, packed = columns[0], [each for each in columns if isinstance(each, Packed)]
    are_alike = len(packed) == len(columns) and all(each.types == packed[0].types for each in packed)
    if are_alike and _is_floats(first):
        floats = np.frombuffer(b"".join([each.base64 for each in packed]), _FLOAT64)
        return in_columns(floats.reshape(-1, len(packed[0].types)))
    return _strung(rows_of(each) if isinstance(each, Packed) else each for each in columns)


def _is_floats(column: Rows | Packed) -> bool:
    return isinstance(column, Packed) and set(column.types) == {"float64"}


def _repeated(values: Sequence[T], counts: Sequence[int]) -> Sequence[T]:
    if values.count(values[0]) == len(values):
        return Repeated(values[0], sum(counts))
    return _strung([value] * count for value, count in zip(values, counts, strict=True))


def _row_counts(events: Sequence[PlainColumns], counts: Sequence[int]) -> Int64s:
    if all(each.rows is None for each in events):
        return np.ones(sum(counts), np.int64)
    return np.array(
        _strung(each.rows or [1] * count for each, count in zip(events, counts, strict=True)), np.int64
    )


def _effective(events: Sequence[PlainColumns], rows: Int64s, counts: Sequence[int]) -> Int64s:
    if all(each.effective_sample_count is None for each in events):
        return rows
    found = _strung(
        each.effective_sample_count or [None] * count for each, count in zip(events, counts, strict=True)
    )
    return checked_counts(found, rows)


def _objects(
    columns: Sequence[list[dict[str, Any] | None] | None], counts: Sequence[int]
) -> Sequence[dict[str, Any] | None]:
    if not any(columns):
        return Repeated(None, sum(counts))
    return filled(_strung(each or [None] * count for each, count in zip(columns, counts, strict=True)))


def _publisher_id(batch: PlainBatch) -> str | None:
    return None if batch.publisher is None else batch.publisher.id


def _numbers(batches: Sequence[PlainBatch], counts: Sequence[int]) -> Int64s:
    publishers = [batch.publisher for batch in batches]
    numbers = _counted([0 if each is None else each.number for each in publishers], counts)
    if None in publishers:
        numbers[np.repeat([each is None for each in publishers], counts)] = NO_NUMBER
    return numbers


def _counted(firsts: Sequence[int], counts: Sequence[int]) -> Int64s:
    """From each first number on, so many of them."""
    before = np.cumsum(counts) - counts
    numbers: Int64s = np.repeat(np.array(firsts, np.int64) - before, counts) + np.arange(sum(counts))
    return numbers


def _moments(found: list[int] | Int64s) -> Int64s:
    moments = np.asarray(found, np.int64)
    if moments.min() < 0 or moments.max() >= LATEST_US:
        raise RejectedError("must lie between 1970 and 9999", "when")
    return moments


def _rows_of(rows: Rows | Floats, counts: Int64s) -> list[Rows] | Floats:
    array = array_of(rows) if isinstance(rows, list) else rows
    if array is not None and not np.isnan(array.min(initial=0.0)):  # JSON has no NaN, packed numbers may
        return array
    left = iter(rows if isinstance(rows, list) else rows.tolist())
    return [list(islice(left, count)) for count in counts.tolist()]
