"""Events that were written elsewhere, under a publisher of their own: all else stays as it is written."""

from __future__ import annotations

from modelmon.errors import RejectedError
from modelmon.wire.decoding import decode_any
from modelmon.wire.identity import shown


def published_by(event: bytes, publisher_id: str, number: int) -> bytes:
    """A JSON object with this publisher in place of the one it has.

    Raises RejectedError for anything but a JSON object.

    >>> published_by(b'{"model": "delay"}', "file-1", 7)
    b'{"model": "delay","publisher":{"id":"file-1","number":7}}'
    """
    value = decode_any(event)
    if not isinstance(value, dict):
        raise RejectedError(f"an event is a JSON object, got {shown(value)}")
    head = event.rstrip()[:-1]
    comma = "," if value else ""
    # Of two fields of one name readers take the last.
    return head + f'{comma}"publisher":{{"id":"{publisher_id}","number":{number}}}}}'.encode()
