"""Items of a message, each looked at by itself."""

from __future__ import annotations

from collections.abc import Collection

from modelmon.wire import read_message
from modelmon.wire.decoding import split_array
from modelmon.wire.events import part_message
from modelmon.wire.parting import items_alone


def item_bodies(body: bytes, numbers: Collection[int]) -> list[tuple[list[int], bytes]]:
    """The items of these numbers, events that could be read, as messages without their neighbours.

    Each message comes with its items' numbers: one, or several of a batch that are too large
    apart. The message is read once more, however many items are asked for.

    >>> item_bodies(b'[{"a":1},{"a":2},{"a":3}]', {1, 2})
    [([1], b'{"a":2}'), ([2], b'{"a":3}')]
    """
    text = body.removeprefix(b"\xef\xbb\xbf").strip()
    found: list[tuple[list[int], bytes]] = []
    first = 0
    for element in split_array(text) if text[:1] == b"[" else [text]:
        count = len(read_message(element)) if element[:1] == b"{" else 1
        inside = [number for number in range(count) if first + number in numbers]
        if inside:
            parts = [(inside, element)] if count == 1 else items_alone(part_message(element), inside)
            found += [([first + number for number in group], alone) for group, alone in parts]
        first += count
    return found
