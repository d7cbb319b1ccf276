"""Micro-batches of MLRun 1.6: fields that all requests share, and a row of `values` for each request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelmon.errors import RejectedError
from modelmon.wire.decoding import (
    RawEvent,
    RawPublisher,
    check_elements,
    convert_event,
    decode_leniently,
)
from modelmon.wire.fields import read_item, set_aside
from modelmon.wire.identity import shown
from modelmon.wire.items import Item
from modelmon.wire.rows import holds_bytes

_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(RawEvent)}
_MOST_GROWTH = 4
"""Rows that are set aside are messages of their own while all of them together are at most so many times
their micro-batch; else what they share would be kept once for each, which is the square of its size."""


@dataclass(frozen=True, slots=True)
class _MicroBatch:
    """One that was read. `found` has an entry for each row of `values`."""

    base: dict[str, Any]
    headers: Sequence[str]
    values: Sequence[Any]
    found: Sequence[Item | RejectedError]
    size: int


def read_micro_batch(body: bytes, item: int) -> list[Item]:
    """The items of a micro-batch, the first one numbered `item`. Raises RejectedError where it is none."""
    batch = _read(body)
    refused = _refused(batch)
    items: list[Item] = []
    for place, each in enumerate(batch.found):
        if not isinstance(each, RejectedError):
            items.append(each)
        elif place in refused:
            items.append(_set_aside(item + len(items), each, *refused[place]))
    return items


def rows_alone(body: bytes, items: Sequence[int]) -> list[tuple[list[int], bytes]]:
    """Messages without their neighbours for items of a micro-batch that could be read: each with the items
    that are in it, one a message or all in one."""
    batch = _read(body)
    refused = _refused(batch)
    places = [
        place
        for place, each in enumerate(batch.found)
        if not isinstance(each, RejectedError) or place in refused
    ]
    numbers = {places[item]: item for item in items}
    return [([numbers[place] for place in group], alone) for group, alone in _alone(batch, list(numbers))]


def _read(body: bytes) -> _MicroBatch:
    base = decode_leniently(body)
    headers, values = base.pop("headers", None), base.pop("values", None)
    if not isinstance(headers, list) or not all(isinstance(name, str) for name in headers):
        raise RejectedError(f"must be a list of names, got {shown(headers)}", "headers")
    if not isinstance(values, list) or not values:
        raise RejectedError(f"must be a list with a row for each request, got {shown(values)}", "values")
    check_elements(len(values), len(body))
    shared, has_bytes = convert_event(base), holds_bytes(body)
    found = [_read_row(shared, headers, row, place, has_bytes) for place, row in enumerate(values)]
    return _MicroBatch(base, headers, values, found, len(body))


def _read_row(
    base: RawEvent, headers: Sequence[str], row: Any, place: int, has_bytes: bool
) -> Item | RejectedError:
    try:
        return read_item(_row_event(base, headers, row, place), has_bytes)
    except RejectedError as error:
        return error


def _row_event(base: RawEvent, headers: Sequence[str], row: Any, place: int) -> RawEvent:
    if not isinstance(row, list) or len(row) != len(headers):
        reason = f"must be a list of {len(headers)} values, one for each header, got {shown(row)}"
        raise RejectedError(reason, f"values[{place}]")
    own = convert_event(dict(zip(headers, row, strict=True)))
    changes = {_FIELDS[name]: getattr(own, _FIELDS[name]) for name in headers if name in _FIELDS}
    if base.publisher is not None:  # its number is that of the first row
        changes["publisher"] = RawPublisher(base.publisher.id, base.publisher.number + place)
    return msgspec.structs.replace(base, **changes)


def _refused(batch: _MicroBatch) -> dict[int, tuple[bytes, int]]:
    """Place of a row that is set aside to its message, and how many rows that holds."""
    places = [place for place, each in enumerate(batch.found) if isinstance(each, RejectedError)]
    return {group[0]: (body, len(group)) for group, body in _alone(batch, places)}


def _set_aside(item: int, error: RejectedError, body: bytes, rows: int) -> Item:
    if rows > 1:
        reason = f"{error.reason} (the first of {rows:,} rows of one micro-batch)"
        error = RejectedError(reason, error.field)
    return set_aside(item, error, body, rows=rows)


def _alone(batch: _MicroBatch, places: list[int]) -> list[tuple[list[int], bytes]]:
    base, headers, values = batch.base, batch.headers, batch.values
    if not places:
        return []
    if len(places) * len(_encode({**base, "headers": headers})) > _MOST_GROWTH * batch.size:
        return [(places, _rows_body(base, headers, [values[place] for place in places]))]
    return [([place], _row_body(base, headers, values[place])) for place in places]


def _row_body(base: dict[str, Any], headers: Sequence[str], row: Any) -> bytes:
    if isinstance(row, list) and len(row) == len(headers):
        return _encode({**base, **dict(zip(headers, row, strict=True))})
    return _rows_body(base, headers, [row])


def _rows_body(base: dict[str, Any], headers: Sequence[str], rows: Sequence[Any]) -> bytes:
    return _encode({**base, "headers": headers, "values": rows})


def _encode(value: Any) -> bytes:
    # Python's encoder, because msgspec's writes NaN as null.
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except RecursionError:
        raise RejectedError("is nested too deeply", "values") from None
