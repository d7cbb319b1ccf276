"""The plain messages of a batch, read at once; which ones are left to be looked at one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from operator import attrgetter

import numpy as np

from modelmon.model import Message
from modelmon.stages.stream.batch import Group
from modelmon.stages.stream.objections import objection_to_names
from modelmon.wire.decoding import REFUSED
from modelmon.wire.event_columns import EventColumns, in_a_row
from modelmon.wire.identity import Sender
from modelmon.wire.plain_events import PlainEvent, plain_decoders, read_alike, sender_of

_body_of, _offset_of, _endpoint_id_of = map(attrgetter, ("body", "offset", "endpoint_id"))
CHUNK_BYTES = 500_000
"""So much is decoded before it becomes columns: what was decoded is then still in the processor's cache."""


def read_plain(
    messages: Sequence[Message], horizon_us: int
) -> tuple[dict[str, EventColumns], Sequence[Message]]:
    """By endpoint what can be read at once, and the messages that are left.

    A message is read as a whole or left as a whole. What is read here would be read in the same way one by
    one: this is about speed alone.
    """
    reading = _Reading(horizon_us)
    for chunk in _chunks(messages):
        reading.decode(chunk)
        reading.make_columns()
    served, left = reading.served(), reading.left
    if not left:
        return served, ()
    return _without(served, left), [message for message in messages if message.offset in left]


def _chunks(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    size = sum(map(len, map(_body_of, messages)))
    count = max(1, len(messages) * CHUNK_BYTES // max(1, size))
    for start in range(0, len(messages), count):
        yield messages[start : start + count]


class _Reading:
    """What was decoded of one chunk, the columns of those before it, and the offsets of messages left."""

    def __init__(self, horizon_us: int) -> None:
        self.left: set[int] = set()
        self._horizon_us = horizon_us
        self._chunk: Group[PlainEvent] = Group()
        self._columns: list[EventColumns] = []
        self._endpoint_ids: list[str] = []
        self._senders: dict[str, Sender] = {}

    def served(self) -> dict[str, EventColumns]:
        """The columns of every endpoint."""
        if not self._columns:
            return {}
        return in_a_row(self._columns).split(self._endpoint_ids, self._senders)

    def decode(self, messages: Sequence[Message]) -> None:
        """Decode these messages, as many in one go as are plain events."""
        one, _ = plain_decoders()
        bodies, place = map(_body_of, messages), 0
        while place < len(messages):
            events: list[PlainEvent] = []
            with suppress(*REFUSED):
                events.extend(map(one, bodies))  # what came before one that is refused stays
            read = messages[place : place + len(events)]
            self._take_in(events, map(_offset_of, read), repeat(0, len(events)))
            place += len(events) + 1
            if place <= len(messages):
                self._decode_array(messages[place - 1])

    def make_columns(self) -> None:
        """Of the chunk: of all endpoints at once, or of each by itself where they are too unlike."""
        chunk, self._chunk = self._chunk, Group()
        if chunk.events and not self._is_made(chunk):
            for group in _by_endpoint(chunk):
                if not self._is_made(group):
                    self.left.update(group.offsets)

    def _is_made(self, group: Group[PlainEvent]) -> bool:
        columns = read_alike(group.events, group.offsets, group.items)
        if columns is None or self._may_be_refused(columns):
            return False
        endpoint_ids = list(map(_endpoint_id_of, group.events))
        for endpoint_id in dict.fromkeys(endpoint_ids):
            if endpoint_id not in self._senders:
                self._senders[endpoint_id] = sender_of(group.events[endpoint_ids.index(endpoint_id)])
        self._columns.append(columns)
        self._endpoint_ids += endpoint_ids
        return True

    def _decode_array(self, message: Message) -> None:
        _, several = plain_decoders()
        events: list[PlainEvent] = []
        if message.body[:1] != b"{":
            with suppress(*REFUSED):
                events = several(message.body)
        if not events:
            self.left.add(message.offset)
        self._take_in(events, repeat(message.offset, len(events)), range(len(events)))

    def _take_in(self, events: Sequence[PlainEvent], offsets: Iterable[int], items: Iterable[int]) -> None:
        self._chunk.events += events
        self._chunk.offsets += offsets
        self._chunk.items += items

    def _may_be_refused(self, columns: EventColumns) -> bool:
        own = set(zip(columns.input_names, columns.output_names, strict=True))
        return int(columns.when_us.max()) > self._horizon_us or any(
            objection_to_names(inputs or (), outputs or ()) for inputs, outputs in own
        )


def _by_endpoint(chunk: Group[PlainEvent]) -> Collection[Group[PlainEvent]]:
    groups: dict[str, Group[PlainEvent]] = {}
    for event, offset, item in zip(chunk.events, chunk.offsets, chunk.items, strict=True):
        group = groups.setdefault(event.endpoint_id, Group())
        group.events.append(event)
        group.offsets.append(offset)
        group.items.append(item)
    return groups.values()


def _without(served: Mapping[str, EventColumns], offsets: Collection[int]) -> dict[str, EventColumns]:
    others = {}
    for endpoint_id, columns in served.items():
        places = np.flatnonzero(~np.isin(columns.offsets, list(offsets)))
        if len(places):
            others[endpoint_id] = columns if len(places) == len(columns) else columns.take(places.tolist())
    return others
