"""Several events of one endpoint as one message: what they share stands once, each field is a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from modelmon.counting import count
from modelmon.errors import RejectedError
from modelmon.wire.columnar_batches import KIND, MOST_SHARED, shared_bytes
from modelmon.wire.items import ServingEvent
from modelmon.wire.packed_numbers import PackedRows, pack, pack_ints, packed_text, unpack
from modelmon.wire.publishing import encode, sender_fields
from modelmon.wire.rows import hide_bytes

MOST_EVENTS = 1_000
"""Of one batch."""
_NUMBERS_BYTES = 32


class BatchHead(msgspec.Struct, frozen=True):
    """What the events of a batch share, as JSON without its last brace; each has `shared` bytes of it."""

    text: bytes
    publisher_id: str | None
    shared: int


class BatchedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event that shares its `head` with others. `inputs` and `outputs` are packed where they can be, else
    JSON rows without the brackets around all of them; `metrics` and `entities` are JSON objects, empty where
    there is none."""

    head: BatchHead
    request_id: str
    when_us: int
    latency_us: int | None
    rows: int
    inputs: PackedRows | bytes
    outputs: PackedRows | bytes
    effective_sample_count: int
    number: int | None
    metrics: bytes = b""
    entities: bytes = b""

    def __len__(self) -> int:
        """About so many bytes in a message."""
        own = self.inputs, self.outputs, self.request_id, self.metrics, self.entities
        return sum(map(len, own)) + _NUMBERS_BYTES


def batch_head(event: ServingEvent, *, host: str = "", worker: int = 0) -> BatchHead:
    """What an event shares with others of its kind. Raises RejectedError for a value that JSON can't hold."""
    fields = {"kind": KIND, **sender_fields(event, host, worker), "op": event.op}
    fields["sampling_percentage"] = event.sampling_percentage
    if event.labels:
        fields["labels"] = event.labels
    if event.input_names is not None:
        fields["input_schema"] = event.input_names
    if event.output_names is not None:
        fields["output_schema"] = event.output_names
    names = event.input_names, event.output_names
    return BatchHead(encode(fields)[:-1], event.publisher_id, shared_bytes(event.labels, names))


def batched(event: ServingEvent, *, host: str = "", worker: int = 0) -> BatchedEvent:
    """An event on its way into a batch. Values may be as in `write_event`, which raises the same.

    Raises RejectedError, too, for an event without rows, or of which inputs and outputs differ in number.
    """
    if not len(event.inputs) == len(event.outputs) > 0:
        sides = f"{count(len(event.inputs), 'row')} of inputs and {len(event.outputs)} of outputs"
        raise RejectedError(f"an event has as many rows of outputs as of inputs, at least one; got {sides}")
    return BatchedEvent(
        batch_head(event, host=host, worker=worker),
        event.request_id,
        event.when_us,
        event.latency_us,
        len(event.inputs),
        pack(event.inputs) or encode(hide_bytes(event.inputs))[1:-1],
        pack(event.outputs) or encode(hide_bytes(event.outputs))[1:-1],
        event.effective_sample_count,
        event.number,
        encode(event.metrics) if event.metrics else b"",
        encode(event.entities) if event.entities else b"",
    )


def write_message(parts: Sequence[BatchedEvent | bytes]) -> bytes:
    """Events of one endpoint as one message, in this order; bytes are JSON of what can't be in a batch.

    What follows each other and has the same head becomes a columnar batch. Where that leaves several parts,
    they are an array.
    """
    written = list(_written(parts))
    return written[0] if len(written) == 1 else b"[" + b",".join(written) + b"]"


def _written(parts: Sequence[BatchedEvent | bytes]) -> Iterator[bytes]:
    batch: list[BatchedEvent] = []
    for part in parts:
        if batch and not _goes_on(batch, part):
            yield from _batches(batch)
            batch = []
        if isinstance(part, bytes):
            yield part
        else:
            batch.append(part)
    if batch:
        yield from _batches(batch)


def _goes_on(batch: Sequence[BatchedEvent], part: BatchedEvent | bytes) -> bool:
    if isinstance(part, bytes) or len(batch) == MOST_EVENTS:
        return False
    last = batch[-1]
    after = None if last.number is None else last.number + 1
    return (part.head is last.head or part.head == last.head) and part.number == after


def _batches(events: Sequence[BatchedEvent]) -> Iterator[bytes]:
    """These events as one batch, or as several where readers would find them to share too much."""
    count, body = len(events), _batch(events)
    if count <= MOST_SHARED or count * events[0].head.shared <= MOST_SHARED * len(body):
        yield body
        return
    for start in range(0, count, MOST_SHARED):
        yield _batch(events[start : start + MOST_SHARED])


def _batch(events: Sequence[BatchedEvent]) -> bytes:
    head = events[0].head
    rows, effective = _each(events, "rows"), _each(events, "effective_sample_count")
    numbers: dict[str, list[int]] = {}
    if set(rows) != {1}:
        numbers["rows"] = rows
    if effective != rows:
        numbers["effective_sample_count"] = effective
    pieces = [head.text, _publisher(events[0]), b',"events":{"when_us":']
    pieces += [_numbers(_each(events, "when_us")), b',"microsec":', _numbers(_each(events, "latency_us"))]
    pieces += [b',"id":', encode(_each(events, "request_id"))]
    pieces += [b',"%b":%b' % (name.encode(), encode(values)) for name, values in numbers.items()]
    for name in ("inputs", "outputs"):
        pieces += _rows(name, _each(events, name))
    for name in ("metrics", "entities"):
        values = _each(events, name)
        if any(values):
            pieces += _list(name, values)
    return b"".join((*pieces, b"}}"))  # the one copy of what may be half a megabyte


def _numbers(values: list[int | None]) -> bytes:
    packed = pack_ints(values)
    return encode(values) if packed is None else packed_text([packed])


def _rows(name: str, values: Sequence[PackedRows | bytes]) -> Iterator[bytes]:
    """Packed where all events have the same types, else as JSON rows."""
    packed = [each for each in values if isinstance(each, PackedRows)]
    if len(packed) == len(values) and len({each.codes for each in packed}) == 1:
        yield b',"%b":' % name.encode()
        yield packed_text(packed)
    else:
        texts = [encode(unpack(each))[1:-1] if isinstance(each, PackedRows) else each for each in values]
        yield from _list(name, texts)


def _list(name: str, values: Sequence[bytes]) -> Iterator[bytes]:
    """A column of JSON texts, of which an empty one is null."""
    yield b',"%b":[' % name.encode()
    yield values[0] or b"null"
    for value in values[1:]:
        yield b","
        yield value or b"null"
    yield b"]"


def _each(events: Sequence[BatchedEvent], field: str) -> list[Any]:
    return list(map(attrgetter(field), events))


def _publisher(first: BatchedEvent) -> bytes:
    if first.head.publisher_id is None:
        return b""
    return b',"publisher":' + encode({"id": first.head.publisher_id, "number": first.number})
