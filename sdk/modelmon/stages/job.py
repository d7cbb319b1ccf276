"""Runs of a job: each in a process of its own that ends, one after the other.

What is to be run stands in the ledger; a request only says that there is something. So a request that comes
twice starts nothing twice, and one that is lost is made up for by the next, or by a start.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import job_runs
from modelmon.ledger.job_runs import FAILED, TIMED_OUT, JobRun
from modelmon.ledger.job_settings import JobSettings
from modelmon.ledger.records import open_records
from modelmon.model import wall_clock_us
from modelmon.settings import Settings
from modelmon.sql.database import Database

logger = logging.getLogger(__name__)

MODULE = "modelmon.retraining"
NAME = "MODELMON_JOB"
JSON = "application/json"
LOOK_SECONDS, IDLE_SECONDS = 0.1, 60.0
GRACE_SECONDS = 60.0
"""After its time a run whose process nobody watches any more has failed."""
LAST_SECONDS = 30.0
"""So much later a process ends itself that this one did not end."""
MOST = 100


class JobStage:
    """Works off the runs of one job. `code` is the job's function, at the top of its main.py."""

    def __init__(self, settings: Settings, name: str, code: Callable[..., Any], database: Database) -> None:
        self._settings, self._limits = settings, settings.of(JobSettings)
        self._name, self._code = name, code
        self._database = database
        self._wake, self._stop = Event(), Event()
        self._running = ""
        self._thread = Thread(target=self._work, name="modelmon-job", daemon=True)

    @classmethod
    def open(cls, settings: Settings, code: Callable[..., Any]) -> JobStage:
        """At work from now on. Raises ConfigError and UnavailableError."""
        check_code(code)
        stage = cls(settings, os.environ.get(NAME, ""), code, open_records(settings))
        stage._thread.start()
        stage._wake.set()
        return stage

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> tuple[int, str, str]:
        """Says whether there is a run of the id that the body names; it begins as soon as it can."""
        run_id = body.get("run_id") if isinstance(body, dict) else None
        if method != "POST" or not isinstance(run_id, str):
            return _answer(400, error='send {"run_id": …} of a run that was asked for, by POST')
        with self._database.read() as connection:
            run = job_runs.one_run(connection, run_id)
        if run is None or run.job != self._name:
            return _answer(404, error=f"no run {run_id!r} of the job {self._name} was asked for")
        self._wake.set()
        return _answer(202, run_id=run_id, state=run.state)

    def health(self) -> dict[str, Any]:
        """What it is doing."""
        healthy = self._thread.is_alive()
        return {"state": "ready" if healthy else "failed", "healthy": healthy, "running": self._running}

    async def close(self) -> None:
        """The run that goes on is ended, and has failed."""
        self._stop.set()
        self._wake.set()
        await asyncio.to_thread(self._thread.join)
        self._database.close()

    def _work(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(IDLE_SECONDS)
            self._wake.clear()
            try:
                self._work_off()
            except UnavailableError as error:
                logger.warning("job %s: %s", self._name, error)

    def _work_off(self) -> None:
        while not self._stop.is_set():
            with self._database.write() as connection:
                job_runs.end_overdue(connection, wall_clock_us())
                waiting = job_runs.requested_of(connection, self._name, 1)
            if not waiting:
                return
            self._run(waiting[0])

    def _run(self, run: JobRun) -> None:
        now_us = wall_clock_us()
        deadline_us = now_us + round(1e6 * (self._limits.job_seconds + GRACE_SECONDS))
        with self._database.write() as connection:
            if not job_runs.start(connection, run.run_id, now_us, deadline_us):
                return  # another replica has it
        self._running = run.run_id
        logger.info("run %s of %s begins", run.run_id[:8], self._name)
        state, why = self._watch(run)
        with self._database.write() as connection:
            job_runs.finish(connection, run.run_id, state, why, wall_clock_us())
        self._running = ""

    def _watch(self, run: JobRun) -> tuple[str, str]:
        """How a run ended whose own process has not told; what it has told stands."""
        lifeline, ours = os.pipe()  # the kernel closes our end when we are killed
        try:
            process = _process(run.run_id, self._code, self._limits, lifeline)
            return self._watched(process)
        except OSError as error:
            return FAILED, f"it could not be started: {error}"
        finally:
            os.close(lifeline)
            os.close(ours)

    def _watched(self, process: subprocess.Popen[bytes]) -> tuple[str, str]:
        ends_at = monotonic() + self._limits.job_seconds
        while process.poll() is None and monotonic() < ends_at and not self._stop.is_set():
            self._stop.wait(LOOK_SECONDS)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if self._stop.is_set():
                return FAILED, "the function was stopped while it ran"
            return TIMED_OUT, f"it took longer than {self._limits.job_seconds:g} s (job_seconds)"
        return FAILED, _reason(process.returncode)


def check_code(code: Callable[..., Any]) -> None:
    """Raises ConfigError for what another process could not find again."""
    if not inspect.isfunction(code) or code.__qualname__ != code.__name__ or code.__name__ == "<lambda>":
        raise ConfigError(f"job: must be a function at the top of its file, got {code!r}")


def _process(
    run_id: str, code: Callable[..., Any], limits: JobSettings, lifeline: int
) -> subprocess.Popen[bytes]:
    file = Path(inspect.getfile(code)).resolve()
    seconds = limits.job_seconds + LAST_SECONDS
    command = [
        sys.executable, "-P", "-m", MODULE, run_id, str(file), code.__name__, str(lifeline), str(seconds),
    ]  # fmt: skip
    return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=(lifeline,),
        preexec_fn=partial(_limit, limits.job_memory_megabytes),
    )  # fmt: skip


def _limit(megabytes: int) -> None:
    """In the new process: it is the first that the kernel ends where memory is short, and gets no more."""
    if megabytes:
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes * 2**20, megabytes * 2**20))


def _reason(code: int) -> str:
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}, and has told nothing"


def _answer(status: int, **said: str) -> tuple[int, str, str]:
    return status, json.dumps(said), JSON
