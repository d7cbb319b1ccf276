"""One deployed function folder: its workers, and whether the folder has changed since they started."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from modelmon.local.folders import log_file
from modelmon.local.function_yaml import FILE, FunctionSpec, read_function
from modelmon.local.process import WorkerProcess
from modelmon.local.reports import Report
from modelmon.local.triggers import HttpTrigger
from modelmon.local.worker import WorkerSpec
from modelmon.settings import Settings

IGNORED = ("__pycache__",)


def deployed(folder: Path) -> dict[str, Path]:
    """Function name to folder; hidden folders are being written and do not count yet."""
    if not folder.is_dir():
        return {}
    return {
        path.name: path
        for path in sorted(folder.iterdir())
        if not path.name.startswith((".", "_")) and (path / FILE).is_file()
    }


def fingerprint(folder: Path) -> str:
    """Differs whenever a file of the folder was added, changed or removed."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in IGNORED]
        for name in names:
            path = Path(root) / name
            try:
                status = path.stat()
            except OSError:
                continue  # gone since: the next look tells
            found.append((str(path.relative_to(folder)), status.st_mtime_ns, status.st_size))
    return sha256(repr(sorted(found)).encode()).hexdigest()[:16]


class Deployment:
    """The running side of one function folder. `error` says why it does not run."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.folder = folder
        self.fingerprint = fingerprint(folder)
        self.spec: FunctionSpec | None = None
        self.error = ""
        self.workers: list[WorkerProcess] = []
        self.stopping = False

    def read(self, settings: Settings) -> HttpTrigger | None:
        """Read the function.yaml; returns its HTTP trigger, if it has one. Raises ConfigError."""
        self.spec = read_function(self.folder, settings)
        return next((each for each in self.spec.triggers if isinstance(each, HttpTrigger)), None)

    def start(self, settings: Settings, lifeline: int, reports: int, listening: int | None) -> None:
        """Prepare the workers; `watch` starts them."""
        assert self.spec is not None, "read comes first"
        environment = _environment(self.spec, settings)
        project = Path(settings.project_dir)
        log = log_file(project, self.name)
        for trigger in self.spec.triggers:
            for worker in range(trigger.workers):
                spec = WorkerSpec(
                    function=self.name,
                    folder=str(self.folder),
                    handler=self.spec.handler,
                    trigger=trigger,
                    worker=worker,
                    lifeline=lifeline,
                    reports=reports,
                    listening=listening if isinstance(trigger, HttpTrigger) else None,
                )
                self.workers.append(WorkerProcess(spec, environment, project, log))

    def watch(self, tell: Callable[[str, str], None]) -> None:
        """Look after every worker once; tells what has crashed."""
        for worker in self.workers:
            problem = worker.watch()
            if problem:
                tell("warning", f"{self.name}: {worker.name} {problem}")

    def stop(self, within_seconds: float) -> None:
        self.stopping = True
        for worker in self.workers:
            worker.stop(within_seconds)

    @property
    def gone(self) -> bool:
        return self.stopping and all(worker.state == "stopped" for worker in self.workers)

    def worker_of(self, report: Report) -> WorkerProcess | None:
        return next((worker for worker in self.workers if worker.pid == report.pid), None)


def _environment(spec: FunctionSpec, settings: Settings) -> dict[str, str]:
    """What the function's processes see: ours, the project's settings, the function's own on top."""
    return {
        **os.environ,
        **settings.environment(),
        "PYTHONUNBUFFERED": "1",
        "NUCLIO_FUNCTION_NAME": spec.name,
        "NUCLIO_FUNCTION_HANDLER": spec.handler,
        **spec.environment,
    }
