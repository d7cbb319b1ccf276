"""Messages of several events beside what these share: the items in them, and parts that stand alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modelmon.errors import RejectedError
from modelmon.wire.fields import set_aside
from modelmon.wire.items import Item

_MOST_GROWTH = 4
"""Events that are set aside are messages of their own while all of them together are at most so many times
their message; else what they share would be kept once for each, which is the square of its size."""


@dataclass(frozen=True, slots=True)
class Parted:
    """A message of several events that was read.

    `found` has an entry for each event, `part` makes a message of those at some places, in which what they
    share takes so many `shared` bytes; `size` is that of the whole.
    """

    found: Sequence[Item | RejectedError]
    part: Callable[[Sequence[int]], bytes]
    shared: Callable[[], int]
    size: int


def items_of(parted: Parted, item: int) -> list[Item]:
    """The items of the message, the first one numbered `item`."""
    refused = _refused(parted)
    items: list[Item] = []
    for place, each in enumerate(parted.found):
        if not isinstance(each, RejectedError):
            items.append(each)
        elif place in refused:
            items.append(_set_aside(item + len(items), each, *refused[place]))
    return items


def items_alone(parted: Parted, items: Sequence[int]) -> list[tuple[list[int], bytes]]:
    """Messages without their neighbours for items that could be read: each with the items that are in it,
    one a message or all in one."""
    refused = _refused(parted)
    places = [
        place
        for place, each in enumerate(parted.found)
        if not isinstance(each, RejectedError) or place in refused
    ]
    numbers = {places[item]: item for item in items}
    return [([numbers[place] for place in group], body) for group, body in _alone(parted, list(numbers))]


def write_part(value: dict[str, Any]) -> bytes:
    """A message as JSON; RejectedError where it is nested too deeply."""
    # Python's encoder, because msgspec's writes NaN as null.
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return text.encode()
    except RecursionError:
        raise RejectedError("is nested too deeply", "values") from None
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(value, separators=(",", ":")).encode()


def _refused(parted: Parted) -> dict[int, tuple[bytes, int]]:
    """Place of an event that is set aside to its message, and how many events that holds."""
    places = [place for place, each in enumerate(parted.found) if isinstance(each, RejectedError)]
    return {group[0]: (body, len(group)) for group, body in _alone(parted, places)}


def _alone(parted: Parted, places: list[int]) -> list[tuple[list[int], bytes]]:
    if not places:
        return []
    if len(places) * parted.shared() > _MOST_GROWTH * parted.size:
        return [(places, parted.part(places))]
    return [([place], parted.part([place])) for place in places]


def _set_aside(item: int, error: RejectedError, body: bytes, rows: int) -> Item:
    if rows > 1:
        reason = f"{error.reason} (the first of {rows:,} rows of one micro-batch)"
        error = RejectedError(reason, error.field)
    return set_aside(item, error, body, rows=rows)
