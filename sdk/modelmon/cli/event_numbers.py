"""Numbers for recorded events, so that one that is published again counts once."""

from __future__ import annotations

from collections import Counter

from modelmon.errors import RejectedError
from modelmon.model import UNKNOWN_ENDPOINT
from modelmon.streams import Record
from modelmon.wire import Actuals, BatchComplete, ErrorEvent, Item, NopEvent, ServingEvent, read_message
from modelmon.wire.decoding import split_array
from modelmon.wire.numbering import published_by


class Numbering:
    """Gives the events of one file numbers of one publisher, from 1 for each endpoint, in their order."""

    def __init__(self, publisher_id: str) -> None:
        self._publisher_id = publisher_id
        self._numbers = Counter[str]()
        self._spans: dict[str, tuple[int, int]] = {}

    def record(self, body: bytes) -> Record:
        """The message of a line. Raises RejectedError for what can be no event."""
        if body[:1] != b"[":
            return key_of(body), self._numbered(body)
        elements = split_array(body)
        if not elements:
            raise RejectedError("holds no event: the array is empty")
        return key_of(elements[0]), b"[" + b",".join(map(self._numbered, elements)) + b"]"

    def completions(self) -> list[BatchComplete]:
        """For each endpoint of the file, that this is all there is of it."""
        return [BatchComplete(endpoint_id, *span) for endpoint_id, span in self._spans.items()]

    def _numbered(self, event: bytes) -> bytes:
        items = read_message(event)
        if isinstance(items[0], BatchComplete | NopEvent | Actuals):  # an actual replaces itself
            return event
        numbered = published_by(event, self._publisher_id, self._numbers[items[0].endpoint_id] + 1)
        for item in items:
            self._note_time(item)
        self._numbers[items[0].endpoint_id] += sum(getattr(item, "rows", 1) for item in items)
        return numbered

    def _note_time(self, item: Item) -> None:
        if isinstance(item, ServingEvent | ErrorEvent):
            first_us, last_us = self._spans.get(item.endpoint_id, (item.when_us, item.when_us))
            self._spans[item.endpoint_id] = min(first_us, item.when_us), max(last_us, item.when_us)


def key_of(body: bytes) -> str:
    """The endpoint that a message speaks of first, "" when it can't be read."""
    endpoint_id: str = getattr(read_message(body)[0], "endpoint_id", UNKNOWN_ENDPOINT)
    return "" if endpoint_id == UNKNOWN_ENDPOINT else endpoint_id
