"""Retention of streams: what every group has read goes once it is old, or earlier where the disk is short."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from modelmon.ledger import stream_marks
from modelmon.ledger.batches import positions
from modelmon.model import HOUR_US
from modelmon.settings import KAFKA, Settings
from modelmon.sql.database import Database
from modelmon.streams.base import Stream
from modelmon.streams.kafka_settings import KafkaSettings
from modelmon.streams.subscriptions import Subscription

MARKS = 72
"""So many marks divide the time that messages are kept: they go at most a part of it too late."""
MARKS_KEPT_US = 30 * 24 * HOUR_US
STEP = 50_000
"""Messages of a partition that go in one call, between two looks at the deadline."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a stream keeps what all have read, and how many bytes of it; 0: no limit.

    A stream that was named by URL belongs to others too: nothing of it is deleted.
    """

    hours: float
    max_bytes: int

    def __bool__(self) -> bool:
        return bool(self.hours or self.max_bytes)


@dataclass(frozen=True, slots=True)
class Slowest:
    """The group that has read least of a partition, and the offset that it reads next."""

    group: str
    offset: int


def retention_of(settings: Settings, read: Subscription) -> Retention:
    """What the settings say of this stream."""
    if read.named_by_url:
        return Retention(0, 0)
    if read.url.startswith(KAFKA):
        return Retention(settings.of(KafkaSettings).kafka_retention_hours, 0)
    return Retention(settings.stream_retention_hours, settings.stream_max_bytes)


def slowest(stream: Stream, readers: Iterable[str]) -> dict[int, Slowest]:
    """Per partition who has read least: of the groups that have committed something, whoever they belong
    to, and of the `readers` that should, at least one. One that never committed has read nothing."""
    committed = {group: stream.committed(group) for group in sorted({*readers, *stream.groups()})}
    return {
        partition: min(
            (Slowest(group, offsets.get(partition, 0)) for group, offsets in committed.items()),
            key=lambda each: each.offset,
        )
        for partition in range(stream.partitions)
    }


def due(
    database: Database,
    stream: Stream,
    retention: Retention,
    begins: Mapping[int, int],
    ends: Mapping[int, int],
    now_us: int,
) -> dict[int, int]:
    """Per partition the offset below which messages are older than `retention`, or more than it allows."""
    wanted = _too_many(stream, retention.max_bytes, begins, ends)
    if not retention.hours:
        return wanted
    before_us = now_us - round(retention.hours * HOUR_US)
    with database.read() as connection:
        old = stream_marks.published_before(connection, stream.stream_id, before_us)
    return {partition: max(offset, old.get(partition, 0)) for partition, offset in wanted.items()}


def prune_stream(
    database: Database,
    stream: Stream,
    readers: Collection[str],
    retention: Retention,
    now_us: int,
    deadline: float,
) -> int:
    """Delete what every group has read and what is older than `retention`, or more than it allows.

    Returns how many messages went. Stops at `deadline` (of `time.monotonic`); the next call goes on.
    """
    begins, ends = stream.begin_offsets(), stream.end_offsets()
    if retention.hours:
        every_us = round(retention.hours * HOUR_US) // MARKS
        with database.write() as connection:
            stream_marks.note(connection, stream.stream_id, ends, now_us, every_us)
    wanted = due(database, stream, retention, begins, ends, now_us)
    read = slowest(stream, readers)
    known = _applied(database, stream.stream_id)
    allowed = {
        partition: min(offset, read[partition].offset, known.get(partition, offset))
        for partition, offset in wanted.items()
    }
    pruned = _prune(stream, begins, allowed, deadline)
    with database.write() as connection:
        stream_marks.forget(connection, stream.stream_id, allowed)
        stream_marks.forget_before(connection, now_us - MARKS_KEPT_US - round(retention.hours * HOUR_US))
    return pruned


def _applied(database: Database, stream_id: str) -> dict[int, int]:
    """Per partition the offset below which the records know everything, where they speak of the stream at
    all: after a restored backup that is less than groups have read."""
    with database.read() as connection:
        found = positions(connection)
    return {each.partition: each.applied + 1 for each in found if each.stream_id == stream_id}


def _too_many(
    stream: Stream, max_bytes: int, begins: Mapping[int, int], ends: Mapping[int, int]
) -> dict[int, int]:
    """Per partition the offset below which messages have to go for the stream to keep to `max_bytes`: of
    each the same share, the oldest."""
    size = stream.size_bytes() if max_bytes else None
    share = 0.0 if size is None or size <= max_bytes else 1 - max_bytes / size
    return {
        partition: first + round((ends[partition] - first) * share) for partition, first in begins.items()
    }


def _prune(stream: Stream, begins: Mapping[int, int], below: Mapping[int, int], deadline: float) -> int:
    pruned = 0
    for partition, offset in below.items():
        reached = begins[partition]
        while reached < offset and time.monotonic() < deadline:
            step = min(offset, reached + STEP)
            stream.prune({partition: step})
            pruned += step - reached
            reached = step
    return pruned
