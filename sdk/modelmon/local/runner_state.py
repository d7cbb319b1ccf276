"""Who runs a project, and what the runner says of its functions: for everybody who asks from outside."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelmon.errors import ConfigError
from modelmon.file_locks import try_lock
from modelmon.function_spec.folders import lock_file, report_file

if TYPE_CHECKING:
    from modelmon.local.deployment import Deployment

LOCK_TRIES, LOCK_WAIT_SECONDS = 5, 0.05
NOBODY: dict[str, Any] = {"pid": None, "functions": []}


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


def read_report(project: Path) -> dict[str, Any]:
    """What the project's runner last wrote of itself: `pid` (None when none runs) and `functions`."""
    try:
        report: dict[str, Any] = msgspec.json.decode(report_file(project).read_bytes())
    except FileNotFoundError:
        return NOBODY
    return report if is_running(project) else NOBODY


class RunnerReport:
    """Writes the report whenever it has changed."""

    def __init__(self, project: Path) -> None:
        self._path = report_file(project)
        self._written = b""

    def write(self, deployments: Iterable[Deployment]) -> None:
        content = msgspec.json.encode({"pid": os.getpid(), "functions": [*map(describe, deployments)]})
        if content != self._written:
            self._written = content
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(content)
            fresh.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


def describe(deployment: Deployment) -> dict[str, Any]:
    """One function as `modelmon functions --json` shows it."""
    return {
        "name": deployment.name,
        "fingerprint": deployment.fingerprint,  # of the folder as it runs
        "error": deployment.error,
        "preparing": deployment.is_preparing,
        "workers": [
            {
                "trigger": worker.spec.trigger.name,
                "worker": worker.spec.worker,
                "pid": worker.pid,
                "state": worker.state,
                "restarts": worker.restarts,
                "last_exit": worker.last_exit,
                "failure": worker.failure,
            }
            for worker in deployment.workers
        ],
    }
