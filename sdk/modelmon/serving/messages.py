"""Events into messages: so many of one endpoint in one."""

from __future__ import annotations

from modelmon.streams import Record
from modelmon.wire.batch_writing import BatchedEvent, write_message

MAX_BYTES = 512 * 1024
"""A message is cut before it grows beyond this; brokers refuse more than about a megabyte by default."""

Counted = tuple[Record, int]
"""A stream record and how many events it holds."""


class Messages:
    """Gathers encoded events by endpoint; each goes out alone where `batch` is 1."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._held: dict[str, list[bytes | BatchedEvent]] = {}
        self._sizes: dict[str, int] = {}
        self.held = 0

    def add(self, endpoint_id: str, event: bytes | BatchedEvent) -> list[Counted]:
        """Messages that are full now."""
        if self._batch == 1:
            return [((endpoint_id, write_message([event])), 1)]
        full = []
        if self._sizes.get(endpoint_id, 0) + len(event) > MAX_BYTES:
            full += self._cut(endpoint_id)
        held = self._held.setdefault(endpoint_id, [])
        held.append(event)
        self.held += 1
        self._sizes[endpoint_id] = self._sizes.get(endpoint_id, 0) + len(event)
        return full + (self._cut(endpoint_id) if len(held) >= self._batch else [])

    @property
    def held_bytes(self) -> int:
        """Bytes of the events that wait for their message to be full."""
        return sum(self._sizes.values())

    def rest(self) -> list[Counted]:
        """Messages of all that is held, full or not."""
        return [message for endpoint_id in list(self._held) for message in self._cut(endpoint_id)]

    def _cut(self, endpoint_id: str) -> list[Counted]:
        self._sizes.pop(endpoint_id, None)
        events = self._held.pop(endpoint_id, [])
        self.held -= len(events)
        if not events:
            return []
        return [((endpoint_id, write_message(events)), len(events))]
