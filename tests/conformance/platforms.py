"""The platforms under test: each deploys the probe and lets its events be seen, by the same few verbs."""

from __future__ import annotations

import json
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploying import deploy, log_of, make_project, stream_trigger, workers_of
from modelmon.deploying.rendering import topic_of
from modelmon.local import Runner
from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream
from services import kafka
from services.nuclio import NEEDS_NUCLIO, Processor

PROBE = (Path(__file__).parent / "probe" / "main.py").read_text()


class Platform(ABC):
    """Functions that are deployed in a folder, and what their probes wrote down.

    `stream_path` is where their streams live; empty: with the project.
    """

    def __init__(self, folder: Path, stream_path: str = "") -> None:
        settings = {"stream_path": stream_path} if stream_path else {}
        self.project = make_project(folder, kafka_session_seconds=5.0, **settings)
        self.settings = Settings.load(self.project)
        self._run = uuid4().hex[:8]  # other tests' topics may still be on the broker

    @abstractmethod
    def deploy(self, function: str, main: str = PROBE, **triggers: Any) -> None:
        """Put a function in place, the probe unless told otherwise; `start` starts it, if not done yet."""

    @abstractmethod
    def start(self) -> None:
        """Start what was deployed, and wait until it is ready."""

    @abstractmethod
    def restart(self, function: str) -> None:
        """Let it end as a new deployment does, and start it again."""

    @abstractmethod
    def address(self, function: str) -> str: ...

    @abstractmethod
    def workers(self, function: str) -> list[int]:
        """Process ids of the workers that run."""

    @abstractmethod
    def log(self, function: str) -> str: ...

    @abstractmethod
    def close(self) -> None: ...

    def notes(self, function: str, what: str = "") -> list[dict[str, Any]]:
        path = self.project / f"{function}.notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [note for note in map(json.loads, lines) if what in ("", note["what"])]

    def offsets(self, function: str) -> list[int]:
        return [int(note["offset"][1]) for note in self.notes(function, "event")]

    def post(self, function: str, content: bytes = b"", path: str = "/", **more: Any) -> httpx.Response:
        return httpx.post(f"http://{self.address(function)}{path}", content=content, timeout=60, **more)

    def send(self, function: str, data: bytes) -> str:
        """The whole answer to these bytes; both sides hang up after it."""
        host, port = self.address(function).split(":")
        with socket.create_connection((host, int(port)), 30) as connection:
            with suppress(ConnectionError):  # refused before it has all
                connection.sendall(data)
            received = b""
            with suppress(ConnectionError):
                while part := connection.recv(65536):
                    received += part
        return received.decode()

    def ask(self, function: str, answer: str, **more: Any) -> httpx.Response:
        body = json.dumps({"answer": answer, **more}).encode()
        return self.post(function, body, headers={"Content-Type": "application/json"})

    def topic(self, name: str) -> str:
        return f"{name}-{self._run}"

    def topic_of_events(self, name: str) -> str:
        """What a function is told as the topic: the stream's name, where the platform knows streams."""
        return self.topic(name)

    def reads(self, name: str, mode: str = "explicitOnly", **more: Any) -> dict[str, Any]:
        """A trigger on the stream called `name`, in a group of its own."""
        trigger = stream_trigger(self.topic(name), self.group(name), mode, **more)
        return {**trigger, "attributes": {"initialOffset": "earliest", **trigger["attributes"]}}

    def group(self, name: str) -> str:
        return f"readers-{self.topic(name)}"

    def stream(self, name: str, partitions: int = 1) -> Stream:
        url = self.settings.stream_url(self.topic(name))
        return open_stream(url, partitions, self.settings)

    def committed(self, name: str) -> int | None:
        """Position of the group of `reads(name)` in partition 0."""
        stream = self.stream(name)
        try:
            return stream.committed(self.group(name)).get(0)
        finally:
            stream.close()

    def publish(self, name: str, *answers: str) -> None:
        stream = self.stream(name)
        stream.publish([("key", json.dumps({"answer": answer}).encode()) for answer in answers])
        stream.close()

    def _write(self, function: str, main: str, triggers: dict[str, Any]) -> Path:
        notes = str(self.project / f"{function}.notes")
        return deploy(self.project, function, main, triggers, PROBE_FILE=notes)


class Embedded(Platform):
    """The runner of `modelmon up`."""

    def __init__(self, folder: Path, stream_path: str = "") -> None:
        super().__init__(folder, stream_path)
        self._runner = Runner(self.project, tell=lambda level, text: None)

    def deploy(self, function: str, main: str = PROBE, **triggers: Any) -> None:
        self._write(function, main, triggers)

    def start(self) -> None:
        self._runner.start()
        self._runner.wait_until_ready()

    def restart(self, function: str) -> None:
        (self.project / ".modelmon" / "functions" / function / "touched").touch()

    def address(self, function: str) -> str:
        return self._runner.address(function)

    def workers(self, function: str) -> list[int]:
        return [worker["pid"] for worker in workers_of(self.project, function) if worker["state"] == "ready"]

    def log(self, function: str) -> str:
        return log_of(self.project, function)

    def close(self) -> None:
        if self._runner.running:
            self._runner.stop(within_seconds=5)


class RealProcessor(Platform):
    """One Nuclio processor a function; topics are what Kafka calls them, as in a bundle."""

    def __init__(self, folder: Path, stream_path: str = "") -> None:
        super().__init__(folder, stream_path)
        self._processors: dict[str, Processor] = {}

    def deploy(self, function: str, main: str = PROBE, **triggers: Any) -> None:
        for trigger in triggers.values():
            if trigger["kind"] == "kafka-cluster":
                attributes = trigger["attributes"]
                attributes["brokers"] = [self.settings.stream_path.removeprefix("kafka://")]
                attributes["topics"] = [topic_of(self.settings, topic) for topic in attributes["topics"]]
        folder = self._write(function, main, triggers)
        environment = self.settings.environment()
        self._processors[function] = Processor(folder, self.project / "processors", environment).start()

    def topic_of_events(self, name: str) -> str:
        return topic_of(self.settings, self.topic(name))

    def start(self) -> None:
        for processor in self._processors.values():
            processor.wait_until_ready()

    def restart(self, function: str) -> None:
        processor = self._processors[function]
        processor.stop()
        processor.start()

    def address(self, function: str) -> str:
        return self._processors[function].address

    def workers(self, function: str) -> list[int]:
        processor = self._processors[function]
        return processor.workers if processor.is_ready else []

    def log(self, function: str) -> str:
        return self._processors[function].log

    def close(self) -> None:
        for processor in self._processors.values():
            processor.stop(signal.SIGKILL)


Make = Callable[[Path], Platform]


def embedded_on_kafka(folder: Path) -> Platform:
    return Embedded(folder, kafka.shared_broker().url)


def processor_on_kafka(folder: Path) -> Platform:
    return RealProcessor(folder, kafka.shared_broker().url)


ALONE = [
    pytest.param(Embedded, id="embedded"),
    pytest.param(RealProcessor, id="processor", marks=NEEDS_NUCLIO),
]
"""What runs functions that read no stream."""

STREAMING = [
    pytest.param(Embedded, id="embedded"),
    pytest.param(embedded_on_kafka, id="embedded-kafka", marks=kafka.NEEDS_KAFKA),
    pytest.param(processor_on_kafka, id="processor-kafka", marks=[*kafka.NEEDS_KAFKA, *NEEDS_NUCLIO]),
]
"""What runs functions that read streams, on each kind of stream it can read."""
