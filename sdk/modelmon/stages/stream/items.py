"""One item of a message as a message of its own, so that it can be sent again without its neighbours."""

from __future__ import annotations

import json
from typing import Any

from modelmon.wire.decoding import decode_any


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


def _alone(element: dict[str, Any], number: int) -> dict[str, Any]:
    rows = element.get("values")
    return {**element, "values": [rows[number]]} if isinstance(rows, list) else element


def _encode(value: Any) -> bytes:
    # Not msgspec, which writes NaN as null.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
