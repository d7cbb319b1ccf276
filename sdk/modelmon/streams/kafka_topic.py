"""A topic as its brokers describe it: identity, partitions, offsets, retention."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from kafka import KafkaAdminClient, TopicPartition, errors
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

from modelmon.errors import ConfigError, UnavailableError
from modelmon.streams.base import absent
from modelmon.streams.kafka_address import KafkaAddress
from modelmon.streams.kafka_client import CLIENT_ERRORS, connect, leave, port_error
from modelmon.streams.kafka_options import timeout_milliseconds
from modelmon.streams.kafka_settings import KafkaSettings

T = TypeVar("T")

MAX_BYTES_OPTION = "max.message.bytes"
RETRY_SECONDS = 0.1
MOST_PARTITIONS = 100_000
ABSENT_LOOKS = 3
"""A topic is gone when it is missing this often in a row: a broker that just came up may not know it yet."""
NO_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic that is there."""

    topic_id: str
    partitions: int


class KafkaTopic:
    """One topic, asked about through an admin client. Its methods may be called from several threads.

    Every method waits at most `kafka_timeout_seconds` for the brokers (and as long again for a connection),
    then raises UnavailableError.
    """

    def __init__(self, address: KafkaAddress, settings: KafkaSettings) -> None:
        self._address = address
        self._settings = settings
        self._lock = Lock()
        self._admin: KafkaAdminClient | None = None
        self._known: TopicDescription | None = None
        self._closed = False

    def open(self, partitions: int, *, create: bool) -> TopicDescription:
        """The topic, created with `partitions` when it does not exist, if it may be."""
        if not 1 <= partitions <= MOST_PARTITIONS:
            raise ConfigError(
                f"stream {self._address}: at least 1 partition, at most {MOST_PARTITIONS}, got {partitions}"
            )
        self._known = self._call("describe the topic", self._describe)
        if self._known is None and not create:
            self._known = self._existing()
        if self._known is None:
            self._known = self._call("create the topic", lambda admin: self._create(admin, partitions))
        if self._known.topic_id == NO_ID:
            raise ConfigError(
                f"stream {self._address}: the broker gives topics no id; Kafka 2.8 or newer is needed"
            )
        return self._known

    def check(self, *, all_partitions: bool = False) -> None:
        """Raises ConfigError when the topic is not the one that was opened; with `all_partitions` also when
        it has more of them since."""
        assert self._known is not None, "opened first"
        found = self._look()
        if found is None:
            raise ConfigError(f"stream {self._address}: the topic was deleted; open the stream again")
        if found.topic_id != self._known.topic_id:
            raise ConfigError(
                f"stream {self._address}: the topic was made anew under us; open the stream again"
            )
        if all_partitions and found.partitions != self._known.partitions:
            raise ConfigError(
                f"stream {self._address}: the topic has {found.partitions} partitions, it had "
                f"{self._known.partitions} when it was opened; open the stream again"
            )

    def again(self) -> KafkaTopic:
        """The same topic through a connection of its own."""
        other = KafkaTopic(self._address, self._settings)
        other._known = self._known
        return other

    def end_offsets(self) -> dict[int, int]:
        """Per partition the offset after the newest message."""
        return self._offsets("read its end", OffsetSpec.LATEST)

    def begin_offsets(self) -> dict[int, int]:
        """Per partition the offset of the oldest message that is kept."""
        return self._offsets("read its beginning", OffsetSpec.EARLIEST)

    def _offsets(self, what: str, which: OffsetSpec) -> dict[int, int]:
        wanted = dict.fromkeys(self._partitions(), which)
        found = self._call(what, lambda admin: admin.list_partition_offsets(wanted))
        return {place.partition: place_of.offset for place, place_of in sorted(found.items())}

    def groups(self) -> list[str]:
        """The groups that have committed here, of those that our user may see."""
        known = self._call("list the consumer groups", lambda admin: admin.list_groups())
        return [name for name in sorted({group["group_id"] for group in known}) if self.committed(name)]

    def committed(self, group: str) -> dict[int, int]:
        """Per partition what `group` has committed."""
        wanted = self._partitions()
        found = self._call(
            f"read what group {group!r} committed", lambda admin: admin.list_group_offsets({group: wanted})
        )
        return {
            place.partition: committed.offset
            for place, committed in sorted(found[group].items())
            if committed.offset >= 0
        }

    def prune(self, before: Mapping[int, int]) -> None:
        """Delete the messages below these offsets."""
        ends = self.end_offsets()
        wanted = {
            TopicPartition(self._address.topic, partition): min(offset, ends[partition])
            for partition, offset in before.items()
            if offset > 0
        }
        if wanted:
            self._call("delete messages", lambda admin: self._delete(admin, wanted))

    def max_message_bytes(self) -> int:
        """The largest batch of messages that the topic takes."""
        resource = ConfigResource(ConfigResourceType.TOPIC, self._address.topic, {MAX_BYTES_OPTION: None})
        found = self._call(
            "read its options", lambda admin: admin.describe_configs([resource], config_filter="all")
        )
        return int(found["topic"][self._address.topic][MAX_BYTES_OPTION]["value"])

    def close(self) -> None:
        """Leave the brokers; twice is harmless."""
        self._closed = True  # first, so that who tries again in another thread gives up
        with self._lock:
            self._drop()

    def _partitions(self) -> list[TopicPartition]:
        assert self._known is not None, "opened first"
        return [TopicPartition(self._address.topic, number) for number in range(self._known.partitions)]

    def _look(self) -> TopicDescription | None:
        """The topic; None when several looks in a row don't find it."""
        for look in range(ABSENT_LOOKS):
            time.sleep(RETRY_SECONDS if look else 0)  # in the caller's thread, never in an event loop
            found = self._call("describe the topic", self._describe)
            if found is not None:
                return found
        return None

    def _existing(self) -> TopicDescription:
        """The topic, which somebody else has to make."""
        found = self._look()
        if found is None:
            raise absent(self._address)
        return found

    def _describe(self, admin: KafkaAdminClient) -> TopicDescription | None:
        [topic] = admin.describe_topics([self._address.topic])
        error = errors.for_code(topic["error_code"])
        if error is errors.UnknownTopicOrPartitionError:
            return None
        if error is not errors.NoError:
            raise error(self._address.topic)
        return TopicDescription(str(topic["topic_id"]), len(topic["partitions"]))

    def _create(self, admin: KafkaAdminClient, partitions: int) -> TopicDescription:
        options = {
            "num_partitions": partitions,
            "replication_factor": self._settings.kafka_replication or -1,
            "configs": {MAX_BYTES_OPTION: str(self._settings.kafka_max_message_bytes)},
        }
        with suppress(errors.TopicAlreadyExistsError):  # another creator was first: its topic is the topic
            admin.create_topics({self._address.topic: options})
        admin.wait_for_topics([self._address.topic], timeout_ms=timeout_milliseconds(self._settings))
        found = self._describe(admin)
        if found is None:
            raise errors.LeaderNotAvailableError(self._address.topic)
        return found

    def _delete(self, admin: KafkaAdminClient, wanted: Mapping[TopicPartition, int]) -> None:
        with suppress(errors.OffsetOutOfRangeError):  # somebody deleted more meanwhile
            admin.delete_records(wanted)

    def _call(self, what: str, action: Callable[[KafkaAdminClient], T]) -> T:
        """The answer of the brokers; what may pass is tried again until the time is over."""
        deadline = time.monotonic() + self._settings.kafka_timeout_seconds
        with self._lock:
            while True:
                try:
                    if self._closed:  # by another thread meanwhile: nobody would end a new connection
                        raise ConfigError(f"stream {self._address} was closed; open it again")
                    if self._admin is None:
                        self._admin = connect(KafkaAdminClient, self._address, self._settings)
                    return action(self._admin)
                except CLIENT_ERRORS as error:
                    problem = port_error(error, self._address, self._settings, what)
                    if not isinstance(problem, UnavailableError) or time.monotonic() >= deadline:
                        self._drop()  # what it knows of the brokers may be out of date
                        raise problem from error
                time.sleep(RETRY_SECONDS)  # until the deadline above; kafka-python has no such wait

    def _drop(self) -> None:
        if self._admin is not None:
            leave(self._admin.close, self._admin._client)
            self._admin = None
