"""Who runs a project, and what the runner says of its functions: for everybody who asks from outside."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelmon.errors import ConfigError
from modelmon.file_locks import try_lock
from modelmon.function_spec.folders import lock_file, report_file

if TYPE_CHECKING:
    from modelmon.local.deployment import Deployment
    from modelmon.local.process import WorkerProcess

LOCK_TRIES, LOCK_WAIT_SECONDS = 5, 0.05


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """One worker of a function. What nobody tells is None: heartbeats say nothing of processes."""

    trigger: str
    worker: int | str  # its number; in heartbeats with the host before it
    state: str
    pid: int | None = None
    restarts: int | None = None
    last_exit: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class RunningFunction:
    """One function as its runner has it; `preparing` while its environment is being made."""

    name: str
    fingerprint: str  # of the folder as it runs
    error: str = ""
    preparing: bool = False
    workers: tuple[RunningWorker, ...] = ()


@dataclass(frozen=True, slots=True)
class RunnerState:
    """The process that runs a project, None when nothing does, and its functions."""

    pid: int | None = None
    functions: tuple[RunningFunction, ...] = ()


def lock_project(project: Path) -> int:
    """Hold the project for this process alone; the kernel lets it go when the process ends.

    Raises ConfigError when another one holds it.
    """
    # The project's folder itself: the state folder may be removed under a runner that still runs.
    folder = os.open(project, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(LOCK_TRIES):
        if try_lock(folder):
            lock_file(project).write_text(str(os.getpid()), encoding="utf-8")
            return folder
        time.sleep(LOCK_WAIT_SECONDS)  # somebody may only be looking, see `is_running`
    os.close(folder)
    raise ConfigError(f"this project is run already, by process {_holder(project)}: end that one first")


def _holder(project: Path) -> str:
    """Who holds it, as that one wrote it down."""
    try:
        return lock_file(project).read_text(encoding="utf-8") or "unknown"
    except FileNotFoundError:
        return "unknown"


def is_running(project: Path) -> bool:
    """Whether a runner holds the project; a process id that it once wrote may be another's by now."""
    try:
        folder = os.open(project, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(folder, fcntl.LOCK_SH)
    finally:
        os.close(folder)


def read_report(project: Path) -> RunnerState:
    """What the project's runner last wrote of itself."""
    try:
        report = msgspec.json.decode(report_file(project).read_bytes(), type=RunnerState)
    except FileNotFoundError:
        return RunnerState()
    return report if is_running(project) else RunnerState()


class RunnerReport:
    """Writes the state of the runner whenever it has changed."""

    def __init__(self, project: Path) -> None:
        self._path = report_file(project)
        self._written = b""

    def write(self, deployments: Iterable[Deployment]) -> None:
        content = msgspec.json.encode(RunnerState(os.getpid(), tuple(map(_function, deployments))))
        if content != self._written:
            self._written = content
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(content)
            fresh.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


def _function(deployment: Deployment) -> RunningFunction:
    return RunningFunction(
        deployment.name,
        deployment.fingerprint,
        deployment.error,
        deployment.is_preparing,
        tuple(map(_worker, deployment.workers)),
    )


def _worker(worker: WorkerProcess) -> RunningWorker:
    return RunningWorker(
        worker.spec.trigger.name,
        worker.spec.worker,
        worker.state,
        worker.pid,
        worker.restarts,
        worker.last_exit,
        worker.failure,
    )
