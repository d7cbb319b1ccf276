"""Runs every function folder of a project, each worker in a process of its own, until told to stop."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic

import msgspec

from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.folders import deployed, functions_folder, report_file
from modelmon.function_spec.topics import check_streams
from modelmon.local.deployment import Deployment, fingerprint
from modelmon.local.listening import Listening
from modelmon.local.process import TERMINATION_SECONDS
from modelmon.local.runner_state import RunnerReport, lock_project
from modelmon.local.terminal import Tell, Telling
from modelmon.local.worker_reports import WorkerReport
from modelmon.settings import Settings
from modelmon.sources import make_folder

LOOK_SECONDS = 0.05  # between two looks at the processes
SCAN_SECONDS = 0.5  # between two looks at the folders
GONE_SECONDS = 1.0  # for workers whose state is gone: there is nothing that they could write


class Supervisor:
    """Call `step` again and again; afterwards `close`. One thread, nothing waits longer than a look.

    The lock, the pipes and the sockets live in this process alone. A worker reads the lifeline pipe,
    whose other end only we hold: when we are gone, however we went, it ends.
    """

    def __init__(self, load: Callable[[], Settings], tell: Tell) -> None:
        settings = load()
        check_streams(settings)
        self._load = load  # again for each function that starts: they may have changed since
        self._project = Path(settings.project_dir)
        self._tell = tell
        self._folder = functions_folder(self._project)
        try:
            make_folder(self._folder)
            self._lock = lock_project(self._project)
        except OSError as error:
            raise UnavailableError(f"{self._folder.parent} can't be written: {error.strerror}") from error
        self._lifeline, self._our_end = os.pipe()
        self._reports, self._their_end = os.pipe()
        self._unread = b""
        self._tell_of = Telling(tell)
        self._home = _identity(self._folder.parent)
        self.problem = ""
        self._listening = Listening(self._project, settings.http_host, settings.http_port, tell)
        self._deployments: dict[str, Deployment] = {}
        self._seen: dict[str, str] = {}
        self._next_scan = 0.0
        self._report = RunnerReport(self._project)
        self._stopping = False
        self._scan(settle=False)

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        return tuple(self._deployments.values())

    @property
    def stopped(self) -> bool:
        """Whether `stop` was asked for and every worker is gone."""
        return self._stopping and not self._deployments

    def step(self) -> None:
        """Read what workers report, start and end what has to, look at the folders now and then."""
        self._read_reports()
        if not self._stopping and monotonic() >= self._next_scan:
            self._scan()
        for deployment in list(self._deployments.values()):
            self._watch(deployment)
            self._listening.turn_away(deployment.name, *deployment.absence())
            if deployment.gone:
                deployment.close()
                del self._deployments[deployment.name]
                if deployment.name not in self._seen:  # else it starts anew, at the same address
                    self._listening.close(deployment.name)
        self._write_report()

    def stop(self, within_seconds: float = TERMINATION_SECONDS) -> None:
        """Let every worker drain and end."""
        self._stopping = True
        for deployment in self._deployments.values():
            deployment.stop(within_seconds)

    def close(self) -> None:
        """Release everything. Workers that still run end at once."""
        for deployment in self._deployments.values():
            deployment.close()
        self._listening.close_all()
        self._report.remove()
        for descriptor in (self._our_end, self._lifeline, self._reports, self._their_end, self._lock):
            os.close(descriptor)

    def _scan(self, settle: bool = True) -> None:
        """Start what is new, end what has changed or is gone; a folder has to be at rest for one look."""
        self._next_scan = monotonic() + SCAN_SECONDS
        if _identity(self._folder.parent) == self._home:
            self._compare(settle)
        else:
            self.problem = (
                f"{self._folder.parent} was removed or replaced while its functions ran: they end, and what "
                "was stored there is gone; deploy again, and start `modelmon up` anew"
            )
            self.stop(GONE_SECONDS)

    def _compare(self, settle: bool) -> None:
        folders = deployed(self._folder)
        found = {name: fingerprint(folder) for name, folder in folders.items()}
        for name, deployment in self._deployments.items():
            if found.get(name) != deployment.fingerprint and not deployment.stopping:
                self._tell("info", f"{name}: {'changed, starts anew' if name in found else 'removed'}")
                deployment.stop(TERMINATION_SECONDS)
        for name, folder in folders.items():
            if name not in self._deployments and (not settle or self._seen.get(name) == found[name]):
                self._start(folder)
        self._seen = found

    def _start(self, folder: Path) -> None:
        deployment = self._deployments[folder.name] = Deployment(folder)
        try:
            settings = self._load()
            http = deployment.read(settings)
            listening = self._listening.open(deployment.name, http.port) if http else None
            deployment.start(settings, self._lifeline, self._their_end, listening, self._tell)
        except (ConfigError, OSError) as error:
            self._give_up(deployment, error)

    def _watch(self, deployment: Deployment) -> None:
        try:
            deployment.watch(partial(self._tell_of, deployment.name, "warning"))
        except ConfigError as error:
            self._give_up(deployment, error)

    def _give_up(self, deployment: Deployment, error: Exception) -> None:
        """Until its folder changes: nothing else would make it run."""
        deployment.error = str(error)
        self._tell("error", f"{deployment.name} does not run: {error}")

    def _read_reports(self) -> None:
        readable, _, _ = select.select([self._reports], [], [], LOOK_SECONDS)
        if not readable:
            return
        *lines, self._unread = (self._unread + os.read(self._reports, 2**16)).split(b"\n")
        for line in lines:
            with suppress(msgspec.DecodeError):  # torn by another worker's, where pipes take less at once
                self._take(msgspec.json.decode(line, type=WorkerReport))

    def _take(self, report: WorkerReport) -> None:
        deployment = self._deployments.get(report.function)
        worker = deployment.worker_of(report) if deployment else None
        if report.level:
            self._tell_of(report.function, report.level, report.message, report.is_incident)
            if worker is not None and report.is_last:
                worker.last_error = report.message
        elif worker is not None:
            worker.be_ready()

    def _write_report(self) -> None:
        try:
            self._report.write(self.deployments)
        except OSError as error:  # the functions are worth more than the report on them
            if not self.problem:
                path = report_file(self._project)
                self._tell_of("runner", "warning", f"{path} can't be written: {error.strerror}")


def _identity(folder: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = folder.stat()
        return found.st_dev, found.st_ino
    return None
