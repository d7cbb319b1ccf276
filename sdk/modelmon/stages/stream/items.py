"""One item of a message as a message of its own, so that it can be sent again without its neighbours."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec

from modelmon.wire.decoding import decode_any
from modelmon.wire.identity import LONGEST_ID


def item_body(body: bytes, number: int) -> bytes:
    """The item of this number in a message that could be read: a single event, an array or a micro-batch.

    >>> item_body(b'[{"a":1},{"a":2}]', 1), item_body(b'{"headers":["a"],"values":[[1],[2]]}', 1)
    (b'{"a":2}', b'{"headers":["a"],"values":[[2]]}')
    """
    message = decode_any(body)
    if isinstance(message, dict) and "values" not in message:
        return body
    for element in message if isinstance(message, list) else [message]:
        items = len(element["values"]) if isinstance(element.get("values"), list) else 1
        if number < items:
            return _encode(_alone(element, number))
        number -= items
    raise IndexError(f"the message has fewer than {number + 1} items")


def publisher_of(body: bytes) -> tuple[str, int] | None:
    """The publisher and number of an item that was rejected, so that it does not count as lost as well."""
    try:
        publisher = msgspec.json.decode(body, type=_Published).publisher
    except msgspec.MsgspecError:
        return None
    return (publisher.id, publisher.number) if 0 < publisher.number < 2**63 else None


class _Publisher(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID, pattern="^[^\\x00]*$")]
    number: int


class _Published(msgspec.Struct):
    publisher: _Publisher


def _alone(element: dict[str, Any], number: int) -> dict[str, Any]:
    rows = element.get("values")
    return {**element, "values": [rows[number]]} if isinstance(rows, list) else element


def _encode(value: Any) -> bytes:
    # Not msgspec, which writes NaN as null.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
