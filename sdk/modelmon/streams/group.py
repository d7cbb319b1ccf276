"""One member of a consumer group over partition logs: who reads what, from where, until when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event, Lock
from time import monotonic
from typing import Protocol

from modelmon.errors import ConfigError, ModelMonError
from modelmon.model import Message
from modelmon.streams.base import POLL_MAX_BYTES, Consumer
from modelmon.streams.partitioned import PartitionLog

CHECK_SECONDS = 0.2
"""How often a member looks for others that came or died."""
HANDOVER_SECONDS = 10.0
"""How long a partition that another member shall have waits for the commit of what was delivered."""
FIRST_SLEEP_SECONDS, LONGEST_SLEEP_SECONDS = 0.001, 0.05
"""An idle poll looks again after this long, doubling: wakes soon, costs next to nothing."""


class Membership(Protocol):
    """One member's place in its group."""

    def wanted(self) -> frozenset[int]:
        """The partitions this member shall have, given who is alive now."""

    def acquire(self, partition: int) -> bool:
        """Take a partition for oneself; False while another member holds it."""

    def release(self, partition: int) -> None:
        """Let the next member have a partition."""

    def close(self) -> None:
        """Release everything and leave; twice is harmless."""


class GroupConsumer(Consumer):
    """Reads the partitions that its membership gives it.

    A partition that another member shall have is delivered no further and leaves `assignment` at once,
    but stays ours until what was delivered is committed (or HANDOVER_SECONDS have passed: it is
    dropped, and comes again at its next owner). Once handed on, commits for it are refused.
    `commit` and `close` may be called from another thread while `poll` waits.
    """

    def __init__(self, group: str, logs: Sequence[PartitionLog], membership: Membership) -> None:
        self._group = group
        self._logs = logs
        self._membership = membership
        self._wanted: frozenset[int] = frozenset()
        self._positions: dict[int, int] = {}  # of every partition we hold: the offset to deliver next
        self._committed: dict[int, int] = {}  # of the same: the offset committed
        self._leaving: dict[int, float] = {}  # held, but for another member: until when we wait
        self._next_check = 0.0
        self._sleep = FIRST_SLEEP_SECONDS
        self._turn = 0
        self._lock = Lock()
        self._closed = Event()

    def poll(self, max_messages: int, timeout_seconds: float) -> Sequence[Message]:
        if self._closed.is_set():
            raise ConfigError(f"the consumer of group {self._group!r} was closed; make another one")
        deadline = monotonic() + timeout_seconds
        while True:
            messages = self._poll_once(max_messages)
            left = deadline - monotonic()
            if messages or left <= 0 or self._closed.wait(min(self._sleep, left)):
                return messages
            self._sleep = min(2 * self._sleep, LONGEST_SLEEP_SECONDS)

    def commit(self, offsets: Mapping[int, int]) -> None:
        with self._lock:
            for partition, offset in offsets.items():
                if partition in self._positions:
                    self._logs[partition].commit(self._group, offset)
                    self._committed[partition] = offset
            self._hand_on(monotonic())

    @property
    def assignment(self) -> frozenset[int]:
        return frozenset(self._positions) - frozenset(self._leaving)

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            self._positions.clear()
            self._leaving.clear()
            self._membership.close()
            for log in self._logs:
                log.close()

    def _poll_once(self, max_messages: int) -> list[Message]:
        with self._lock:
            if self._closed.is_set():
                return []
            self._rebalance(monotonic())
            messages = self._read(max_messages)
        if messages:
            self._sleep = FIRST_SLEEP_SECONDS
        return messages

    def _rebalance(self, now: float) -> None:
        if now >= self._next_check:
            self._wanted = self._membership.wanted()
            self._next_check = now + CHECK_SECONDS
        for partition in self._positions:
            if partition in self._wanted:
                self._leaving.pop(partition, None)
            else:
                self._leaving.setdefault(partition, now + HANDOVER_SECONDS)
        self._hand_on(now)
        for partition in self._wanted - self._positions.keys():
            self._take(partition)

    def _hand_on(self, now: float) -> None:
        for partition, until in list(self._leaving.items()):
            if now >= until or self._committed[partition] >= self._positions[partition]:
                self._membership.release(partition)
                del self._leaving[partition], self._positions[partition], self._committed[partition]

    def _take(self, partition: int) -> None:
        if not self._membership.acquire(partition):
            return
        try:
            start = self._start(self._logs[partition])
        except ModelMonError:
            self._membership.release(partition)
            raise
        self._positions[partition] = self._committed[partition] = start

    def _start(self, log: PartitionLog) -> int:
        start, end = log.committed(self._group) or 0, log.end()
        if start > end:
            raise ConfigError(
                f"group {self._group!r} has committed offset {start}, but the stream ends at {end}: it was "
                "restored from an older copy; delete the stream, or restore the newer one"
            )
        return start

    def _read(self, max_messages: int) -> list[Message]:
        messages: list[Message] = []
        positions: dict[int, int] = {}
        room = POLL_MAX_BYTES
        for partition in self._in_turn():
            if len(messages) >= max_messages or room <= 0:
                break
            found = self._logs[partition].read(self._positions[partition], max_messages - len(messages), room)
            if found:
                messages += found
                positions[partition] = found[-1].offset + 1
                room -= sum(len(message.body) for message in found)
        # Only now: an error in a later partition must not skip what was read from an earlier one.
        self._positions.update(positions)
        return messages

    def _in_turn(self) -> list[int]:
        """The partitions assigned, each first in turn, so that a busy one does not starve the others."""
        numbers = sorted(self.assignment)
        self._turn += 1
        first = self._turn % len(numbers) if numbers else 0
        return numbers[first:] + numbers[:first]


def join(group: str, logs: Sequence[PartitionLog], enter: Callable[[], Membership]) -> GroupConsumer:
    """A new member; the logs are closed again if it can't enter the group."""
    try:
        return GroupConsumer(group, logs, enter())
    except ModelMonError:
        for log in logs:
            log.close()
        raise
