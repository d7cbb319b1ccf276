"""One member of a Kafka consumer group: Kafka says who reads what, we say when a partition may go.

kafka-python takes part in a rebalance only inside `poll`, so a thread of our own polls, into buffers,
whatever our user is busy with. When a rebalance is due it waits until what was delivered is committed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from threading import Condition, Event, Lock, Thread
from typing import Any

from kafka import AsyncConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition, errors
from kafka.coordinator.assignors.range import RangePartitionAssignor

from modelmon.errors import ConfigError, ModelMonError, UnavailableError
from modelmon.model import Message
from modelmon.streams.base import POLL_MAX_BYTES, Consumer
from modelmon.streams.group import HANDOVER_SECONDS
from modelmon.streams.kafka_address import KafkaAddress
from modelmon.streams.kafka_client import CLIENT_ERRORS, connect, leave, port_error
from modelmon.streams.kafka_options import timeout_milliseconds
from modelmon.streams.kafka_range import read_record
from modelmon.streams.kafka_settings import KafkaSettings
from modelmon.streams.kafka_topic import KafkaTopic

CHECK_SECONDS = 0.5
"""How often a poll without messages looks whether the topic is still the one that was opened."""
READ_SECONDS, WAIT_SECONDS = 0.2, 0.02
READ_RECORDS = 1_000
BUFFER_RECORDS, BUFFER_BYTES = 5_000, POLL_MAX_BYTES
HEARTBEAT_SECONDS = 1.0
_LOST = (
    errors.CommitFailedError,
    errors.RebalanceInProgressError,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
)
"""A commit that came after the partition went to another member."""


class KafkaGroupConsumer(Consumer):
    """Reads the partitions that Kafka gives to this member of the group.

    In a rebalance every partition leaves every member, and mostly comes back: `assignment` is empty from
    the moment that one is due. `topic` is this consumer's own and is closed with it.
    """

    def __init__(self, address: KafkaAddress, settings: KafkaSettings, topic: KafkaTopic, group: str) -> None:
        self._address = address
        self._settings = settings
        self._topic = topic
        self._group = group
        self._buffers: dict[int, deque[Message]] = {}
        self._buffered_bytes = 0
        self._delivered: dict[int, int] = {}  # per partition that is ours: the offset to deliver next
        self._committed: dict[int, int] = {}  # of the same: the offset committed
        self._assigned: frozenset[int] = frozenset()
        self._is_started = False  # reading begins where the group is
        self._is_leaving = False  # a rebalance is due
        self._turn = 0
        self._next_check = 0.0
        self._error: ModelMonError | None = None
        self._changed = Condition()
        self._committing = Lock()
        self._closed = Event()
        try:
            self._consumer = self._connect()
        except CLIENT_ERRORS as error:
            topic.close()
            raise port_error(error, address, settings, f"join group {group!r}") from error
        self._reader = Thread(target=self._read, name=f"kafka-{address.topic}", daemon=True)
        self._reader.start()

    def poll(self, max_messages: int, timeout_seconds: float) -> Sequence[Message]:
        if self._closed.is_set():
            raise ConfigError(f"the consumer of group {self._group!r} was closed; make another one")
        deadline = time.monotonic() + timeout_seconds
        while True:
            self._check()
            with self._changed:
                messages = self._take(max_messages)
                left = deadline - time.monotonic()
                if messages or left <= 0 or self._closed.is_set():
                    return messages
                self._changed.wait(min(left, CHECK_SECONDS))

    def commit(self, offsets: Mapping[int, int]) -> None:
        with self._committing:
            if self._closed.is_set():
                return
            self._topic.check()
            with self._changed:
                held = {
                    partition: offset for partition, offset in offsets.items() if partition in self._assigned
                }
            if held:
                self._check_range(held)
                self._write(held)

    @property
    def assignment(self) -> frozenset[int]:
        return frozenset() if self._is_leaving else self._assigned

    def close(self) -> None:
        with self._changed:
            self._closed.set()
            self._changed.notify_all()
        self._reader.join()
        with self._committing:
            # When the broker is down the group misses us after the session timeout.
            consumer, timeout_ms = self._consumer, timeout_milliseconds(self._settings)
            leave(lambda: consumer.close(autocommit=False, timeout_ms=timeout_ms), consumer._client)
            self._topic.close()

    # What our user's thread does

    def _check(self) -> None:
        """Raise what the reading thread met, and see to it that the topic is still ours.

        Messages that lie in the buffer before the look can only be of the topic that it finds.
        """
        with self._changed:
            if self._error is not None:
                error = self._error
                if isinstance(error, UnavailableError):
                    self._error = None
                raise error
            has_messages = any(self._buffers.values())
        if not self._closed.is_set() and (has_messages or time.monotonic() >= self._next_check):
            self._topic.check(all_partitions=True)
            self._next_check = time.monotonic() + CHECK_SECONDS

    def _take(self, max_messages: int) -> list[Message]:
        if self._is_leaving or self._closed.is_set():
            return []
        messages: list[Message] = []
        room = POLL_MAX_BYTES
        for partition in self._in_turn():
            buffer = self._buffers[partition]
            while buffer and len(messages) < max_messages and room > 0:
                message = buffer.popleft()
                messages.append(message)
                room -= len(message.body)
                self._delivered[partition] = message.offset + 1
        self._buffered_bytes -= POLL_MAX_BYTES - room
        self._changed.notify_all()
        return messages

    def _in_turn(self) -> list[int]:
        """The partitions with messages, each first in turn, so that a busy one does not starve the others."""
        numbers = sorted(partition for partition, buffer in self._buffers.items() if buffer)
        self._turn += 1
        first = self._turn % len(numbers) if numbers else 0
        return numbers[first:] + numbers[:first]

    def _check_range(self, offsets: Mapping[int, int]) -> None:
        with self._changed:
            delivered = dict(self._delivered)
        if all(0 <= offset <= delivered.get(partition, -1) for partition, offset in offsets.items()):
            return
        ends = self._topic.end_offsets()
        for partition, offset in offsets.items():
            if not 0 <= offset <= ends.get(partition, 0):
                raise ConfigError(
                    f"group {self._group!r} can't commit offset {offset}: partition {partition} of "
                    f"{self._address} ends at {ends.get(partition, 0)}"
                )

    def _write(self, offsets: Mapping[int, int]) -> None:
        wanted = {
            self._place(partition): OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()
        }
        try:
            self._consumer.commit(wanted, timeout_ms=timeout_milliseconds(self._settings))
        except _LOST:
            return
        except CLIENT_ERRORS as error:
            raise port_error(error, self._address, self._settings, "commit") from error
        with self._changed:
            self._committed.update(offsets)
            self._changed.notify_all()

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self._address.topic, partition)

    # What the reading thread does

    def _read(self) -> None:
        try:
            while not self._closed.is_set() and not isinstance(self._error, ConfigError):
                self._read_once()
        finally:
            with self._changed:
                if not self._closed.is_set() and self._error is None:
                    self._error = ConfigError(
                        f"the reader of {self._address} ended; see its error in the log"
                    )
                self._changed.notify_all()

    def _read_once(self) -> None:
        try:
            full = self._is_full()
            self._go_on_joining()
            found = self._consumer.poll(0 if full else int(READ_SECONDS * 1000), max_records=READ_RECORDS)
            if self._is_started:
                self._keep(found)
            elif self._assigned:
                self._start()
        except CLIENT_ERRORS as error:
            self._fail(port_error(error, self._address, self._settings, "read"))
        except ModelMonError as error:
            self._fail(error)
        else:
            if full:
                with self._changed:
                    self._changed.wait(READ_SECONDS)

    def _go_on_joining(self) -> None:
        """Ask for the join that a poll began and did not end: when the group's leader learns meanwhile which
        partitions there are, kafka-python 3.0.12 takes it for done, and is in no group for ever."""
        if self._consumer._coordinator.rejoining:
            self._consumer._coordinator.request_rejoin()

    def _is_full(self) -> bool:
        """Whether the buffers hold enough; reading is then paused, staying in the group is not."""
        assigned = self._consumer.assignment()
        with self._changed:
            count = sum(map(len, self._buffers.values()))
            full = count >= BUFFER_RECORDS or self._buffered_bytes >= BUFFER_BYTES
        if full:
            self._consumer.pause(*assigned)
        else:
            self._consumer.resume(*self._consumer.paused())
        return full

    def _keep(self, found: Mapping[Any, Sequence[Any]]) -> None:
        with self._changed:
            for place, records in found.items():
                if place.partition in self._assigned:
                    buffer = self._buffers.setdefault(place.partition, deque())
                    for record in records:
                        message = read_record(record)
                        buffer.append(message)
                        self._buffered_bytes += len(message.body)
            self._changed.notify_all()

    def _start(self) -> None:
        """Begin at what the group committed. Left alone, kafka-python goes on where a partition that came
        back to us had been read to, and starts anew at the first message when that lies beyond the end."""
        committed, ends = self._topic.committed(self._group), self._topic.end_offsets()
        for place in self._consumer.assignment():
            start, end = committed.get(place.partition), ends.get(place.partition, 0)
            if start is None:
                self._consumer.seek_to_beginning(place)
            elif start > end:
                raise ConfigError(
                    f"group {self._group!r} has committed offset {start}, but partition {place.partition} of "
                    f"{self._address} ends at {end}: messages were lost; delete the topic, or the offsets"
                )
            else:
                self._consumer.seek(place, start)
        self._is_started = True

    def _fail(self, error: ModelMonError) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()
        if not isinstance(error, ConfigError):
            self._closed.wait(READ_SECONDS)

    # What Kafka tells, on kafka-python's own thread, while the reading thread is inside its poll

    def _assign(self, partitions: Collection[int]) -> None:
        with self._changed:
            self._is_started = False
            self._assigned = frozenset(partitions)
            self._changed.notify_all()

    async def _hand_over(self) -> None:
        """A rebalance is due: deliver nothing more, and wait until what was delivered is committed."""
        with self._changed:
            self._is_leaving = True
            self._changed.notify_all()
        deadline = time.monotonic() + HANDOVER_SECONDS
        while not self._is_all_committed() and time.monotonic() < deadline and not self._closed.is_set():
            await self._consumer._net.sleep(WAIT_SECONDS)  # the heartbeats go on meanwhile
        self._forget()

    def _is_all_committed(self) -> bool:
        with self._changed:
            return all(self._committed.get(partition) == end for partition, end in self._delivered.items())

    def _forget(self) -> None:
        with self._changed:
            self._assigned = frozenset()
            self._buffers.clear()
            self._buffered_bytes = 0
            self._delivered.clear()
            self._committed.clear()
            self._is_leaving = False
            self._changed.notify_all()

    def _connect(self) -> KafkaConsumer:
        session_ms = round(self._settings.kafka_session_seconds * 1000)
        timeout_ms = timeout_milliseconds(self._settings)
        consumer = connect(
            KafkaConsumer,
            self._address,
            self._settings,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=round(min(HEARTBEAT_SECONDS * 1000, session_ms / 5)),
            max_poll_interval_ms=session_ms + round(HANDOVER_SECONDS * 1000) + 5 * timeout_ms,
            partition_assignment_strategy=(RangePartitionAssignor,),
            metrics_enabled=False,
        )
        consumer.subscribe([self._address.topic], listener=_Listener(self))
        return consumer


class _Listener(AsyncConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is untyped
    def __init__(self, member: KafkaGroupConsumer) -> None:
        self._member = member

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._member._assign([place.partition for place in assigned])

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._member._hand_over()

    async def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        self._member._forget()
