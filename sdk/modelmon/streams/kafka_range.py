"""Messages of a Kafka topic that are read by their offsets, in no group."""

from __future__ import annotations

import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from modelmon.errors import UnavailableError
from modelmon.model import Message
from modelmon.streams.base import POLL_MAX_BYTES
from modelmon.streams.kafka_address import KafkaAddress
from modelmon.streams.kafka_client import CLIENT_ERRORS, connect, port_error
from modelmon.streams.kafka_settings import KafkaSettings

READ_MILLISECONDS = 200


def read_range(
    address: KafkaAddress, settings: KafkaSettings, partition: int, start: int, end: int, max_messages: int
) -> list[Message]:
    """The first messages in [start, end), of which the first that is kept lies at `start` or after it."""
    place = TopicPartition(address.topic, partition)
    try:
        consumer = connect(
            KafkaConsumer, address, settings,
            group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
            isolation_level="read_committed", fetch_max_bytes=POLL_MAX_BYTES, metrics_enabled=False,
        )  # fmt: skip
        try:
            consumer.assign([place])
            consumer.seek(place, start)
            return _read(consumer, place, settings, end, max_messages)
        finally:
            consumer.close()
    except CLIENT_ERRORS as error:
        raise port_error(error, address, settings, "read") from error


def read_record(record: Any) -> Message:
    """A record as a message; other publishers may leave out the key, or the body."""
    key = "" if record.key is None else record.key.decode(errors="replace")
    return Message(record.partition, record.offset, key, record.value or b"")


def _read(
    consumer: KafkaConsumer, place: TopicPartition, settings: KafkaSettings, end: int, max_messages: int
) -> list[Message]:
    deadline = time.monotonic() + settings.kafka_timeout_seconds
    while consumer.position(place) < end:  # the end of a transaction has an offset, too
        found = consumer.poll(READ_MILLISECONDS, max_records=max_messages).get(place, ())
        if found:
            return [read_record(record) for record in found if record.offset < end]
        if time.monotonic() >= deadline:
            raise UnavailableError(
                f"stream {place.topic}: nothing of partition {place.partition} before offset {end} came "
                f"within {settings.kafka_timeout_seconds:g} s"
            )
    return []
