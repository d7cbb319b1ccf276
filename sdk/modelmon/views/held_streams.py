"""Which consumer group keeps what should be gone from a stream: nothing goes that a group has to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.streams import Stream
from modelmon.streams.subscriptions import Subscription
from modelmon.upkeep.stream_retention import due, retention_of, slowest


@dataclass(frozen=True, slots=True)
class HeldStream:
    """So many `messages` of a stream are older, or more, than it is to keep, and `group` has them to read."""

    stream: str
    group: str
    messages: int


def held_streams(
    database: Database, stream: Stream, readers: Sequence[Subscription], settings: Settings, now_us: int
) -> Iterator[HeldStream]:
    """Each group that holds this stream back, of whoever reads it. Raises UnavailableError."""
    retention = retention_of(settings, readers[0])
    begins, ends = stream.begin_offsets(), stream.end_offsets()
    read = slowest(stream, [each.group for each in readers])
    held: Counter[str] = Counter()
    for partition, offset in due(database, stream, retention, begins, ends, now_us).items():
        group, reached = read[partition].group, max(read[partition].offset, begins[partition])
        held[group] += max(0, offset - reached)
    for group, messages in held.items():
        if messages:
            yield HeldStream(stream.url.rpartition("/")[2], group, messages)
