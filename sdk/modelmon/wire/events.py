"""Reading the events stream: every format that an MLRun model server or ours writes."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import msgspec

from modelmon.errors import RejectedError
from modelmon.model import UNKNOWN_ENDPOINT
from modelmon.wire.decoding import (
    RawEvent,
    RawPublisher,
    RawRequest,
    RawResponse,
    decode_any,
    decode_event,
    decode_to_identify,
    split_array,
)
from modelmon.wire.identity import (
    LONGEST_ID,
    check_endpoint_id,
    check_name,
    check_names,
    check_text,
    derive_endpoint_id,
    endpoint_name_of,
    shown,
    split_model,
)
from modelmon.wire.items import BatchComplete, ErrorEvent, Item, NopEvent, RejectedItem, ServingEvent
from modelmon.wire.moments import read_moment
from modelmon.wire.rows import BYTES_KEY, Names, Rows, read_rows, restore_bytes

LONGEST_LATENCY_US = 100 * 86_400 * 1_000_000
LARGEST_COUNT = 10**9
LEAST_PERCENTAGE = 1e-6
BOM = b"\xef\xbb\xbf"
_BYTES_MARK = f'"{BYTES_KEY}"'.encode()


def read_message(body: bytes) -> list[Item]:
    """Every item of one message, in order: the place in the list is the item's number.

    A message is one event, a JSON array of events or a micro-batch of MLRun 1.6 (`headers`, `values`).
    Never raises for any bytes: what can't be read is a RejectedItem, alone.
    """
    if body[:1] == b"{":
        return _read_object(body, 0)
    body = body.removeprefix(BOM).strip()
    if body[:1] == b"{":
        return _read_object(body, 0)
    return _read_array(body)


def _read_array(body: bytes) -> list[Item]:
    try:
        if body[:1] != b"[":
            raise RejectedError(f"must be a JSON object or an array of them, got {shown(body)}")
        elements = split_array(body)
        if not elements:
            raise RejectedError("holds no event: the array is empty")
    except RejectedError as error:
        return [_set_aside(0, error, body)]
    items: list[Item] = []
    for element in elements:
        items += _read_object(element, len(items))
    return items


def _read_object(body: bytes, item: int) -> list[Item]:
    try:
        raw = decode_event(body)
        if raw.headers is not None or raw.values is not None:
            return _read_micro_batch(body, item)
        return [_read_item(raw, body)]
    except RejectedError as error:
        return [_set_aside(item, error, body)]


def _read_micro_batch(body: bytes, item: int) -> list[Item]:
    base = decode_any(body)
    headers, values = base.pop("headers", None), base.pop("values", None)
    if not isinstance(headers, list) or not all(isinstance(name, str) for name in headers):
        raise RejectedError(f"must be a list of names, got {shown(headers)}", "headers")
    if not isinstance(values, list) or not values:
        raise RejectedError(f"must be a list with a row for each request, got {shown(values)}", "values")
    items: list[Item] = []
    for place, row in enumerate(values):
        items.append(_read_micro_row(base, headers, row, place, item))
    return items


def _read_micro_row(base: dict[str, Any], headers: list[str], row: Any, place: int, first: int) -> Item:
    if not isinstance(row, list) or len(row) != len(headers):
        reason = f"must be a list of {len(headers)} values, one for each header, got {shown(row)}"
        alone = _encode({**base, "headers": headers, "values": [row]})
        return _set_aside(first + place, RejectedError(reason, f"values[{place}]"), alone)
    # Python's encoder, because msgspec's writes NaN as null.
    alone = _encode({**base, **dict(zip(headers, row, strict=True))})
    try:
        return _read_item(decode_event(alone), alone)
    except RejectedError as error:
        return _set_aside(first + place, error, alone)


def _encode(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except RecursionError:
        raise RejectedError("is nested too deeply", "values") from None


def _set_aside(item: int, error: RejectedError, body: bytes) -> RejectedItem:
    value = decode_to_identify(body)
    if not isinstance(value, dict):
        return RejectedItem(item, UNKNOWN_ENDPOINT, error.field, error.reason, body)
    publisher_id, number = _numbered(value.get("publisher"))
    return RejectedItem(item, _identify(value), error.field, error.reason, body, publisher_id, number)


def _identify(value: dict[str, Any]) -> str:
    """The endpoint of an item that was rejected, as far as it can be told."""
    try:
        if value.get("endpoint_id") is not None:
            return check_endpoint_id(value["endpoint_id"])
        model, version, uri = (value.get(field) or "" for field in ("model", "version", "function_uri"))
        if not model or not all(isinstance(text, str) for text in (model, version, uri)):
            return UNKNOWN_ENDPOINT
        check_text(model + version + uri, "model")
        return derive_endpoint_id(uri, *split_model(model, version))
    except RejectedError:
        return UNKNOWN_ENDPOINT


def _numbered(publisher: Any) -> tuple[str, int] | tuple[None, None]:
    try:
        return _publisher(msgspec.convert(publisher, RawPublisher))
    except (msgspec.ValidationError, UnicodeEncodeError, RejectedError):  # Unicode: half a surrogate pair
        return None, None


def _read_item(raw: RawEvent, body: bytes) -> Item:
    if raw.kind is not None:
        return _read_notice(raw)
    request, response = raw.request, raw.resp
    sender = _sender(
        raw.endpoint_id, raw.model, raw.version, raw.function_uri, raw.class_name or raw.model_class, raw.op
    )
    found = request.id if request is not None else None
    if found is None and response is not None:
        found = response.id
    request_id = found if type(found) is str else "" if found is None else str(found)
    when_us = read_moment(raw.when, "when")
    publisher_id, number = (None, None) if raw.publisher is None else _publisher(raw.publisher)
    endpoint_id, endpoint_name, uri, class_name, version, op = sender
    if raw.error is not None:
        return ErrorEvent(
            endpoint_id, endpoint_name, uri, class_name, version, request_id, when_us,
            _error_text(raw.error), op, publisher_id, number,
        )  # fmt: skip
    if request is None or request.inputs is None:
        raise RejectedError("missing; it holds the inputs, a list of rows", "request.inputs")
    if response is None or response.outputs is None:
        raise RejectedError("missing; it holds the outputs, one for each row of inputs", "resp.outputs")
    in_rows, out_rows, in_names, out_names = _rows(request, response, body)
    latency, percentage, count = raw.microsec, raw.sampling_percentage, raw.effective_sample_count
    return ServingEvent(
        endpoint_id, endpoint_name, uri, class_name, version, request_id, when_us,
        None if latency is None else _latency(latency),
        in_rows, out_rows, in_names, out_names,
        raw.labels or None, raw.metrics or None, request.entities or None,
        100.0 if percentage is None else _percentage(percentage),
        len(in_rows) if count is None else _count(count),
        op, publisher_id, number,
    )  # fmt: skip


# A sender repeats itself in every event, so its names are checked once.
@lru_cache(maxsize=8192)
def _sender(
    endpoint_id: str | None,
    model: str | None,
    version: str | None,
    function_uri: str | None,
    class_name: str | None,
    op: str | None,
) -> tuple[str, str, str, str, str, str]:
    """Endpoint id, endpoint name, function URI, class name, version and op, each checked."""
    if not model:
        raise RejectedError("missing; it names the endpoint", "model")
    name, version = split_model(check_text(model, "model"), check_text(version or "", "version"))
    uri = check_text(function_uri or "", "function_uri")
    return (
        derive_endpoint_id(uri, name, version) if endpoint_id is None else check_endpoint_id(endpoint_id),
        check_name(endpoint_name_of(name, version), "model"),
        uri,
        check_text(class_name or "", "class"),
        version,
        check_text(op or "infer", "op"),
    )


def _read_notice(raw: RawEvent) -> BatchComplete | NopEvent:
    if raw.kind == "nop_event":
        return NopEvent(read_moment(raw.timestamp, "timestamp"))
    if raw.kind != "batch_complete":
        raise RejectedError(f"must be 'batch_complete', 'nop_event' or absent, got {shown(raw.kind)}", "kind")
    first = read_moment(raw.first_timestamp, "first_timestamp")
    last = read_moment(raw.last_timestamp, "last_timestamp")
    if last < first:
        raise RejectedError(
            f"must not come before first_timestamp, got {shown(raw.last_timestamp)}", "last_timestamp"
        )
    return BatchComplete(check_endpoint_id(raw.endpoint_id), first, last)


def _rows(request: RawRequest, response: RawResponse, body: bytes) -> tuple[Rows, Rows, Names, Names]:
    inputs, outputs = request.inputs, response.outputs
    if b"$" in body and _BYTES_MARK in body:  # one character is found ten times faster than eight
        inputs = restore_bytes(inputs, "request.inputs")
        outputs = restore_bytes(outputs, "resp.outputs")
    rows = read_rows(inputs, outputs, request.input_schema, response.output_schema)
    if rows[2] is not None:
        check_names(rows[2], "request.input_schema" if request.input_schema else "request.inputs")
    if rows[3] is not None:
        check_names(rows[3], "resp.output_schema" if response.output_schema else "resp.outputs")
    return rows


def _latency(microseconds: float) -> int:
    if 0 <= microseconds <= LONGEST_LATENCY_US:
        return microseconds if type(microseconds) is int else round(microseconds)
    raise RejectedError(
        f"must be whole microseconds from 0 to {LONGEST_LATENCY_US} (100 days), got {microseconds}",
        "microsec",
    )


def _percentage(value: float) -> float:
    if LEAST_PERCENTAGE <= value <= 100:
        return float(value)
    raise RejectedError(
        f"must be at least {LEAST_PERCENTAGE} and at most 100, got {value}", "sampling_percentage"
    )


def _count(value: int) -> int:
    if 0 <= value <= LARGEST_COUNT:
        return value
    raise RejectedError(f"must be from 0 to {LARGEST_COUNT}, got {value}", "effective_sample_count")


def _publisher(publisher: RawPublisher) -> tuple[str, int]:
    if not 1 <= publisher.number < 2**63:
        raise RejectedError(f"must count from 1, got {publisher.number}", "publisher.number")
    return check_name(publisher.id, "publisher.id", LONGEST_ID), publisher.number


def _error_text(error: Any) -> str:
    text = error if isinstance(error, str) else msgspec.json.encode(error).decode()
    return text.replace("\x00", "\ufffd")  # a database's text column holds no NUL
