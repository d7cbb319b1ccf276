"""Writing the events stream, in the format of MLRun's stream function ('Wire formats' in the docs, V2)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from modelmon.errors import RejectedError
from modelmon.wire.identity import endpoint_name_of, split_model
from modelmon.wire.items import BatchComplete, ErrorEvent, ServingEvent
from modelmon.wire.plain_lists import plain
from modelmon.wire.rows import hide_bytes
from modelmon.wire.times import write_moment


def write_event(event: ServingEvent, *, host: str = "", worker: int = 0) -> bytes:
    """One serving event as one message. `host` and `worker` only say where it comes from.

    Values may be NumPy scalars and arrays; NaN and the infinities are kept. Raises RejectedError for a
    value that JSON can't hold.
    """
    resp: dict[str, Any] = {
        "id": event.request_id,
        "model_name": split_model(event.endpoint_name, event.version)[0],
        "outputs": hide_bytes(event.outputs),
        "timestamp": write_moment(event.when_us + (event.latency_us or 0)),
        "model_endpoint_uid": event.endpoint_id,
    }
    if event.output_names is not None:
        resp["output_schema"] = event.output_names
    request = _request(event.request_id, hide_bytes(event.inputs), event.input_names)
    if event.entities:
        request["entities"] = event.entities
    body = {
        **_base(event, host, worker),
        "sampling_percentage": event.sampling_percentage,
        "request": request,
        "op": event.op,
        "resp": resp,
        "when": write_moment(event.when_us),
        "effective_sample_count": event.effective_sample_count,
    }
    if event.latency_us is not None:
        body["microsec"] = event.latency_us
    if event.labels:
        body["labels"] = event.labels
    if event.metrics:
        body["metrics"] = event.metrics
    return encode(body)


def write_error_event(
    event: ErrorEvent,
    *,
    inputs: Any = (),
    sampling_percentage: float = 100.0,
    host: str = "",
    worker: int = 0,
) -> bytes:
    """One failed request as one message; `inputs` are what the client sent."""
    rows = hide_bytes(inputs) if isinstance(inputs, list) and _are_rows(inputs) else inputs
    return encode(
        {
            **_base(event, host, worker),
            "sampling_percentage": sampling_percentage,
            "request": _request(event.request_id, rows, None),
            "op": event.op,
            "when": write_moment(event.when_us),
            "error": event.error,
        }
    )


def write_batch(bodies: Sequence[bytes]) -> bytes:
    """Several written events as one message: a JSON array."""
    return b"[" + b",".join(bodies) + b"]"


def write_nop_event(timestamp_us: int, *, project: str = "") -> bytes:
    """The controller's clock as a message."""
    return encode({"kind": "nop_event", "project": project, "timestamp": write_moment(timestamp_us)})


def write_batch_complete(event: BatchComplete, *, project: str, completed_us: int) -> bytes:
    """The end of a batch job for one endpoint as a message."""
    return encode(
        {
            "kind": "batch_complete",
            "project": project,
            "endpoint_id": event.endpoint_id,
            "first_timestamp": write_moment(event.first_us),
            "last_timestamp": write_moment(event.last_us),
            "batch_completion_time": write_moment(completed_us),
        }
    )


def sender_fields(event: ServingEvent | ErrorEvent, host: str, worker: int) -> dict[str, Any]:
    """What an event says of who sent it."""
    name, version = split_model(event.endpoint_name, event.version)
    fields: dict[str, Any] = {
        "class": event.model_class,
        "worker": worker,
        "model": endpoint_name_of(name, version),
        "host": host,
        "function_uri": event.function_uri,
        "endpoint_id": event.endpoint_id,
    }
    if version:
        fields["version"] = version
    return fields


def _base(event: ServingEvent | ErrorEvent, host: str, worker: int) -> dict[str, Any]:
    fields = sender_fields(event, host, worker)
    if event.publisher_id is not None:
        fields["publisher"] = {"id": event.publisher_id, "number": event.number}
    return fields


def _request(request_id: str, inputs: Any, names: tuple[str, ...] | None) -> dict[str, Any]:
    request: dict[str, Any] = {"id": request_id, "inputs": inputs}
    if names is not None:
        request["input_schema"] = names
    return request


def _are_rows(inputs: list[Any]) -> bool:
    return all(isinstance(row, list) for row in inputs)


_encoder = msgspec.json.Encoder(enc_hook=plain)


def encode(body: Any) -> bytes:
    """Values as JSON, NaN and the infinities too. Raises RejectedError for what JSON can't hold."""
    try:
        written = _encoder.encode(body)
        # msgspec writes NaN and the infinities as null: look closer only when there is a null at all.
        if b"null" in written and _has_non_finite(body):
            return json.dumps(body, default=plain, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RejectedError(f"this event can't be written as JSON: {error}") from error
    return written


def _has_non_finite(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_has_non_finite, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_non_finite, value))
    return hasattr(value, "tolist") and _has_non_finite(value.tolist())
