"""Micro-batches of MLRun 1.6: fields that all requests share, and a row of `values` for each request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelmon.counting import count
from modelmon.errors import RejectedError
from modelmon.wire.decoding import (
    RawEvent,
    RawPublisher,
    check_elements,
    convert_event,
    decode_leniently,
)
from modelmon.wire.fields import read_item
from modelmon.wire.identity import shown
from modelmon.wire.items import Item
from modelmon.wire.parting import Parted, write_part
from modelmon.wire.rows import holds_bytes

_FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(RawEvent)}


def part_micro_batch(body: bytes) -> Parted:
    """The requests of a micro-batch. Raises RejectedError where it is none."""
    base = decode_leniently(body)
    headers, values = base.pop("headers", None), base.pop("values", None)
    if not isinstance(headers, list) or not all(isinstance(name, str) for name in headers):
        raise RejectedError(f"must be a list of names, got {shown(headers)}", "headers")
    if not isinstance(values, list) or not values:
        raise RejectedError(f"must be a list with a row for each request, got {shown(values)}", "values")
    check_elements(len(values), len(body))
    shared, has_bytes = convert_event(base), holds_bytes(body)
    found = [_read_row(shared, headers, row, place, has_bytes) for place, row in enumerate(values)]

    def part(places: Sequence[int]) -> bytes:
        return _part(base, headers, [values[place] for place in places])

    return Parted(found, part, lambda: len(write_part({**base, "headers": headers})), len(body))


def _read_row(
    base: RawEvent, headers: Sequence[str], row: Any, place: int, has_bytes: bool
) -> Item | RejectedError:
    try:
        return read_item(_row_event(base, headers, row, place), has_bytes)
    except RejectedError as error:
        return error


def _row_event(base: RawEvent, headers: Sequence[str], row: Any, place: int) -> RawEvent:
    if not isinstance(row, list) or len(row) != len(headers):
        reason = f"must be a list of {count(len(headers), 'value')}, one for each header, got {shown(row)}"
        raise RejectedError(reason, f"values[{place}]")
    own = convert_event(dict(zip(headers, row, strict=True)))
    changes = {_FIELDS[name]: getattr(own, _FIELDS[name]) for name in headers if name in _FIELDS}
    if base.publisher is not None:  # its number is that of the first row
        changes["publisher"] = RawPublisher(base.publisher.id, base.publisher.number + place)
    return msgspec.structs.replace(base, **changes)


def _part(base: dict[str, Any], headers: Sequence[str], rows: Sequence[Any]) -> bytes:
    row = rows[0]
    if len(rows) == 1 and isinstance(row, list) and len(row) == len(headers):
        return write_part({**base, **dict(zip(headers, row, strict=True))})
    return write_part({**base, "headers": headers, "values": rows})
