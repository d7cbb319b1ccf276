"""One deployed function folder: its workers, and whether the folder has changed since they started."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path

from modelmon.function_spec.folders import log_file
from modelmon.function_spec.function_yaml import FunctionSpec, read_function
from modelmon.function_spec.telemetry import NO_TELEMETRY
from modelmon.function_spec.triggers import HttpTrigger
from modelmon.local.environment_threads import Preparation
from modelmon.local.environments import Held, environment_of
from modelmon.local.needs import needs_of
from modelmon.local.process import WorkerProcess
from modelmon.local.terminal import Tell
from modelmon.local.turning_away import FIRST_START_SECONDS
from modelmon.local.worker import WorkerSpec
from modelmon.local.worker_reports import WorkerReport
from modelmon.settings import Settings

IGNORED = ("__pycache__",)


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
        self._workers: Callable[[Held], list[WorkerProcess]] = lambda held: []
        self._preparation: Preparation | None = None

    def read(self, settings: Settings) -> HttpTrigger | None:
        """Read the function.yaml; returns its HTTP trigger, if it has one. Raises ConfigError."""
        self.spec = read_function(self.folder, settings)
        return self.http

    def start(
        self, settings: Settings, lifeline: int, reports: int, listening: int | None, tell: Tell
    ) -> None:
        """Prepare the workers, which `watch` starts as soon as their environment is there.

        Raises ConfigError for requirements that are none.
        """
        assert self.spec is not None, "read comes first"
        self._workers = partial(self._make_workers, settings, lifeline, reports, listening)
        environment = environment_of(needs_of(self.spec, settings))
        if environment.folder is None:
            self.workers = self._workers(Held(environment.python))
            return
        log = log_file(Path(settings.project_dir), self.name)
        self._preparation = Preparation(
            environment, log, lambda level, text: tell(level, f"{self.name}: {text}")
        )

    def watch(self, tell: Callable[[str], None]) -> None:
        """Look after every worker once; tells what has crashed.

        Raises ConfigError for an environment that can't be made.
        """
        if self.is_preparing:
            self._take_environment()
        for worker in self.workers:
            problem = worker.watch()
            if problem:
                tell(f"{worker.name} {problem}")

    def stop(self, within_seconds: float) -> None:
        self.stopping = True
        if self._preparation is not None:
            self._preparation.stop()
        for worker in self.workers:
            worker.stop(within_seconds)

    def close(self) -> None:
        """Nothing of it runs any more: its environment may be removed."""
        if self._preparation is not None:
            self._preparation.close()

    @property
    def is_preparing(self) -> bool:
        """Whether it waits for its environment."""
        return self._preparation is not None and not self.workers and not self.error

    @property
    def http(self) -> HttpTrigger | None:
        triggers = self.spec.triggers if self.spec else ()
        return next((each for each in triggers if isinstance(each, HttpTrigger)), None)

    def absence(self) -> tuple[str, float]:
        """Why no worker answers its requests, "" if one does; and how long callers wait all the same."""
        wait = self.http.worker_wait_seconds if self.http else 0.0
        serving = [each for each in self.workers if isinstance(each.spec.trigger, HttpTrigger)]
        if any(worker.state == "ready" for worker in serving):
            return "", 0.0
        if self.error:
            return "does not run", wait
        if self.is_preparing:
            return "waits for its environment", wait
        if any(worker.failure for worker in serving):
            return "can't start", wait
        return "has not started yet", FIRST_START_SECONDS

    @property
    def gone(self) -> bool:
        return (
            self.stopping
            and (self._preparation is None or self._preparation.is_done)
            and all(worker.state == "stopped" for worker in self.workers)
        )

    def _take_environment(self) -> None:
        assert self._preparation is not None, "only then it is preparing"
        held = self._preparation.take()
        if held is not None and not self.stopping:
            self.workers = self._workers(held)

    def _make_workers(
        self, settings: Settings, lifeline: int, reports: int, listening: int | None, held: Held
    ) -> list[WorkerProcess]:
        assert self.spec is not None, "read comes first"
        environment = _environment(self.spec, settings, held.variables(os.environ))
        project = Path(settings.project_dir)
        log = log_file(project, self.name)
        return [
            WorkerProcess(
                WorkerSpec(
                    function=self.name,
                    folder=str(self.folder),
                    handler=self.spec.handler,
                    trigger=trigger,
                    worker=worker,
                    lifeline=lifeline,
                    reports=reports,
                    listening=listening if isinstance(trigger, HttpTrigger) else None,
                    log=str(log),
                    log_max_bytes=settings.log_max_bytes,
                ),
                held.python,
                environment,
                project,
                log,
            )
            for trigger in self.spec.triggers
            for worker in range(trigger.workers)
        ]

    def worker_of(self, report: WorkerReport) -> WorkerProcess | None:
        return next((worker for worker in self.workers if worker.pid == report.pid), None)


def _environment(spec: FunctionSpec, settings: Settings, ours: Mapping[str, str]) -> dict[str, str]:
    """What the function's processes see: ours, the project's settings, the function's own on top."""
    return {
        **ours,
        **NO_TELEMETRY,
        **settings.environment(),
        "PYTHONUNBUFFERED": "1",
        "NUCLIO_FUNCTION_NAME": spec.name,
        "NUCLIO_FUNCTION_HANDLER": spec.handler,
        **spec.environment,
    }
