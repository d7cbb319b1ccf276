"""The environment of a function that is to run: made in a thread, while the others start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from modelmon.errors import ModelMonError, UnavailableError
from modelmon.local.environments import Environment, Held, hold

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5.0, 60.0


class Preparation:
    """Call `take` often; it gives the environment once, when it is there. Nothing here waits."""

    def __init__(self, environment: Environment, log: Path, tell: Callable[[str, str], None]) -> None:
        self._environment = environment
        self._log = log
        self._tell = tell
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._result: Held | ModelMonError | None = None
        self._held: Held | None = None
        self._start_at = 0.0
        self._wait = FIRST_WAIT_SECONDS

    @property
    def is_done(self) -> bool:
        """Whether nothing goes on in the background."""
        return self._thread is None

    def take(self) -> Held | None:
        """The environment, once; None while there is none. What may work later is told and tried again.

        Raises ConfigError for requirements that can't be installed.
        """
        if self._thread is None:
            if self._held is None and not self._stopping.is_set() and monotonic() >= self._start_at:
                self._begin()
        elif not self._thread.is_alive():
            self._thread = None
            return self._taken()
        return None

    def stop(self) -> None:
        """End what goes on, soon."""
        self._stopping.set()

    def close(self) -> None:
        """Let go of the environment: nothing of it runs any more."""
        self._stopping.set()
        if self._held is not None:
            self._held.close()

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._run, name="modelmon-environment", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = hold(
                self._environment, lambda text: self._tell("info", text), self._log, self._stopping.is_set
            )
        except ModelMonError as error:
            self._result = error
        except Exception as error:  # the end of the thread: nobody else would tell
            self._result = UnavailableError(f"its environment: {type(error).__name__}: {error}")

    def _taken(self) -> Held | None:
        result, self._result = self._result, None
        if isinstance(result, Held):
            self._held = result
            return result
        if self._stopping.is_set():
            return None
        if not isinstance(result, UnavailableError):
            assert result is not None, "the thread leaves a result"
            raise result
        self._tell("warning", f"{result}; tried again in {self._wait:g} s")
        self._start_at = monotonic() + self._wait
        self._wait = min(2 * self._wait, LONGEST_WAIT_SECONDS)
        return None
