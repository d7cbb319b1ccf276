"""Streams of this process alone, `memory://name`: the promises of the port without the disk, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from uuid import uuid4

from modelmon.errors import ConfigError
from modelmon.model import Message
from modelmon.secrecy import shown_address
from modelmon.settings import Settings
from modelmon.streams.base import Consumer, Record, Stream, absent
from modelmon.streams.group import join
from modelmon.streams.partitioned import PartitionedStream


class _Log:
    """What all that open one name share."""

    def __init__(self, partitions: int) -> None:
        self.stream_id = uuid4().hex
        self.parts: list[list[Record]] = [[] for _ in range(partitions)]
        self.first = [0] * partitions  # offset of parts[n][0]
        self.committed: dict[tuple[str, int], int] = {}
        self.members: dict[str, list[object]] = {}
        self.holders: dict[tuple[str, int], object] = {}
        self.lock = Lock()


_logs: dict[str, _Log] = {}
_logs_lock = Lock()


def open(url: str, partitions: int, settings: Settings, *, create: bool) -> Stream:  # noqa: A001 - the hook's name
    """Open the stream of this name in this process, or create it; no setting means anything here."""
    name = _name(url)
    if partitions < 1:
        raise ConfigError(f"stream {url}: at least 1 partition, got {partitions}")
    with _logs_lock:
        if not create and name not in _logs:
            raise absent(url)
        log = _logs.setdefault(name, _Log(partitions))

    def enter(group: str) -> Consumer:
        return join(group, _partitions(name, log), lambda: _Membership(name, log, group))

    return PartitionedStream(url, log.stream_id, _partitions(name, log), enter)


def delete(url: str) -> None:
    """Forget the stream: who holds it open gets a ConfigError, the next `open` makes it anew."""
    with _logs_lock:
        _logs.pop(_name(url), None)


def _name(url: str) -> str:
    name = url.removeprefix("memory:").strip("/")
    if not name:
        raise ConfigError(f"stream {shown_address(url)!r}: write memory://name")
    return name


def _check(name: str, log: _Log) -> None:
    if _logs.get(name) is not log:
        raise ConfigError(f"stream memory://{name} was deleted or made anew under us; open it again")


def _partitions(name: str, log: _Log) -> Sequence[_Partition]:
    return [_Partition(name, log, number) for number in range(len(log.parts))]


class _Partition:
    def __init__(self, name: str, log: _Log, number: int) -> None:
        self._name, self._log, self._number = name, log, number

    def check(self, records: Sequence[Record]) -> None:
        """Memory takes any record."""

    def append(self, records: Sequence[Record]) -> None:
        _check(self._name, self._log)
        with self._log.lock:
            self._log.parts[self._number].extend(records)

    def read(self, offset: int, max_messages: int, max_bytes: int) -> list[Message]:
        _check(self._name, self._log)
        messages = []
        with self._log.lock:
            first = self._log.first[self._number]
            start = max(0, offset - first)
            for place, (key, body) in enumerate(
                self._log.parts[self._number][start : start + max_messages], first + start
            ):
                messages.append(Message(self._number, place, key, body))
                max_bytes -= len(body)
                if max_bytes <= 0:
                    break
        return messages

    def end(self) -> int:
        _check(self._name, self._log)
        return self._log.first[self._number] + len(self._log.parts[self._number])

    def committed(self, group: str) -> int | None:
        _check(self._name, self._log)
        return self._log.committed.get((group, self._number))

    def commit(self, group: str, offset: int) -> None:
        if not 0 <= offset <= self.end():
            raise ConfigError(
                f"group {group!r} can't commit offset {offset}: memory://{self._name} ends at {self.end()}"
            )
        self._log.committed[group, self._number] = offset

    def begin(self) -> int:
        _check(self._name, self._log)
        return self._log.first[self._number]

    def groups(self) -> list[str]:
        return [group for group, number in self._log.committed if number == self._number]

    def size_bytes(self) -> int:
        with self._log.lock:
            return sum(len(body) for _, body in self._log.parts[self._number])

    def prune(self, before: int) -> None:
        _check(self._name, self._log)
        with self._log.lock:
            count = min(before - self._log.first[self._number], len(self._log.parts[self._number]))
            if count > 0:
                del self._log.parts[self._number][:count]
                self._log.first[self._number] += count

    def close(self) -> None:
        """Nothing is held."""


class _Membership:
    def __init__(self, name: str, log: _Log, group: str) -> None:
        self._name, self._log, self._group = name, log, group
        with log.lock:
            log.members.setdefault(group, []).append(self)

    def wanted(self) -> frozenset[int]:
        _check(self._name, self._log)
        with self._log.lock:
            members = self._log.members[self._group]
            return frozenset(range(len(self._log.parts))[members.index(self) :: len(members)])

    def acquire(self, partition: int) -> bool:
        with self._log.lock:
            return self._log.holders.setdefault((self._group, partition), self) is self

    def release(self, partition: int) -> None:
        with self._log.lock:
            del self._log.holders[self._group, partition]

    def close(self) -> None:
        with self._log.lock:
            if self not in self._log.members[self._group]:
                return
            self._log.members[self._group].remove(self)
            for place in [place for place, holder in self._log.holders.items() if holder is self]:
                del self._log.holders[place]
