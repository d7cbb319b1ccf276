"""A chain on Kafka with its functions running: on the embedded runner, or each on a real processor."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import pytest
import yaml

from chain import Chain
from deploying import eventually, log_of, workers_of
from modelmon.deploying.rendering import topic_of
from modelmon.function_spec.function_yaml import placeholders, render
from modelmon.local import Runner
from modelmon.settings import Settings
from services import kafka
from services.nuclio import NEEDS_NUCLIO, Processor

START_SECONDS = 120.0
REPLICA = "modelmon-stream-2"


def on_kafka(broker: kafka.KafkaBroker) -> dict[str, Any]:
    """Settings that put a project's streams on this broker, where nobody else's are."""
    run = uuid4().hex[:8]
    return {
        "stream_path": broker.url, "events_stream": f"events-{run}", "writer_stream": f"writer-{run}",
        "app_stream": f"{run}-{{name}}", "kafka_session_seconds": 4.0,
    }  # fmt: skip


class OnRunner:
    """The embedded runner; a second stream function is a second folder."""

    name = "embedded"

    def __init__(self, project: Path) -> None:
        self._project = project
        self._functions = project / ".modelmon" / "functions"
        self._runner = Runner(project, tell=lambda level, text: None)
        self._paused: list[int] = []

    def __enter__(self) -> Self:
        self._runner.start()
        self._runner.wait_until_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.wake()
        self._runner.stop(within_seconds=15)

    def workers(self, function: str) -> list[int]:
        """Process ids of the function's workers that are ready."""
        return [worker["pid"] for worker in workers_of(self._project, function) if worker["state"] == "ready"]

    def address(self, function: str) -> str:
        return self._runner.address(function)

    def log(self, function: str) -> str:
        return log_of(self._project, function)

    def pause(self, function: str) -> None:
        """Stop the clock of the function's processes, until `wake`."""
        self._paused = self.workers(function)
        for pid in self._paused:
            os.kill(pid, signal.SIGSTOP)

    def wake(self) -> None:
        for pid in self._paused:
            os.kill(pid, signal.SIGCONT)
        self._paused = []

    def restart(self, function: str) -> None:
        """Let it end as a new deployment does, and start again."""
        (self._functions / function / "touched").touch()

    def add_replica(self) -> None:
        """A second replica of the stream function, ready to read."""
        written = self._functions / f".{REPLICA}"
        shutil.copytree(self._functions / "modelmon-stream", written)
        written.rename(self._functions / REPLICA)
        eventually(lambda: self.workers(REPLICA), within=START_SECONDS)

    def remove_replica(self, how: signal.Signals) -> None:
        pids = self.workers(REPLICA)
        (self._functions / REPLICA).rename(self._functions / f".{REPLICA}")
        if how is signal.SIGKILL:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not workers_of(self._project, REPLICA), within=START_SECONDS)
        shutil.rmtree(self._functions / f".{REPLICA}")


class OnProcessors:
    """One real processor a function, all of them started anew when they exit."""

    name = "processor"

    def __init__(self, project: Path) -> None:
        settings = Settings.load(project)
        self._environment = settings.environment()
        self._scratch = project / "processors"
        deployed = project / ".modelmon" / "functions"
        self._folders = {
            each.parent.name: _rendered(each.parent, self._scratch, settings)
            for each in sorted(deployed.glob("*/function.yaml"))
        }
        self._processors: dict[str, Processor] = {}
        self._paused: Processor | None = None

    def __enter__(self) -> Self:
        for name, folder in self._folders.items():
            self._processors[name] = self._processor(name, folder)
        for processor in self._processors.values():
            processor.wait_until_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for processor in self._processors.values():
            processor.stop(signal.SIGKILL)

    def workers(self, function: str) -> list[int]:
        processor = self._processors[function]
        return processor.workers if processor.is_ready else []

    def address(self, function: str) -> str:
        return self._processors[function].address

    def log(self, function: str) -> str:
        return self._processors[function].log

    def pause(self, function: str) -> None:
        self._paused = self._processors[function]
        self._paused.pause()

    def wake(self) -> None:
        if self._paused is not None:
            self._paused.wake()
        self._paused = None

    def restart(self, function: str) -> None:
        self._processors[function].stop()
        self._processors[function].start()

    def add_replica(self) -> None:
        self._processors[REPLICA] = self._processor(REPLICA, self._folders["modelmon-stream"])
        self._processors[REPLICA].wait_until_ready()

    def remove_replica(self, how: signal.Signals) -> None:
        self._processors.pop(REPLICA).stop(how)

    def _processor(self, name: str, folder: Path) -> Processor:
        return Processor(folder, self._scratch, self._environment, name=name).start()


def _rendered(folder: Path, scratch: Path, settings: Settings) -> Path:
    """A copy of a deployed function whose function.yaml has its values."""
    copy = scratch / "folders" / folder.name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
    values = placeholders(settings, folder.name) | {"brokers": settings.stream_path.removeprefix("kafka://")}
    document = yaml.safe_load(render((folder / "function.yaml").read_text(encoding="utf-8"), values))
    assert document["metadata"]["name"] == folder.name
    for trigger in document["spec"]["triggers"].values():
        if trigger["kind"] == "kafka-cluster":
            attributes = trigger["attributes"]
            attributes["topics"] = [topic_of(settings, stream) for stream in attributes["topics"]]
    (copy / "function.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return copy


ChainPlatform = OnRunner | OnProcessors

PLATFORMS = [
    pytest.param(OnRunner, id="embedded"),
    pytest.param(OnProcessors, id="processor", marks=NEEDS_NUCLIO),
]


def chain_on(broker: kafka.KafkaBroker, folder: Path, **settings: Any) -> Chain:
    """A chain whose streams are on this broker."""
    return Chain(folder, **on_kafka(broker), **settings)
