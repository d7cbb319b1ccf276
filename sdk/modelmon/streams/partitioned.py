"""A stream made of partition logs that this process reads and writes itself (sqlite://, memory://)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Lock
from typing import Protocol
from zlib import crc32

from modelmon.errors import ConfigError, ModelMonError, RejectedError
from modelmon.model import Message
from modelmon.streams.base import POLL_MAX_BYTES, Consumer, Record, Stream


class PartitionLog(Protocol):
    """One partition. Errors are the port's: UnavailableError, ConfigError when it is gone."""

    def check(self, records: Sequence[Record]) -> None:
        """Raises RejectedError for a record that can't be stored."""

    def append(self, records: Sequence[Record]) -> None:
        """Add all records or none; durable when it returns."""

    def read(self, offset: int, max_messages: int, max_bytes: int) -> list[Message]:
        """The next messages from `offset` on; stops after the one that reaches `max_bytes` of bodies."""

    def end(self) -> int:
        """The offset after the newest message."""

    def committed(self, group: str) -> int | None:
        """The offset `group` reads next; None when it never committed."""

    def commit(self, group: str, offset: int) -> None:
        """Keep the offset `group` reads next."""

    def begin(self) -> int:
        """The offset of the oldest message that is kept; the end's when none is."""

    def groups(self) -> Collection[str]:
        """The groups that have committed."""

    def prune(self, before: int) -> None:
        """Forget the messages below this offset."""

    def size_bytes(self) -> int:
        """What the messages take."""

    def close(self) -> None:
        """Release what is held; twice is harmless."""


class PartitionedStream(Stream):
    """A stream over its partition logs; `join` makes a member of a group with logs of its own."""

    def __init__(
        self, url: str, stream_id: str, logs: Sequence[PartitionLog], join: Callable[[str], Consumer]
    ) -> None:
        self.url = url
        self._stream_id = stream_id
        self._logs = logs
        self._join = join
        self._closed = False
        # One transaction at a time on each connection, whatever threads our user has.
        self._lock = Lock()

    @property
    def stream_id(self) -> str:
        return self._stream_id

    @property
    def partitions(self) -> int:
        return len(self._logs)

    def publish(self, records: Sequence[Record], partition: int | None = None) -> None:
        parts = places_by_partition(records, self.partitions, partition)
        with self._lock:
            for number, places in parts.items():
                self._log(number).check([records[place] for place in places])
            self._append(records, parts)

    def _append(self, records: Sequence[Record], parts: Mapping[int, Sequence[int]]) -> None:
        published: set[int] = set()
        failure: ModelMonError | None = None
        for number, places in parts.items():
            try:
                self._log(number).append([records[place] for place in places])
                published.update(places)
            except ModelMonError as error:
                failure = failure or error
        if failure is not None:
            failure.published = frozenset(published)
            raise failure

    def consumer(self, group: str) -> Consumer:
        if not group:
            raise ConfigError(f"stream {self.url}: a consumer group needs a name")
        self._log(0)
        return self._join(group)

    def end_offsets(self) -> Mapping[int, int]:
        with self._lock:
            return {number: self._log(number).end() for number in range(self.partitions)}

    def committed(self, group: str) -> Mapping[int, int]:
        with self._lock:
            found = {number: self._log(number).committed(group) for number in range(self.partitions)}
        return {number: offset for number, offset in found.items() if offset is not None}

    def begin_offsets(self) -> Mapping[int, int]:
        with self._lock:
            return {number: self._log(number).begin() for number in range(self.partitions)}

    def groups(self) -> Collection[str]:
        with self._lock:
            return {group for number in range(self.partitions) for group in self._log(number).groups()}

    def read(self, partition: int, start: int, end: int, max_messages: int) -> Sequence[Message]:
        with self._lock:
            found = self._log(partition).read(start, max_messages, POLL_MAX_BYTES)
        return [message for message in found if message.offset < end]

    def prune(self, before: Mapping[int, int]) -> None:
        with self._lock:
            for number, offset in before.items():
                self._log(number).prune(offset)

    def size_bytes(self) -> int:
        with self._lock:
            return sum(self._log(number).size_bytes() for number in range(self.partitions))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for log in self._logs:
                log.close()

    def _log(self, number: int) -> PartitionLog:
        if self._closed:
            raise ConfigError(f"stream {self.url} was closed; open it again")
        if not 0 <= number < self.partitions:
            raise ConfigError(f"stream {self.url} has partitions 0 to {self.partitions - 1}, not {number}")
        return self._logs[number]


def places_by_partition(
    records: Sequence[Record], partitions: int, partition: int | None
) -> dict[int, list[int]]:
    """The places of each partition's records, in order; RejectedError if one can't be stored, before any is.

    >>> places_by_partition([("a", b"1"), ("f", b"2"), ("a", b"3")], 2, None)
    {1: [0, 2], 0: [1]}
    """
    parts: dict[int, list[int]] = {}
    for place, record in enumerate(records):
        hashed = _check_record(record)
        parts.setdefault(hashed % partitions if partition is None else partition, []).append(place)
    return parts


def _check_record(record: Record) -> int:
    key, body = record
    if not isinstance(body, bytes):
        raise RejectedError(f"expected bytes, got {type(body).__name__}", "body")
    try:
        return crc32(key.encode())
    except (AttributeError, UnicodeEncodeError) as error:
        raise RejectedError(f"expected text that UTF-8 can hold, got {key!r}", "key") from error
