"""Kafka streams, `kafka://host:9092[,host2:9092]/topic`: a stream is a topic of brokers 2.8 or newer.

The topic's id is the stream's identity. Whether a message survives a power cut is the brokers' business
(replication and `min.insync.replicas`): `durability` says nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from threading import Lock
from weakref import WeakSet

from modelmon.errors import ConfigError
from modelmon.model import Message
from modelmon.settings import Settings
from modelmon.streams.base import Consumer, Record, Stream
from modelmon.streams.kafka_address import KafkaAddress, read_address
from modelmon.streams.kafka_consumer import KafkaGroupConsumer
from modelmon.streams.kafka_publisher import KafkaPublisher
from modelmon.streams.kafka_range import read_range
from modelmon.streams.kafka_settings import KafkaSettings
from modelmon.streams.kafka_topic import KafkaTopic, TopicDescription
from modelmon.streams.partitioned import places_by_partition


def open(url: str, partitions: int, settings: Settings, *, create: bool) -> Stream:  # noqa: A001 - the hook's name
    """Open the topic; one that exists keeps the number of partitions it has. It is created only where
    `kafka_missing_topic` says so, too.

    The options of the connection are the `kafka_*` settings.
    """
    address = read_address(url)
    kafka = settings.of(KafkaSettings)
    topic = KafkaTopic(address, kafka)
    create = create and kafka.kafka_missing_topic == "create"
    try:
        description = topic.open(partitions, create=create)
        return KafkaStream(address, kafka, topic, description, topic.max_message_bytes())
    except BaseException:
        topic.close()
        raise


class KafkaStream(Stream):
    """One open topic; closing it closes the consumers that it made."""

    def __init__(
        self,
        address: KafkaAddress,
        settings: KafkaSettings,
        topic: KafkaTopic,
        description: TopicDescription,
        max_batch_bytes: int,
    ) -> None:
        self.url = str(address)
        self._address = address
        self._settings = settings
        self._topic = topic
        self._description = description
        self._publisher = KafkaPublisher(address, settings, max_batch_bytes)
        self._consumers: WeakSet[Consumer] = WeakSet()
        self._closed = False
        self._lock = Lock()

    @property
    def stream_id(self) -> str:
        return self._description.topic_id

    @property
    def partitions(self) -> int:
        return self._description.partitions

    def publish(self, records: Sequence[Record], partition: int | None = None) -> None:
        parts = places_by_partition(records, self.partitions, partition)
        with self._lock:
            self._check_open(partition)
            self._publisher.check(records)
            if parts:
                self._topic.check()
                self._publisher.publish(records, parts)
                # Deleted meanwhile: what we wrote went into a topic that nobody reads any more.
                self._topic.check()

    def consumer(self, group: str) -> Consumer:
        if not group:
            raise ConfigError(f"stream {self.url}: a consumer group needs a name")
        with self._lock:
            self._check_open()
            self._topic.check(all_partitions=True)
            member = KafkaGroupConsumer(self._address, self._settings, self._topic.again(), group)
            self._consumers.add(member)
        return member

    def end_offsets(self) -> Mapping[int, int]:
        with self._lock:
            self._check_open()
            self._topic.check(all_partitions=True)
            return self._topic.end_offsets()

    def committed(self, group: str) -> Mapping[int, int]:
        with self._lock:
            self._check_open()
            self._topic.check(all_partitions=True)
            return self._topic.committed(group)

    def begin_offsets(self) -> Mapping[int, int]:
        with self._lock:
            self._check_open()
            self._topic.check(all_partitions=True)
            return self._topic.begin_offsets()

    def groups(self) -> Collection[str]:
        with self._lock:
            self._check_open()
            self._topic.check(all_partitions=True)
            return self._topic.groups()

    def read(self, partition: int, start: int, end: int, max_messages: int) -> Sequence[Message]:
        with self._lock:
            self._check_open(partition)
            self._topic.check()
            start = max(start, self._topic.begin_offsets()[partition])
            if start >= end:
                return []
            return read_range(self._address, self._settings, partition, start, end, max_messages)

    def prune(self, before: Mapping[int, int]) -> None:
        with self._lock:
            for partition in before:
                self._check_open(partition)
            self._topic.check()
            self._topic.prune(before)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for member in list(self._consumers):
                member.close()
            self._publisher.close()
            self._topic.close()

    def _check_open(self, partition: int | None = None) -> None:
        if self._closed:
            raise ConfigError(f"stream {self.url} was closed; open it again")
        if partition is not None and not 0 <= partition < self.partitions:
            raise ConfigError(f"stream {self.url} has partitions 0 to {self.partitions - 1}, not {partition}")
