"""From a logged request to the event on the stream; runs in the publisher's thread."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from modelmon.model import to_us
from modelmon.serving.protocol import timestamp
from modelmon.serving.recorder import Logged, restored

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_write = msgspec.json.Encoder().encode


def encode(logged: Logged, publisher_id: str, client_time: bool) -> tuple[bytes, bool]:
    """The event as JSON, and whether the request's own time (asked for by `client_time`) could be used.

    The response goes in as the bytes that the caller got, unread, unless rows were sampled.
    """
    request = restored(logged.request)
    when_us, good_time = _when(request, logged.call.start_us, client_time)
    source = logged.source
    event: dict[str, Any] = {
        "class": source.model_class,
        "worker": 0,
        "model": source.endpoint_name,
        "version": source.version,
        "host": source.host,
        "function_uri": source.function_uri,
        "endpoint_id": source.endpoint_id,
        "sampling_percentage": source.sampling_percentage,
        "op": logged.call.op,
        "when": timestamp(when_us),
        "publisher": {"id": publisher_id, "number": logged.number},
    }
    if source.labels:
        event["labels"] = source.labels
    request = {"id": logged.call.id, **request}
    event["request"] = request
    if logged.error is not None:
        event["error"] = logged.error
        return _write(event), good_time
    rows = rows_of(request.get("inputs"))
    if logged.rows is None:
        request["inputs"] = rows
        event["resp"] = response_of(logged.response)
    else:
        request["inputs"] = [rows[number] for number in logged.rows]
        event["resp"] = sampled(logged.response, logged.rows, len(rows))
    if source.inputs:
        request["input_schema"] = source.inputs
    event["microsec"] = logged.latency_us
    if logged.metrics:
        event["metrics"] = logged.metrics
    event["effective_sample_count"] = len(request["inputs"])
    return _write(event), good_time


def rows_of(inputs: Any) -> list[Any]:
    """Inputs as rows: one sample in an outer list unless all elements are lists already."""
    if not isinstance(inputs, list):
        return [inputs]
    return inputs if all(isinstance(row, list) for row in inputs) else [inputs]


def response_of(response: bytes) -> Any:
    """The response as it goes into the event."""
    return msgspec.Raw(response) if response[:1] == b"{" else restored(response)


def sampled(response: bytes, rows: Sequence[int], row_count: int) -> dict[str, Any]:
    """The response with the outputs of these rows alone, null where a row has none.

    Outputs that are not one for each row stay whole when there is one row, which they then belong to.
    """
    fields: dict[str, Any] = dict(_fields(response)) if response[:1] == b"{" else restored(response)
    outputs = fields["outputs"]
    if isinstance(outputs, msgspec.Raw):
        outputs = _items(outputs) if bytes(outputs).startswith(b"[") else None
    if outputs is not None and (row_count > 1 or len(outputs) == 1):
        fields["outputs"] = [outputs[number] if number < len(outputs) else None for number in rows]
    return fields


def _when(request: dict[str, Any], start_us: int, client_time: bool) -> tuple[int, bool]:
    given = request.get("timestamp") if client_time else None
    if given is None:
        return start_us, True
    try:
        moment = datetime.fromisoformat(given)
        return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC)), True
    except (TypeError, ValueError, OverflowError):
        return start_us, False
