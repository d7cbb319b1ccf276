"""The stream back-ends under test: a new one joins tests/conformance/test_streams.py by one line here."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from modelmon.settings import Settings
from modelmon.streams import Stream, memory, open_stream
from services import kafka

QUICK = Settings(durability="process")


@dataclass
class Backend:
    """How to address streams of one technology: `base` and a name make a URL."""

    scheme: str
    base: str
    delete: Callable[[str], None]
    settings: Settings = QUICK
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


def sqlite_backend(folder: Path) -> Backend:
    return Backend(
        "sqlite", f"sqlite:///{folder}/", lambda url: shutil.rmtree(url.removeprefix("sqlite:///"))
    )


def memory_backend(folder: Path) -> Backend:
    return Backend("memory", f"memory://{folder.name}/", memory.delete)


def kafka_backend(folder: Path) -> Backend:
    prefix = f"t{uuid4().hex[:8]}-"
    return Backend("kafka", f"{kafka.shared_broker().url}/{prefix}", kafka.delete_topic, kafka.SETTINGS)


KAFKA = pytest.param(kafka_backend, marks=kafka.NEEDS_KAFKA)
BACKENDS = [sqlite_backend, memory_backend, KAFKA]
SHARED_BACKENDS = [sqlite_backend, KAFKA]  # other processes see their streams too
