"""Projects with small functions of their own, for tests that start the runner."""

from __future__ import annotations

import json
import os
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

T = TypeVar("T")

HTTP = {"kind": "http", "numWorkers": 1}


def make_project(folder: Path, **settings: Any) -> Path:
    """A project folder with these settings and no functions."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modelmon.yaml").write_text(
        yaml.safe_dump({"project": "test", "durability": "process"} | settings)
    )
    return folder


def stream_trigger(
    topic: str = "events", group: str = "readers", mode: str = "explicitOnly", **more: Any
) -> Any:
    attributes = {"topics": [topic], "consumerGroup": group, "workerAllocationMode": "static"}
    return {"kind": "kafka-cluster", "explicitAckMode": mode, "attributes": attributes} | more


def cron_trigger(interval: str = "100ms", **event: Any) -> Any:
    return {"kind": "cron", "attributes": {"interval": interval, "event": event}}


def deploy(project: Path, name: str, main: str, triggers: dict[str, Any], **env: str) -> Path:
    """Put a function folder where the runner looks; `main` is the text of its main.py."""
    folder = project / ".modelmon" / "functions" / name
    written = folder.with_name(f".{name}")
    written.mkdir(parents=True)
    spec = {
        "handler": "main:handler",
        "runtime": "python:3.11",
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "triggers": triggers,
    }
    (written / "main.py").write_text(textwrap.dedent(main))
    (written / "function.yaml").write_text(yaml.safe_dump({"metadata": {"name": name}, "spec": spec}))
    written.rename(folder)
    return folder


def log_of(project: Path, name: str) -> str:
    path = project / ".modelmon" / "logs" / f"{name}.log"
    return path.read_text() if path.exists() else ""


def runner_report(project: Path) -> dict[str, Any]:
    path = project / ".modelmon" / "runner.json"
    return json.loads(path.read_text()) if path.exists() else {"pid": None, "functions": []}


def workers_of(project: Path, name: str) -> list[dict[str, Any]]:
    return [
        worker
        for function in runner_report(project)["functions"]
        if function["name"] == name
        for worker in function["workers"]
    ]


def is_alive(pid: int) -> bool:
    """Whether the process is there; one that is dead and not fetched yet by who adopted it is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not (status.exists() and "\nState:\tZ" in status.read_text())


def eventually(
    get: Callable[[], T], until: Callable[[T], bool] = bool, within: float = 30.0, every: float = 0.02
) -> T:
    """What `get` gives, as soon as it is right; fails with the last value otherwise."""
    deadline = time.monotonic() + within
    while not until(value := get()):
        assert time.monotonic() < deadline, f"still {value!r} after {within} s"
        time.sleep(every)
    return value
