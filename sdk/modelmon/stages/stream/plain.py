"""The plain messages of a batch, read at once; which ones are left to be looked at one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter

import numpy as np

from modelmon.model import Message
from modelmon.stages.stream.batch import Group
from modelmon.stages.stream.objections import objection_to_names
from modelmon.wire.decoding import REFUSED
from modelmon.wire.event_columns import EventColumns, joined
from modelmon.wire.plain_events import PlainEvent, plain_decoders, read_alike

_body_of, _offset_of, _endpoint_id_of = map(attrgetter, ("body", "offset", "endpoint_id"))
CHUNK_BYTES = 500_000
"""So much is decoded before it becomes columns: what was decoded is then still in the processor's cache."""
CHUNK_EVENTS = 200
"""An endpoint with fewer events waits for more: making columns of any number costs as much as many events."""


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
        reading.make_columns(CHUNK_EVENTS)
    reading.make_columns(1)
    served = {endpoint_id: joined(parts) for endpoint_id, parts in reading.columns.items()}
    left = reading.left
    if not left:
        return served, ()
    return _without(served, left), [message for message in messages if message.offset in left]


def _chunks(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    size = sum(map(len, map(_body_of, messages)))
    count = max(1, len(messages) * CHUNK_BYTES // max(1, size))
    for start in range(0, len(messages), count):
        yield messages[start : start + count]


class _Reading:
    """What was decoded so far, by endpoint, and the offsets of the messages that are left."""

    def __init__(self, horizon_us: int) -> None:
        self.columns: dict[str, list[EventColumns]] = {}
        self.left: set[int] = set()
        self._horizon_us = horizon_us
        self._groups: dict[str, Group[PlainEvent]] = {}

    def decode(self, messages: Sequence[Message]) -> None:
        """Decode these messages, as many in one go as are plain events."""
        one, _ = plain_decoders()
        bodies, place = map(_body_of, messages), 0
        while place < len(messages):
            events: list[PlainEvent] = []
            with suppress(*REFUSED):
                events.extend(map(one, bodies))  # what came before one that is refused stays
            read = messages[place : place + len(events)]
            self._sort_in(events, list(map(_offset_of, read)), [0] * len(events))
            place += len(events) + 1
            if place <= len(messages):
                self._decode_array(messages[place - 1])

    def make_columns(self, least: int) -> None:
        """Of each endpoint that has at least so many events."""
        for endpoint_id, group in list(self._groups.items()):
            if len(group.events) < least:
                continue
            del self._groups[endpoint_id]
            columns = read_alike(group.events, group.offsets, group.items)
            if columns is None or self._may_be_refused(columns):
                self.left.update(group.offsets)
            else:
                self.columns.setdefault(endpoint_id, []).append(columns)

    def _decode_array(self, message: Message) -> None:
        _, several = plain_decoders()
        events: list[PlainEvent] = []
        if message.body[:1] != b"{":
            with suppress(*REFUSED):
                events = several(message.body)
        if not events:
            self.left.add(message.offset)
        self._sort_in(events, [message.offset] * len(events), range(len(events)))

    def _sort_in(self, events: Sequence[PlainEvent], offsets: Sequence[int], items: Iterable[int]) -> None:
        groups, endpoint_ids = self._groups, list(map(_endpoint_id_of, events))
        if events and endpoint_ids.count(endpoint_ids[0]) == len(events):  # faster than one by one
            whole = groups.setdefault(endpoint_ids[0], Group())
            whole.events += events
            whole.offsets += offsets
            whole.items += items
            return
        for event, offset, item in zip(events, offsets, items, strict=True):
            group = groups.get(event.endpoint_id)
            if group is None:
                group = groups[event.endpoint_id] = Group()
            group.events.append(event)
            group.offsets.append(offset)
            group.items.append(item)

    def _may_be_refused(self, columns: EventColumns) -> bool:
        own = set(zip(columns.input_names, columns.output_names, strict=True))
        return int(columns.when_us.max()) > self._horizon_us or any(
            objection_to_names(inputs or (), outputs or ()) for inputs, outputs in own
        )


def _without(served: Mapping[str, EventColumns], offsets: Collection[int]) -> dict[str, EventColumns]:
    others = {}
    for endpoint_id, columns in served.items():
        places = np.flatnonzero(~np.isin(columns.offsets, list(offsets)))
        if len(places):
            others[endpoint_id] = columns if len(places) == len(columns) else columns.take(places.tolist())
    return others
