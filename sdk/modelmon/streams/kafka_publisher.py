"""Publishing to a topic: idempotent, acknowledged by all in-sync replicas, every record checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaProducer, codec

from modelmon.errors import ConfigError, RejectedError
from modelmon.streams.base import Record
from modelmon.streams.kafka_address import KafkaAddress
from modelmon.streams.kafka_client import CLIENT_ERRORS, CODEC_PACKAGES, connect, port_error
from modelmon.streams.kafka_options import timeout_milliseconds
from modelmon.streams.kafka_settings import KafkaSettings

LINGER_MS = 60_000
"""Nothing is sent before `flush`, so what one call publishes to a partition is one batch: there or not."""
RECORD_OVERHEAD_BYTES = 128
FORCE_SECONDS = 2.0


class KafkaPublisher:
    """A producer that is made when it is first needed, and anew after a failure. One thread at a time."""

    def __init__(self, address: KafkaAddress, settings: KafkaSettings, max_batch_bytes: int) -> None:
        self._address = address
        self._settings = settings
        self._max_batch_bytes = max_batch_bytes
        self._producer: KafkaProducer | None = None

    def check(self, records: Sequence[Record]) -> None:
        """Raises RejectedError for a record that the topic can't take."""
        most = self._max_batch_bytes - RECORD_OVERHEAD_BYTES
        for key, body in records:
            size = len(key.encode()) + len(body)
            if size > most:
                raise RejectedError(f"{size} bytes with its key, at most {most} fit {self._address}", "body")

    def publish(self, records: Sequence[Record], parts: Mapping[int, Sequence[int]]) -> None:
        """Append to each partition the records at its places; all are acknowledged when it returns.

        The part of a partition is one batch, which is there whole or not at all, unless it is larger than
        the topic's max.message.bytes.
        """
        sent: dict[int, Any] = {}
        try:
            self._send(records, parts, sent)
        except CLIENT_ERRORS as error:
            # What is not out yet must not go out later: the caller is going to publish it again.
            self._abandon()
            problem = port_error(error, self._address, self._settings, "publish")
            problem.published = frozenset(place for place, future in sent.items() if future.succeeded())
            raise problem from error

    def close(self) -> None:
        """Leave the brokers; twice is harmless."""
        self._abandon()

    def _send(
        self, records: Sequence[Record], parts: Mapping[int, Sequence[int]], sent: dict[int, Any]
    ) -> None:
        producer = self._producer = self._producer or self._connect()
        for partition, places in parts.items():
            for place in places:
                key, body = records[place]
                sent[place] = producer.send(
                    self._address.topic, value=body, key=key.encode(), partition=partition
                )
        producer.flush(self._settings.kafka_timeout_seconds)
        for future in sent.values():
            future.get(timeout=0)  # flush raises for none of those that failed

    def _connect(self) -> KafkaProducer:
        compression = self._settings.kafka_compression
        if compression != "none" and not getattr(codec, f"has_{compression}")():
            raise ConfigError(
                f"kafka_compression: {compression} needs its library: "
                f"pip install {CODEC_PACKAGES[compression]}"
            )
        return connect(
            KafkaProducer,
            self._address,
            self._settings,
            acks="all",
            enable_idempotence=True,
            compression_type=None if compression == "none" else compression,
            linger_ms=LINGER_MS,
            batch_size=self._max_batch_bytes,
            max_request_size=self._max_batch_bytes,
            max_block_ms=timeout_milliseconds(self._settings),
            delivery_timeout_ms=LINGER_MS + 2 * timeout_milliseconds(self._settings),
            metrics_enabled=False,
        )

    def _abandon(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            # Its own close() waits for what can't be sent and, when that takes too long, leaves it all open.
            producer._sender.force_close()
            producer._sender.join(FORCE_SECONDS)
            with suppress(*CLIENT_ERRORS):
                producer.close(FORCE_SECONDS)
