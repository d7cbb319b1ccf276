"""A process that serves the tests: started, killed, frozen, and ended with all that it wrote."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .debian import as_user, give
from .watching import EndsWithUs


class Server:
    """Runs until `stop`. `kill` is `kill -9`; `start` brings it back with what it had.

    Of each kind: what starts it, whether it answers, of which processes it consists.
    """

    title: str
    start_seconds = 90.0

    def __init__(self, owner: str = "") -> None:
        """`owner` is the user who runs it where we are root; "": we."""
        self._as_owner: dict[str, Any] = as_user(owner) if owner else {}
        self._folder = Path(tempfile.mkdtemp(prefix=f"modelmon-{self.title.lower()}-", dir="/tmp"))
        if owner:
            give(self._folder, owner)
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: EndsWithUs | None = None

    def _command(self) -> Sequence[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._as_owner,
            )
        self._watcher = EndsWithUs(self._process.pid, self._folder)
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.title} did not start:\n{self.log[-3000:]}")
            time.sleep(0.05)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """`kill -9` of all its processes."""
        if self._watcher is not None:
            self._watcher.forget()
            self._watcher = None
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """From now on it accepts everything and answers nothing, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it and remove what it wrote."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self, command: Sequence[str], seconds: float = 120.0) -> None:
        """Run what makes its data."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, **self._as_owner)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._processes():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(pid, number)

    def _processes(self) -> list[int]:
        assert self._process is not None, "started first"
        return [self._process.pid]


def serve(server: Server, address: str) -> None:
    """Until this process is ended: a server to try things with."""
    print(address, os.getpid(), flush=True)
    try:
        signal.pause()
    finally:
        server.stop()
