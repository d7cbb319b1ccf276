"""Another program, run so that what it says is seen at once, and ended when it takes too long."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import IO

END_WITHIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code (None: it took too long and was ended), what it wrote to stdout,
    and all it wrote."""

    code: int | None
    out: str
    said: str


def run(command: Sequence[str], within_seconds: float, tell: Callable[[str], None]) -> Ended:
    """Run `command` and tell each line it says as it comes. It gets no input.

    After `within_seconds` it is ended, with everything it has started.
    """
    process = subprocess.Popen(  # noqa: S603 - our own arguments
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    out: list[str] = []
    threads = [
        Thread(target=_read, args=(process.stdout, (out, said), tell), daemon=True),
        Thread(target=_read, args=(process.stderr, (said,), tell), daemon=True),
    ]
    for thread in threads:
        thread.start()
    code: int | None = None
    try:
        code = process.wait(within_seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        if code is None:
            _end(process)
        for thread in threads:
            thread.join(END_WITHIN_SECONDS)
    return Ended(code, "".join(out), "".join(said))


def _read(pipe: IO[str], kept: tuple[list[str], ...], tell: Callable[[str], None]) -> None:
    with pipe:
        for line in pipe:
            for lines in kept:
                lines.append(line)
            tell(line.rstrip())


def _end(process: subprocess.Popen[str]) -> None:
    """The process and its children: it was made the first of a group of its own."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_WITHIN_SECONDS)
            return
