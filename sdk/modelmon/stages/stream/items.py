"""One item of a message, looked at by itself."""

from __future__ import annotations

import json

from modelmon.wire import read_message
from modelmon.wire.decoding import decode_any, split_array


def item_body(body: bytes, number: int) -> bytes:
    """The item of this number, an event that could be read, as a message without its neighbours.

    >>> item_body(b'[{"a":1},{"a":2}]', 1)
    b'{"a":2}'
    """
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    for element in split_array(text) if text[:1] == b"[" else [text]:
        items = len(read_message(element)) if element[:1] == b"{" else 1
        if number < items:
            return element if items == 1 else _micro_row(element, number)
        number -= items
    raise IndexError(f"the message ends {number + 1} items before this one")


def _micro_row(body: bytes, row: int) -> bytes:
    message = decode_any(body)
    alone = {**message, "values": [message["values"][row]]}
    # Not msgspec, which writes NaN as null.
    return json.dumps(alone, ensure_ascii=False, separators=(",", ":")).encode()
