"""A back-end for tests, `flaky://name`: memory streams that can be down or do something around a publish."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from modelmon.errors import UnavailableError
from modelmon.model import Message
from modelmon.settings import Settings
from modelmon.streams import memory
from modelmon.streams.base import Consumer, Record, Stream

DOWN: set[str] = set()
"""Names of streams that can't be reached."""
AFTER_PUBLISH: dict[str, Callable[[], None]] = {}
"""What happens when a publish to the stream of this name has become durable."""


def open(url: str, partitions: int, settings: Settings, *, create: bool) -> Stream:  # noqa: A001 - the hook's name
    real = memory.open(url.replace("flaky://", "memory://"), partitions, settings, create=create)
    return FlakyStream(url, real)


class FlakyStream(Stream):
    def __init__(self, url: str, real: Stream) -> None:
        self.url = url
        self._real = real
        self._name = url.rpartition("/")[2]

    def _check(self) -> Stream:
        if self._name in DOWN:
            raise UnavailableError(f"stream {self._name} is down")
        return self._real

    @property
    def stream_id(self) -> str:
        return self._real.stream_id

    @property
    def partitions(self) -> int:
        return self._real.partitions

    def publish(self, records: Sequence[Record], partition: int | None = None) -> None:
        self._check().publish(records, partition)
        AFTER_PUBLISH.get(self._name, lambda: None)()

    def consumer(self, group: str) -> Consumer:
        return self._check().consumer(group)

    def end_offsets(self) -> Mapping[int, int]:
        return self._check().end_offsets()

    def committed(self, group: str) -> Mapping[int, int]:
        return self._check().committed(group)

    def begin_offsets(self) -> Mapping[int, int]:
        return self._check().begin_offsets()

    def read(self, partition: int, start: int, end: int, max_messages: int) -> Sequence[Message]:
        return self._check().read(partition, start, end, max_messages)

    def groups(self) -> Collection[str]:
        return self._check().groups()

    def prune(self, before: Mapping[int, int]) -> None:
        self._check().prune(before)

    def size_bytes(self) -> int | None:
        return self._check().size_bytes()

    def close(self) -> None:
        self._real.close()


class Killed(BaseException):
    """Ends a tick as `kill -9` would: nobody catches it."""


def kill(*_: Any) -> None:
    raise Killed
