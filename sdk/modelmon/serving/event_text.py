"""The event of a plain request, made from JSON texts: what all events of an endpoint share is written once.

It is byte for byte what `wire.write_event` or `wire.batched` makes of the same request, in a third of the
time. The answer is copied into it as the caller got it.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from modelmon import wire
from modelmon.serving.recorder import Logged, Source
from modelmon.wire import write_moment
from modelmon.wire.batch_writing import BatchedEvent, BatchHead, batch_head
from modelmon.wire.packed_numbers import PackedRows, pack, pack_numbers

_encode = msgspec.json.Encoder().encode


class TrackedRequest(msgspec.Struct):
    """A request as most are: rows of values, as lists."""

    inputs: list[list[int | float | str | bool]]
    timestamp: Any = None
    entities: Any = None


class _Response(msgspec.Struct):
    outputs: msgspec.Raw = msgspec.Raw(b"")


class _Numbers(msgspec.Struct):
    outputs: list[int | float | list[int | float]] = []


_read_request = msgspec.msgpack.Decoder(TrackedRequest).decode
_read_response = msgspec.json.Decoder(_Response).decode
_read_numbers = msgspec.json.Decoder(_Numbers).decode


def plain_request(logged: Logged) -> TrackedRequest | None:
    """The request of an event that `EventText` may be able to write."""
    is_usual = logged.error is None and logged.rows is None and not logged.metrics
    if not is_usual or logged.response[:1] != b"{":
        return None
    try:
        request = _read_request(logged.request)
    except msgspec.MsgspecError:
        return None
    return None if request.entities else request


class EventText:
    """Writes the events of one endpoint, as one publisher numbers them; `is_batched`: for batches."""

    def __init__(self, source: Source, publisher_id: str, *, is_batched: bool = False) -> None:
        self.source = source
        self.publisher_id = publisher_id
        self.is_batched = is_batched
        self._heads: dict[str, BatchHead] = {}
        self._form = b"" if is_batched else _form_of(source, publisher_id)

    def write(
        self, logged: Logged, request: TrackedRequest, when_us: int, number: int
    ) -> bytes | BatchedEvent | None:
        """The event; None unless rows of as many values as the model has inputs were answered one by one."""
        rows = request.inputs
        if not _fit(rows, self.source.inputs):
            return None
        if self.is_batched:
            return self._batched(logged, rows, when_us, number)
        outputs = _outputs(logged.response, len(rows))
        inputs, call = _unless_null(_encode(rows)), logged.call
        if inputs is None or outputs is None:
            return None
        return self._form % {
            b"number": b"%d" % number,
            b"id": _encode(str(call.id)),
            b"op": _encode(call.op),
            b"inputs": inputs,
            b"outputs": outputs,
            b"when": write_moment(when_us).encode(),
            b"answered": write_moment(when_us + logged.latency_us).encode(),
            b"count": b"%d" % len(rows),
            b"latency": b"%d" % logged.latency_us,
        }

    def _batched(
        self, logged: Logged, rows: list[list[Any]], when_us: int, number: int
    ) -> BatchedEvent | None:
        call, count = logged.call, len(rows)
        inputs: PackedRows | bytes | None = pack(rows) or _unless_null(_encode(rows)[1:-1])
        outputs: PackedRows | bytes | None = _packed_outputs(logged.response, count)
        if outputs is None:
            text = _outputs(logged.response, count)
            outputs = text and text[1:-1]
        if inputs is None or outputs is None:
            return None
        return BatchedEvent(
            self._head(call.op), str(call.id), when_us, logged.latency_us,
            count, inputs, outputs, count, number,
        )  # fmt: skip

    def _head(self, op: str) -> BatchHead:
        head = self._heads.get(op)
        if head is None:
            event = msgspec.structs.replace(_specimen(self.source, self.publisher_id), op=op)
            head = self._heads[op] = batch_head(event, host=self.source.host)
        return head


def _fit(rows: list[list[Any]], names: tuple[str, ...] | None) -> bool:
    return bool(rows) and not (names and set(map(len, rows)) != {len(names)})


def _packed_outputs(response: bytes, rows: int) -> PackedRows | None:
    """The outputs as packed rows, where they are numbers."""
    try:
        outputs = _read_numbers(response).outputs
    except msgspec.MsgspecError:
        return None
    if list not in map(type, outputs):
        return pack_numbers(outputs, rows) if rows in (1, len(outputs)) else None
    return pack(outputs) if len(outputs) == rows else None


def _outputs(response: bytes, rows: int) -> bytes | None:
    """The outputs as rows, of their JSON text."""
    text = bytes(_read_response(response).outputs)
    if not text.startswith(b"[") or text == b"[]":
        return None
    inner = text[1:-1]
    if rows == 1 and b"[" not in inner and b"{" not in inner:
        return _unless_null(b"[" + text + b"]")
    if b'"' in inner or b"{" in inner:
        return None
    if b"[" not in inner and inner.count(b",") + 1 == rows:
        return _unless_null(b"[[" + inner.replace(b",", b"],[") + b"]]")
    if inner.startswith(b"[") and inner.count(b"[") == rows == inner.count(b"],[") + 1:
        return _unless_null(text)
    return None


def _unless_null(text: bytes) -> bytes | None:
    # NaN and the infinities look like that, too: they are written otherwise.
    return None if b"null" in text else text


# The wire's own form, of an event whose every value is a mark.

_MARK = 8_310_589_411_000_000  # none of these numbers and words is likely in a name; if it is, that shows
_WHEN, _LATENCY = 86_399_310_589_411, 7_310_589_411_001
_WORDS = {b"id": "3f1c52b07a", b"op": "6ad10f97c4", b"inputs": "b85e24d61f", b"outputs": "0c97ea35d2"}
_MARKS = {
    b"%d" % _MARK: b"number",
    b"%d" % (_MARK + 1): b"count",
    b"%d" % _LATENCY: b"latency",
    write_moment(_WHEN).encode(): b"when",
    write_moment(_WHEN + _LATENCY).encode(): b"answered",
    _encode(_WORDS[b"id"]): b"id",
    _encode(_WORDS[b"op"]): b"op",
    _encode([[_WORDS[b"inputs"]]]): b"inputs",
    _encode([[_WORDS[b"outputs"]]]): b"outputs",
}
_any_mark = re.compile(b"|".join(map(re.escape, _MARKS)))


def _form_of(source: Source, publisher_id: str) -> bytes:
    text = wire.write_event(_specimen(source, publisher_id), host=source.host).replace(b"%", b"%%")
    return _any_mark.sub(lambda found: b"%%(%b)b" % _MARKS[found[0]], text)


def _specimen(source: Source, publisher_id: str) -> wire.ServingEvent:
    return wire.ServingEvent(
        endpoint_id=source.endpoint_id,
        endpoint_name=source.endpoint_name,
        function_uri=source.function_uri,
        model_class=source.model_class,
        version=source.version,
        request_id=_WORDS[b"id"],
        when_us=_WHEN,
        latency_us=_LATENCY,
        inputs=[[_WORDS[b"inputs"]]],
        outputs=[[_WORDS[b"outputs"]]],
        input_names=source.inputs,
        output_names=source.outputs,
        labels=source.labels,
        sampling_percentage=source.sampling_percentage,
        effective_sample_count=_MARK + 1,
        op=_WORDS[b"op"],
        publisher_id=publisher_id,
        number=_MARK,
    )
