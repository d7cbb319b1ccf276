"""One worker process as the supervisor sees it: started, watched, started again, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import msgspec

from modelmon.local.logs import LogFile
from modelmon.local.worker import WorkerSpec
from modelmon.sources import make_folder

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 10.0
HEALTHY_SECONDS = 5.0  # a worker that was ready for this long starts anew without a wait
NO_NEW_TOPICS = {"MODELMON_KAFKA_MISSING_TOPIC": "refuse"}
TERMINATION_SECONDS = 15.0  # as Nuclio: 10 s for the callbacks, 5 s more


class WorkerProcess:
    """Keeps one worker running until `stop`. `watch` has to be called often; nothing here waits.

    `python` is the interpreter of the function's environment, `environment` the variables that it sees.
    """

    def __init__(
        self, spec: WorkerSpec, python: str, environment: Mapping[str, str], project: Path, log: Path
    ) -> None:
        self.spec = spec
        self._python = python
        self.restarts = 0
        self.last_exit = ""
        self.last_error = ""  # what it said of its end; "" once it is ready
        self.exit_code: int | None = None
        self.ready_at: float | None = None
        self._environment = environment
        self._folder = project
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._start_at = 0.0
        self._wait = FIRST_WAIT_SECONDS
        self._kill_at: float | None = None

    @property
    def name(self) -> str:
        return f"worker {self.spec.worker} of trigger {self.spec.trigger.name}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def state(self) -> str:
        """starting, ready, waiting (to be started again), stopping or stopped."""
        if self._kill_at is not None:
            return "stopping" if self._process else "stopped"
        if self._process is None:
            return "waiting"
        return "starting" if self.ready_at is None else "ready"

    @property
    def failure(self) -> str:
        """Why it is not there, when it has failed and has not been ready since; else ""."""
        failing = self.restarts and self._kill_at is None and (self._process is None or self.ready_at is None)
        return (self.last_error or self.last_exit) if failing else ""

    def be_ready(self) -> None:
        """It says that it is at work."""
        self.ready_at = monotonic()
        self.last_error = ""

    def watch(self) -> str | None:
        """Start what has to run, end what should have ended; says so when the worker has crashed."""
        now = monotonic()
        if self._process is None:
            return self._start(now) if self._kill_at is None and now >= self._start_at else None
        code = self._process.poll()
        if code is not None:
            self._process = None
            if self.ready_at is not None:
                # Its stream was there, or was made: deleted since, it stays away and the error visible.
                self._environment = {**self._environment, **NO_NEW_TOPICS}
            return self._ended(code, now)
        if self._kill_at is not None and now >= self._kill_at:
            self._process.kill()
        return None

    def stop(self, within_seconds: float = TERMINATION_SECONDS) -> None:
        """Ask the worker to drain and end; killed if it does not within the time."""
        first = self._kill_at is None
        self._kill_at = monotonic() + within_seconds
        if first and self._process is not None:
            self._process.terminate()

    def _start(self, now: float) -> str | None:
        self.ready_at = None
        try:
            self._process = self._spawn()
        except OSError as error:  # a full disk, no memory: try again later
            return self._again(f"could not be started: {error}", now)
        return None

    def _spawn(self) -> subprocess.Popen[bytes]:
        spec = msgspec.structs.replace(self.spec, last_exit=self.last_exit if self.exit_code else "")
        inherited = [self.spec.lifeline, self.spec.reports]
        if self.spec.listening is not None:
            inherited.append(self.spec.listening)
        make_folder(self._log.parent)
        with LogFile(self._log, self.spec.log_max_bytes).open() as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                # -P: nothing outside the function's folder can be imported, as on a cluster
                [
                    self._python,
                    "-P",
                    "-m",
                    "modelmon.local.worker",
                    msgspec.json.encode(spec).decode(),
                ],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=inherited,
                start_new_session=True,  # Ctrl-C is the supervisor's alone
            )

    def _ended(self, code: int, now: float) -> str | None:
        if self._kill_at is not None:
            return None
        if self.ready_at is not None and now - self.ready_at >= HEALTHY_SECONDS:
            self._wait = FIRST_WAIT_SECONDS
        self.exit_code = code
        return self._again(_reason(code), now)

    def _again(self, reason: str, now: float) -> str:
        self.restarts += 1
        self.last_exit, wait = reason, self._wait
        self._start_at = now + wait
        self._wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        return f"{reason}; starts again in {wait:g} s, see {os.path.relpath(self._log)}"


def _reason(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
