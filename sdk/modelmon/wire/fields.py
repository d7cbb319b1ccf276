"""The fields of one event, checked: an item of its own, or set aside with what can be told of its sender."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from modelmon.errors import RejectedError
from modelmon.model import LONGEST_ID
from modelmon.wire.decoding import (
    LARGEST_INTEGER,
    RawEvent,
    RawPublisher,
    RawRequest,
    RawResponse,
    decode_to_identify,
)
from modelmon.wire.identity import (
    Sender,
    check_endpoint_id,
    check_name,
    check_names,
    check_text,
    derive_endpoint_id,
    endpoint_name_of,
    identify,
    shown,
    split_model,
)
from modelmon.wire.items import BatchComplete, ErrorEvent, Item, NopEvent, RejectedItem, ServingEvent
from modelmon.wire.rows import Names, Rows, read_rows, restore_bytes
from modelmon.wire.times import read_moment

LONGEST_LATENCY_US = 100 * 86_400 * 1_000_000
LARGEST_COUNT = 10**9
LEAST_PERCENTAGE = 1e-6


def set_aside(
    item: int, error: RejectedError, body: bytes, raw: RawEvent | None = None, rows: int = 1
) -> RejectedItem:
    """The item that can't be read, and whose it is: from `raw`, or from what can be made of its body."""
    value = _told(body) if raw is None else {name: getattr(raw, name) for name in RawEvent.__struct_fields__}
    endpoint_id, model, version, uri = map(value.get, ("endpoint_id", "model", "version", "function_uri"))
    class_names = map(value.get, ("class", "class_name", "model_class"))
    sender = identify(endpoint_id, model, version, uri, next(filter(None, class_names), ""))
    publisher_id, number = _numbered(value.get("publisher"))
    return RejectedItem(
        item, sender.endpoint_id, error.field, error.reason, body, publisher_id, number, rows,
        sender.endpoint_name, sender.function_uri, sender.model_class, sender.version,
    )  # fmt: skip


def _told(body: bytes) -> dict[str, Any]:
    value = decode_to_identify(body)
    return value if isinstance(value, dict) else {}


def _numbered(publisher: Any) -> tuple[str, int] | tuple[None, None]:
    try:
        return check_publisher(msgspec.convert(publisher, RawPublisher, from_attributes=True))
    except (msgspec.ValidationError, UnicodeEncodeError, RejectedError):  # Unicode: half a surrogate pair
        return None, None


def read_item(raw: RawEvent, holds_bytes: bool) -> Item:
    """The item of an event; `holds_bytes`: some value may be {"$bytes": …}. Raises RejectedError."""
    if raw.kind is not None:
        return _read_notice(raw)
    request, response = raw.request, raw.resp
    sender, op = check_sender(
        raw.endpoint_id, raw.model, raw.version, raw.function_uri, raw.class_name or raw.model_class, raw.op
    )
    found = request.id if request is not None else None
    if found is None and response is not None:
        found = response.id
    request_id = found if type(found) is str else "" if found is None else str(found)
    when_us = read_moment(raw.when, "when")
    publisher_id, number = (None, None) if raw.publisher is None else check_publisher(raw.publisher)
    endpoint_id, endpoint_name, uri, class_name, version = sender
    if raw.error is not None:
        return ErrorEvent(
            endpoint_id, endpoint_name, uri, class_name, version, request_id, when_us,
            _error_text(raw.error), op, publisher_id, number,
        )  # fmt: skip
    if request is None or request.inputs is None:
        raise RejectedError("missing; it holds the inputs, a list of rows", "request.inputs")
    if response is None or response.outputs is None:
        raise RejectedError("missing; it holds the outputs, one for each row of inputs", "resp.outputs")
    in_rows, out_rows, in_names, out_names = _rows(request, response, holds_bytes)
    latency, percentage, count = raw.microsec, raw.sampling_percentage, raw.effective_sample_count
    return ServingEvent(
        endpoint_id, endpoint_name, uri, class_name, version, request_id, when_us,
        None if latency is None else check_latency(latency),
        in_rows, out_rows, in_names, out_names,
        raw.labels or None, raw.metrics or None, request.entities or None,
        100.0 if percentage is None else check_percentage(percentage),
        len(in_rows) if count is None else check_count(count),
        op, publisher_id, number,
    )  # fmt: skip


# A sender repeats itself in every event, so its names are checked once.
@lru_cache(maxsize=4096)
def check_sender(
    endpoint_id: str | None,
    model: str | None,
    version: str | None,
    function_uri: str | None,
    class_name: str | None,
    op: str | None,
) -> tuple[Sender, str]:
    """The sender and the op, each checked."""
    if not model:
        raise RejectedError("missing; it names the endpoint", "model")
    name, version = split_model(check_text(model, "model"), check_text(version or "", "version"))
    uri = check_text(function_uri or "", "function_uri")
    sender = Sender(
        derive_endpoint_id(uri, name, version) if endpoint_id is None else check_endpoint_id(endpoint_id),
        check_name(endpoint_name_of(name, version), "model"),
        uri,
        check_text(class_name or "", "class"),
        version,
    )
    return sender, check_text(op or "infer", "op")


def _read_notice(raw: RawEvent) -> BatchComplete | NopEvent:
    if raw.kind == "nop_event":
        return NopEvent(read_moment(raw.timestamp, "timestamp"))
    if raw.kind != "batch_complete":
        raise RejectedError(
            f"must be 'batch_complete', 'nop_event', 'actuals' or absent, got {shown(raw.kind)}", "kind"
        )
    first = read_moment(raw.first_timestamp, "first_timestamp")
    last = read_moment(raw.last_timestamp, "last_timestamp")
    if last < first:
        raise RejectedError(
            f"must not come before first_timestamp, got {shown(raw.last_timestamp)}", "last_timestamp"
        )
    return BatchComplete(check_endpoint_id(raw.endpoint_id), first, last)


def _rows(request: RawRequest, response: RawResponse, holds_bytes: bool) -> tuple[Rows, Rows, Names, Names]:
    inputs, outputs = request.inputs, response.outputs
    if holds_bytes:
        inputs = restore_bytes(inputs, "request.inputs")
        outputs = restore_bytes(outputs, "resp.outputs")
    rows = read_rows(inputs, outputs, request.input_schema, response.output_schema)
    if rows[2] is not None:
        check_names(rows[2], "request.input_schema" if request.input_schema else "request.inputs")
    if rows[3] is not None:
        check_names(rows[3], "resp.output_schema" if response.output_schema else "resp.outputs")
    return rows


def check_latency(microseconds: float) -> int:
    if 0 <= microseconds <= LONGEST_LATENCY_US:
        return microseconds if type(microseconds) is int else round(microseconds)
    raise RejectedError(
        f"must be whole microseconds from 0 to {LONGEST_LATENCY_US} (100 days), got {microseconds}",
        "microsec",
    )


def check_percentage(value: float) -> float:
    if LEAST_PERCENTAGE <= value <= 100:
        return float(value)
    raise RejectedError(
        f"must be at least {LEAST_PERCENTAGE} and at most 100, got {value}", "sampling_percentage"
    )


def check_count(value: int) -> int:
    if 0 <= value <= LARGEST_COUNT:
        return value
    raise RejectedError(f"must be from 0 to {LARGEST_COUNT}, got {value}", "effective_sample_count")


def check_publisher(publisher: RawPublisher) -> tuple[str, int]:
    number = check_number(publisher.number)
    return check_name(publisher.id, "publisher.id", LONGEST_ID), number


def check_number(number: int) -> int:
    if 1 <= number <= LARGEST_INTEGER:
        return number
    raise RejectedError(f"must count from 1, got {number}", "publisher.number")


def _error_text(error: Any) -> str:
    text = error if isinstance(error, str) else msgspec.json.encode(error).decode()
    return text.replace("\x00", "\ufffd")  # a database's text column holds no NUL
