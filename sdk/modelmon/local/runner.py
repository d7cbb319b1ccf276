"""The runner as a thing to hold: `with Runner(project_dir) as runner: ...`; `modelmon up` holds one too."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.folders import address_file
from modelmon.local.deployment import Deployment
from modelmon.local.idle import Idle
from modelmon.local.process import TERMINATION_SECONDS
from modelmon.local.supervisor import Supervisor
from modelmon.local.terminal import Tell
from modelmon.settings import Settings

logger = logging.getLogger(__name__)

POLL_SECONDS, IDLE_POLL_SECONDS = 0.05, 0.25
PREPARING_SECONDS = 900.0
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Runner:
    """Runs a project's functions while it is open.

    `tell(level, text)` gets what a person should read (a crashed worker, a warning of a function), from
    another thread; the default is Python's log. `overrides` are settings that win over the project's own.
    """

    def __init__(self, project_dir: str | Path, *, tell: Tell | None = None, **overrides: Any) -> None:
        self._load = partial(Settings.load, project_dir, **overrides)
        self.settings = self._load()
        self._tell = tell or (lambda level, text: logger.log(LEVELS.get(level, logging.WARNING), "%s", text))
        self._supervisor: Supervisor | None = None
        # Not Thread.join: interrupted by Ctrl-C it takes a running thread for an ended one.
        self._ended = threading.Event()
        self._ended.set()
        self._stop_within: float | None = None
        self._problem: BaseException | None = None

    def __enter__(self) -> Runner:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return not self._ended.is_set()

    def start(self) -> None:
        """Start every deployed function. Raises ConfigError when somebody runs this project already."""
        self._supervisor = Supervisor(self._load, self._tell)
        self._stop_within = None
        self._ended.clear()
        threading.Thread(target=self._run, name="modelmon-runner", daemon=True).start()

    def request_stop(self, within_seconds: float = TERMINATION_SECONDS) -> None:
        """Let every function drain and end, killed after `within_seconds`; does not wait for it."""
        self._stop_within = within_seconds

    def stop(self, within_seconds: float = TERMINATION_SECONDS) -> None:
        """As `request_stop`, and wait for it. Raises what made the runner fail, if it did."""
        self.request_stop(within_seconds)
        self._ended.wait()
        self._raise_problem()

    def wait(self) -> None:
        """Until somebody stops the runner. Raises what made it fail, if it did."""
        self._ended.wait()
        self._raise_problem()

    def address(self, function: str, timeout: float = 10.0) -> str:
        """ "host:port" of the function's HTTP trigger. Raises ConfigError if it has none in `timeout` s."""
        path = address_file(Path(self.settings.project_dir), function)
        if not self._wait(path.is_file, timeout):
            raise ConfigError(f"function {function!r} has no HTTP address after {timeout:g} s")
        return path.read_text(encoding="utf-8")

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Until every worker runs. Raises UnavailableError naming those that do not in `timeout` s, which
        begin once the functions' environments are there."""
        with Idle(self.settings) as idle:
            self._wait(lambda: not any(each.is_preparing for each in self._deployments), PREPARING_SECONDS)
            if not self._wait(lambda: not idle.unready(self._deployments), timeout):
                raise UnavailableError(f"after {timeout:g} s {idle.unready(self._deployments)}")

    def wait_until_idle(
        self, timeout: float = 600.0, progress: Callable[[str], None] = lambda text: None
    ) -> None:
        """Until nothing is left to do: all messages read, all windows that can close answered.

        `progress` is told what is left, whenever that changes. Raises UnavailableError when `timeout`
        seconds were not enough, ConfigError when a function can't run.
        """
        with Idle(self.settings) as idle:
            told = ""

            def is_idle() -> bool:
                nonlocal told
                left = idle.left(self._deployments, monotonic())
                if left != told:
                    progress(left)
                    told = left
                return not left

            if not self._wait(is_idle, timeout, every=IDLE_POLL_SECONDS):
                raise UnavailableError(f"not idle after {timeout:g} s: {told}")

    @property
    def _deployments(self) -> tuple[Deployment, ...]:
        assert self._supervisor is not None, "start comes first"
        return self._supervisor.deployments

    def _wait(self, done: Callable[[], bool], timeout: float, every: float = POLL_SECONDS) -> bool:
        """Whether `done` came true in time; raises if the runner ends meanwhile."""
        deadline = monotonic() + timeout
        while not done():
            self._raise_problem()
            if not self.running:
                raise ConfigError("the runner is not running: call start() first")
            if monotonic() >= deadline:
                return False
            time.sleep(every)
        return True

    def _run(self) -> None:
        supervisor = self._supervisor
        asked: float | None = None
        assert supervisor is not None
        try:
            while not supervisor.stopped:
                wanted = self._stop_within
                if wanted is not None and wanted != asked:
                    supervisor.stop(wanted)
                    asked = wanted
                supervisor.step()
            if supervisor.problem:
                raise ConfigError(supervisor.problem)
        except BaseException as problem:  # whoever waits for us raises it
            self._problem = problem
        finally:
            supervisor.close()
            self._ended.set()

    def _raise_problem(self) -> None:
        problem, self._problem = self._problem, None
        if problem is not None:
            raise problem
