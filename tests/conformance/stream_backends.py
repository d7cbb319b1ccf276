"""The stream back-ends under test: a new one joins tests/conformance/test_streams.py by one line here."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from modelmon.errors import UnavailableError
from modelmon.settings import Settings
from modelmon.streams import Consumer, Record, Stream, memory, open_stream
from modelmon.streams.group import GroupConsumer
from modelmon.streams.partitioned import PartitionedStream
from services import kafka

QUICK = Settings(durability="process")


@dataclass
class Backend:
    """How to address streams of one technology: `base` and a name make a URL."""

    scheme: str
    base: str
    delete: Callable[[str], None]
    partition_down: Callable[[Stream, int], AbstractContextManager[None]]
    looks: Callable[[Consumer], list[str]]
    """One entry for each time from now on that a consumer looks whether there is news."""
    settings: Settings = QUICK
    tells_its_size: bool = True
    opened: list[Stream] = field(default_factory=list)

    def url(self, name: str = "events") -> str:
        return f"{self.base}{name}"

    def open(self, name: str = "events", partitions: int = 1) -> Stream:
        stream = open_stream(self.url(name), partitions, self.settings)
        self.opened.append(stream)
        return stream

    def close(self) -> None:
        for stream in self.opened:
            stream.close()


@contextmanager
def log_down(stream: Stream, partition: int) -> Iterator[None]:
    """A partition log that raises what a locked or full one raises."""
    assert isinstance(stream, PartitionedStream)
    log = stream._logs[partition]

    def refuse(records: Sequence[Record]) -> None:
        raise UnavailableError("the disk is full")

    log.append, before = refuse, log.append  # type: ignore[method-assign]
    try:
        yield
    finally:
        log.append = before  # type: ignore[method-assign]


@contextmanager
def kafka_partition_down(stream: Stream, partition: int) -> Iterator[None]:
    """A producer whose records of one partition fail, as those of a partition without a leader do."""
    from kafka.errors import NotLeaderForPartitionError

    from modelmon.streams.kafka import KafkaStream

    class WithoutLeader:
        def succeeded(self) -> bool:
            return False

        def get(self, timeout: float) -> None:
            raise NotLeaderForPartitionError

    assert isinstance(stream, KafkaStream)
    publisher = stream._publisher
    publisher._producer = publisher._producer or publisher._connect()
    send = publisher._producer.send

    def send_or_fail(topic: str, **record: Any) -> Any:
        if record["partition"] != partition:
            return send(topic, **record)
        return WithoutLeader()

    publisher._producer.send = send_or_fail
    yield


def counted(asked: Sequence[tuple[Any, str]]) -> list[str]:
    """The names of these methods, one for each call from now on."""
    calls: list[str] = []
    for thing, name in asked:
        before = getattr(thing, name)

        def call(*args: Any, before: Callable[..., Any] = before, name: str = name, **more: Any) -> Any:
            calls.append(name)
            return before(*args, **more)

        setattr(thing, name, call)
    return calls


def log_looks(consumer: Consumer) -> list[str]:
    assert isinstance(consumer, GroupConsumer)
    return counted([(log, "read") for log in consumer._logs])


def kafka_looks(consumer: Consumer) -> list[str]:
    from modelmon.streams.kafka_consumer import KafkaGroupConsumer

    assert isinstance(consumer, KafkaGroupConsumer)
    return counted([(consumer._consumer, "poll"), (consumer._topic, "check")])


def sqlite_backend(folder: Path) -> Backend:
    return Backend(
        "sqlite",
        f"sqlite:///{folder}/",
        lambda url: shutil.rmtree(url.removeprefix("sqlite:///")),
        log_down,
        log_looks,
    )


def memory_backend(folder: Path) -> Backend:
    return Backend("memory", f"memory://{folder.name}/", memory.delete, log_down, log_looks)


def kafka_backend(folder: Path) -> Backend:
    prefix = f"t{uuid4().hex[:8]}-"
    return Backend(
        "kafka",
        f"{kafka.shared_broker().url}/{prefix}",
        kafka.delete_topic,
        kafka_partition_down,
        kafka_looks,
        kafka.SETTINGS,
        tells_its_size=False,
    )


KAFKA = pytest.param(kafka_backend, marks=kafka.NEEDS_KAFKA)
BACKENDS = [sqlite_backend, memory_backend, KAFKA]
SHARED_BACKENDS = [sqlite_backend, KAFKA]  # other processes see their streams too
