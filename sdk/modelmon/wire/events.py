"""Reading the events stream: every format that an MLRun model server or ours writes."""

from __future__ import annotations

from modelmon.errors import RejectedError
from modelmon.wire.actuals import KIND as ACTUALS
from modelmon.wire.actuals import read_actuals, rows_of
from modelmon.wire.columnar_batches import part_columnar_batch, read_columnar_batch
from modelmon.wire.decoding import decode_event, split_array
from modelmon.wire.fields import read_item, set_aside
from modelmon.wire.identity import shown
from modelmon.wire.items import Item
from modelmon.wire.micro_batches import part_micro_batch
from modelmon.wire.parting import Parted, items_of
from modelmon.wire.rows import holds_bytes

BOM = b"\xef\xbb\xbf"


def read_message(body: bytes) -> list[Item]:
    """Every item of one message, in order: the place in the list is the item's number.

    A message is one event, a columnar batch, a micro-batch of MLRun 1.6 (`headers`, `values`), or a JSON
    array of these. Never raises for any bytes: what can't be read is a RejectedItem, alone. Time and memory
    grow with the message's size, whatever its shape.
    """
    if body[:1] == b"{":
        return _read_object(body, 0)
    body = body.removeprefix(BOM).strip()
    if body[:1] == b"{":
        return _read_object(body, 0)
    return _read_array(body)


def part_message(body: bytes) -> Parted:
    """A JSON object that holds several events, of which some could be read."""
    return part_columnar_batch(body) or part_micro_batch(body)


def _read_array(body: bytes) -> list[Item]:
    try:
        if body[:1] != b"[":
            raise RejectedError(f"must be a JSON object or an array of them, got {shown(body)}")
        elements = split_array(body)
        if not elements:
            raise RejectedError("holds no event: the array is empty")
    except RejectedError as error:
        return [set_aside(0, error, body)]
    items: list[Item] = []
    for element in elements:
        items += _read_object(element, len(items))
    return items


def _read_object(body: bytes, item: int) -> list[Item]:
    raw = None
    try:
        several = read_columnar_batch(body, item)
        if several is not None:
            return several
        raw = decode_event(body)
        if raw.kind == ACTUALS:
            return [_read_actuals(body, item)]
        if raw.headers is not None or raw.values is not None:
            return items_of(part_micro_batch(body), item)
        return [read_item(raw, holds_bytes(body))]
    except RejectedError as error:
        return [set_aside(item, error, body, raw)]


def _read_actuals(body: bytes, item: int) -> Item:
    try:
        return read_actuals(body)
    except RejectedError as error:
        return set_aside(item, error, body, rows=rows_of(body))
