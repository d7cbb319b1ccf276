"""Another program, run so that what it says is seen at once, and ended with us or when it takes too long."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import IO

END_WITHIN_SECONDS = 5.0
ENDING = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code (None: it took too long and was ended), what it wrote to stdout,
    and all it wrote."""

    code: int | None
    out: str
    said: str


def run(
    command: Sequence[str],
    within_seconds: float,
    tell: Callable[[str], None],
    *,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    kept_open: Sequence[int] = (),
    started: Callable[[int], None] = lambda pid: None,
) -> Ended:
    """Run `command` and tell each line it says as it comes, `started` its process id. It gets no input.

    It works in `folder`, with `variables` added to its environment and the files `kept_open`. After
    `within_seconds`, and when this process is interrupted, terminated or loses its terminal, it is ended
    with everything it has started.
    """
    with _signals_raise():
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=folder,
            env={**os.environ, **(variables or {})},
            pass_fds=kept_open,
            start_new_session=True,
        )
        return _follow(process, within_seconds, tell, started)


def _follow(
    process: subprocess.Popen[str],
    within_seconds: float,
    tell: Callable[[str], None],
    started: Callable[[int], None],
) -> Ended:
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    out: list[str] = []
    threads = [
        Thread(target=_read, args=(process.stdout, (out, said), tell), daemon=True),
        Thread(target=_read, args=(process.stderr, (said,), tell), daemon=True),
    ]
    code: int | None = None
    try:
        for thread in threads:
            thread.start()
        started(process.pid)
        code = _wait(process, within_seconds)
    finally:
        if code is None:
            _end(process)
        for thread in threads:
            thread.join(END_WITHIN_SECONDS)
    return Ended(code, "".join(out), "".join(said))


def _wait(process: subprocess.Popen[str], within_seconds: float) -> int | None:
    """The exit code, None when the time is over before."""
    try:
        return process.wait(within_seconds)
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Signals that would end this process without another word end it by an exception meanwhile, so that
    what it has started ends too. Signals that somebody handles or ignores stay his."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may
        return
    ours = [each for each in ENDING if signal.getsignal(each) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, _exit)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _read(pipe: IO[str], kept: tuple[list[str], ...], tell: Callable[[str], None]) -> None:
    with pipe:
        for line in pipe:
            for lines in kept:
                lines.append(line)
            tell(line.rstrip())


def _end(process: subprocess.Popen[str]) -> None:
    """The process and its children: it was made the first of a group of its own."""
    try:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_WITHIN_SECONDS)
    finally:  # whoever is left of the group, and when we are interrupted once more
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[str], how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how)
