"""The plain messages of a batch, read at once; which ones are left to be looked at one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from modelmon.model import Message
from modelmon.stages.stream.batch import Group
from modelmon.stages.stream.objections import objection_to_names
from modelmon.wire.checked_columns import distinct
from modelmon.wire.decoding import REFUSED
from modelmon.wire.event_columns import EventColumns, in_a_row, joined
from modelmon.wire.identity import Sender
from modelmon.wire.plain_batches import PlainBatch, decode_batches, is_batch, read_batches
from modelmon.wire.plain_events import PlainEvent, plain_decoders, read_alike, sender_of
from modelmon.wire.rows import Names

_body_of, _offset_of, _endpoint_id_of = map(attrgetter, ("body", "offset", "endpoint_id"))
CHUNK_BYTES = 500_000
"""So much is decoded before it becomes columns: what was decoded is then still in the processor's cache.
Packed numbers have no objects to lose from there: they become columns at the end, with one copy less."""
FEW_BATCHES = 32
"""So many batches are tried at once where one of more can't be read with others."""


class Left(NamedTuple):
    """A message that is left, or of one that was read the item of this number."""

    message: Message
    item: int
    body: bytes


def whole(message: Message) -> Left:
    """All of a message."""
    return Left(message, 0, message.body)


def read_plain(
    messages: Sequence[Message], horizon_us: int
) -> tuple[dict[str, EventColumns], Sequence[Left]]:
    """By endpoint what can be read at once, and what is left, in its order.

    A message is read as a whole or left as a whole, but for what stands beside columnar batches. What is read
    here would be read in the same way one by one: this is about speed alone.
    """
    reading = _Reading(horizon_us)
    for chunk in _chunks(messages):
        reading.decode(chunk)
        reading.make_columns()
    served, left, beside = reading.served(), reading.left, reading.beside
    if not left and not beside:
        return served, ()
    return _without(served, left) if left else served, list(_left(messages, left, beside))


def _left(
    messages: Sequence[Message],
    whole_ones: Collection[int],
    beside: Mapping[int, Sequence[tuple[int, bytes]]],
) -> Iterator[Left]:
    for message in messages:
        if message.offset in whole_ones:
            yield whole(message)
        else:
            yield from (Left(message, item, body) for item, body in beside.get(message.offset, ()))


def _chunks(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    size = sum(map(len, map(_body_of, messages)))
    count = max(1, len(messages) * CHUNK_BYTES // max(1, size))
    for start in range(0, len(messages), count):
        yield messages[start : start + count]


class _Reading:
    """What was decoded of one chunk, the columns of those before it, and the offsets of messages left."""

    def __init__(self, horizon_us: int) -> None:
        self.left: set[int] = set()
        self.beside: dict[int, list[tuple[int, bytes]]] = {}
        self._horizon_us = horizon_us
        self._chunk: Group[PlainEvent] = Group()
        self._batches: list[tuple[int, PlainBatch]] = []
        self._packed: list[tuple[int, PlainBatch]] = []
        self._columns: list[EventColumns] = []
        self._endpoint_ids: list[str] = []
        self._senders: dict[str, tuple[int, Sender]] = {}
        self._is_mixed = False

    def served(self) -> dict[str, EventColumns]:
        """The columns of every endpoint."""
        self._make(self._packed)
        if not self._columns:
            return {}
        senders = {endpoint_id: sender for endpoint_id, (_, sender) in self._senders.items()}
        found = in_a_row(self._columns).split(self._endpoint_ids, senders)
        if self._is_mixed:
            found = {endpoint_id: joined([columns]) for endpoint_id, columns in found.items()}
        return found

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
                self._decode_several(messages[place - 1])
            while place < len(messages) and is_batch(messages[place].body):
                self._decode_several(messages[place])
                next(bodies)
                place += 1

    def make_columns(self) -> None:
        """Of the chunk: of all endpoints at once, or of each by itself where they are too unlike."""
        chunk, self._chunk = self._chunk, Group()
        batches, self._batches = self._batches, []
        if chunk.events and not self._is_made(chunk):
            for group in _by_endpoint(chunk):
                if not self._is_made(group):
                    self.left.update(group.offsets)
        self._make(batches)

    def _make(self, batches: Sequence[tuple[int, PlainBatch]]) -> None:
        """Of all these at once, or of as many as can be."""
        if not batches or self._are_made(batches):
            return
        if len(batches) == 1:
            self.left.add(batches[0][0])
            return
        step = FEW_BATCHES if len(batches) > FEW_BATCHES else 1
        for start in range(0, len(batches), step):
            self._make(batches[start : start + step])

    def _is_made(self, group: Group[PlainEvent]) -> bool:
        columns = read_alike(group.events, group.offsets, group.items)
        endpoint_ids = list(map(_endpoint_id_of, group.events))
        return self._add(columns, endpoint_ids, lambda place: sender_of(group.events[place]))

    def _are_made(self, batches: Sequence[tuple[int, PlainBatch]]) -> bool:
        columns = read_batches([batch for _, batch in batches], [offset for offset, _ in batches])
        endpoint_ids: list[str] = []
        senders: dict[str, Sender] = {}
        for _, batch in batches:
            senders.setdefault(batch.sender.endpoint_id, batch.sender)
            endpoint_ids += [batch.sender.endpoint_id] * batch.length
        return self._add(columns, endpoint_ids, lambda place: senders[endpoint_ids[place]])

    def _add(
        self,
        columns: EventColumns | None,
        endpoint_ids: Sequence[str],
        sender_at: Callable[[int], Sender],
    ) -> bool:
        if columns is None or self._may_be_refused(columns):
            return False
        if self._columns and columns.offsets[0] <= self._columns[-1].offsets[-1]:
            self._is_mixed = True  # they are not in the order they came
        for endpoint_id in dict.fromkeys(endpoint_ids):
            if endpoint_id not in self._senders or self._is_mixed:
                place = endpoint_ids.index(endpoint_id)
                found = int(columns.offsets[place]), sender_at(place)
                self._senders[endpoint_id] = min(self._senders.get(endpoint_id, found), found)
        self._columns.append(columns)
        self._endpoint_ids += endpoint_ids
        return True

    def _decode_several(self, message: Message) -> None:
        """An array of plain events, or plain columnar batches; anything else is left."""
        _, several = plain_decoders()
        events: list[PlainEvent] = []
        batches, others = decode_batches(message.body)
        if not batches and message.body[:1] != b"{":
            with suppress(*REFUSED):
                events = several(message.body)
        if not batches and not events:
            self.left.add(message.offset)
        if others:
            self.beside[message.offset] = others
        for batch in batches:
            (self._packed if batch.is_packed else self._batches).append((message.offset, batch))
        self._take_in(events, repeat(message.offset, len(events)), range(len(events)))

    def _take_in(self, events: Sequence[PlainEvent], offsets: Iterable[int], items: Iterable[int]) -> None:
        self._chunk.events += events
        self._chunk.offsets += offsets
        self._chunk.items += items

    def _may_be_refused(self, columns: EventColumns) -> bool:
        return int(columns.when_us.max()) > self._horizon_us or any(
            objection_to_names(inputs or (), outputs or ()) for inputs, outputs in _names(columns)
        )


def _names(columns: EventColumns) -> Collection[tuple[Names, Names]]:
    """The names that events bring, each pair once."""
    inputs, outputs = columns.input_names, columns.output_names
    if len(distinct(inputs)) == 1 == len(distinct(outputs)):
        return [(inputs[0], outputs[0])]
    return set(zip(inputs, outputs, strict=True))


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
