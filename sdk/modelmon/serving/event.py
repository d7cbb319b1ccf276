"""From a logged request to the event on the stream; runs in the publisher's thread."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from modelmon import wire
from modelmon.counting import count
from modelmon.errors import RejectedError
from modelmon.serving.event_text import EventText, plain_request
from modelmon.serving.recorder import Logged, restored, row_count
from modelmon.wire.batch_writing import BatchedEvent, batched
from modelmon.wire.rows import read_rows


class _Response(msgspec.Struct):
    outputs: Any = None


_read_response = msgspec.json.Decoder(_Response).decode


class Encoded(NamedTuple):
    """An event as JSON, or on its way into a batch.

    `has_time`: the request's own time, asked for by `client_time`, could be used. `misfit` says what of the
    rows does not fit together, "" when all does.
    """

    event: bytes | BatchedEvent
    has_time: bool
    misfit: str = ""


def encode(logged: Logged, text: EventText, number: int, client_time: bool) -> Encoded:
    """The event of a logged request; `text` writes the plain ones of its endpoint.

    Raises RejectedError for values that can't be written.
    """
    return _plain(logged, text, number, client_time) or _any(logged, text, number, client_time)


def _plain(logged: Logged, text: EventText, number: int, client_time: bool) -> Encoded | None:
    request = plain_request(logged)
    if request is None:
        return None
    when_us, has_time = _when(request.timestamp, logged.call.start_us, client_time)
    event = text.write(logged, request, when_us, number)
    return Encoded(event, has_time) if event else None


def _any(logged: Logged, text: EventText, number: int, client_time: bool) -> Encoded:
    request = restored(logged.request)
    when_us, has_time = _when(request.get("timestamp"), logged.call.start_us, client_time)
    if logged.error is not None:
        return Encoded(_error_event(logged, request, when_us, text.publisher_id, number), has_time)
    outputs = _outputs(logged.response)
    misfit = misfit_of(request["inputs"], outputs, logged.source.inputs)
    event = _serving_event(logged, request, outputs, when_us, text.publisher_id, number)
    write = batched if text.is_batched else wire.write_event
    return Encoded(write(event, host=logged.source.host), has_time, misfit)


def misfit_of(inputs: Any, outputs: Any, names: tuple[str, ...] | None) -> str:
    """What does not fit together in a request that was answered all the same; "" when all does.

    >>> misfit_of([[1, 2], [3, 4]], [0], None)
    '1 output for 2 rows'
    """
    rows = row_count(inputs)
    answers = len(outputs) if isinstance(outputs, list) else rows
    if answers != rows and (rows != 1 or any(isinstance(each, list | dict) for each in outputs)):
        return f"{answers} output{'s' if answers != 1 else ''} for {rows} row{'s' if rows != 1 else ''}"
    if not names or not isinstance(inputs, list):
        return ""
    lists = [row for row in inputs if isinstance(row, list)]
    flat = not lists and dict not in map(type, inputs)
    odd = next((len(row) for row in ([inputs] if flat else lists) if len(row) != len(names)), None)
    if odd is None:
        return ""
    return (
        f"a row of {count(odd, 'value')}, but the model has {count(len(names), 'input')} ({', '.join(names)})"
    )


def _serving_event(
    logged: Logged, request: dict[str, Any], answered: Any, when_us: int, publisher_id: str, number: int
) -> wire.ServingEvent:
    source = logged.source
    inputs, outputs, input_names, output_names = read_rows(
        request["inputs"], answered, source.inputs, source.outputs
    )
    if logged.rows is not None:
        inputs, outputs = [inputs[row] for row in logged.rows], [outputs[row] for row in logged.rows]
    entities = request.get("entities")
    return wire.ServingEvent(
        endpoint_id=source.endpoint_id,
        endpoint_name=source.endpoint_name,
        function_uri=source.function_uri,
        model_class=source.model_class,
        version=source.version,
        request_id=str(logged.call.id),
        when_us=when_us,
        latency_us=logged.latency_us,
        inputs=inputs,
        outputs=outputs,
        input_names=input_names,
        output_names=output_names,
        labels=source.labels,
        metrics=logged.metrics,
        entities=entities if isinstance(entities, dict) else None,
        sampling_percentage=source.sampling_percentage,
        effective_sample_count=len(inputs),
        op=logged.call.op,
        publisher_id=publisher_id,
        number=number,
    )


def _error_event(
    logged: Logged, request: dict[str, Any], when_us: int, publisher_id: str, number: int
) -> bytes:
    source = logged.source
    event = wire.ErrorEvent(
        endpoint_id=source.endpoint_id,
        endpoint_name=source.endpoint_name,
        function_uri=source.function_uri,
        model_class=source.model_class,
        version=source.version,
        request_id=str(logged.call.id),
        when_us=when_us,
        error=logged.error or "",
        op=logged.call.op,
        publisher_id=publisher_id,
        number=number,
    )
    return wire.write_error_event(event, inputs=request.get("inputs", ()), host=source.host)


def _outputs(response: bytes) -> Any:
    return _read_response(response).outputs if response[:1] == b"{" else restored(response)["outputs"]


def _when(given: Any, start_us: int, client_time: bool) -> tuple[int, bool]:
    if given is None or not client_time:
        return start_us, True
    try:
        return wire.read_moment(given, "timestamp"), True
    except RejectedError:
        return start_us, False
