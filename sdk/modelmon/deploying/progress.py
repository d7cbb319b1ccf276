"""What one sees while a function is deployed: the steps that nuctl reports, and that it is still at it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

from modelmon.deploying.reasons import COLOUR, LOGGED, NUCLIO
from modelmon.errors import UnavailableError
from modelmon.sources import make_folder

REMIND_SECONDS = 30.0
STEPS = {
    "Deploying function": "",
    "Building": "",
    "Staging files and preparing base images": "preparing its files",
    "Using user provided base image, runtime interpreter version is provided by the base image": "",
    "Pulling image": "pulling {imageName}",
    "Building processor image": "",
    "Building docker image": "building its image",
    "Pushing docker image into registry": "pushing its image to {registry}",
    "Docker image was successfully built and pushed into docker registry": "",
    "Build complete": "its image is built",
    "Cleaning up before deployment": "",
    "Function already exists, deleting function containers": "replacing its container",
    "Waiting for function to be ready": "waiting until it is ready",
    "Docker command outputted to stderr - this may result in errors": "",
    "Failed to create a function; setting the function status": "",
    "Function deploy complete": "",
}
"""Message of nuctl to our words, with one of its fields; "" for what is not worth a line. One whose field is
empty (no registry) is not either. Other messages are told as they are."""


def step_in(line: str) -> str:
    """The step that a line of nuctl's log reports; "" for none. Debugging and what is no log are none.

    >>> step_in('26.11.29 22:31:28.981 (I)    nuctl.platform Building docker image {"image": "a"}')
    'building its image'
    """
    logged = LOGGED.match(COLOUR.sub("", line))
    if logged is None or logged["level"] == "D":
        return ""
    message, brace, fields = logged["what"].partition(" {")
    if message not in STEPS:
        return message
    words, named, field = STEPS[message].rstrip("}").partition("{")
    value = _fields(brace.strip() + fields).get(field)
    return words if not named else f"{words}{value}" if value else ""


def last_step(said: str) -> str:
    """The last step in all that nuctl said; "" before the first."""
    return next((step for line in reversed(said.splitlines()) if (step := step_in(line))), "")


@contextmanager
def following(tell: Callable[[str], None], log: Path) -> Iterator[Callable[[str], None]]:
    """Gives who is to be called with each line that nuctl says.

    All lines go to the file `log`; each new step is told, and every half minute that the last one goes on.
    """
    with _private(log) as file:
        follower = _Follower(tell, file)
        ended = Event()
        reminder = Thread(target=follower.remind, args=(ended,), daemon=True)
        reminder.start()
        try:
            yield follower.line
        finally:
            ended.set()
            reminder.join()


class _Follower:
    def __init__(self, tell: Callable[[str], None], log: IO[str]) -> None:
        self._tell = tell
        self._log = log
        self._step = "starting nuctl"
        self._since = time.monotonic()
        self._failed = False

    def line(self, line: str) -> None:
        self._log.write(line + "\n")
        self._log.flush()
        # What comes with the error is another log: the container's.
        self._failed = self._failed or NUCLIO.match(line) is not None
        step = "" if self._failed else step_in(line)
        if step and step != self._step:
            self._step, self._since = step, time.monotonic()
            self._tell(f"  {step}")

    def remind(self, ended: Event) -> None:
        while not ended.wait(REMIND_SECONDS):
            seconds = time.monotonic() - self._since
            if seconds >= REMIND_SECONDS / 2:
                self._tell(f"  still {self._step}, for {duration(seconds)}")


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(75.2)
    '1 min 15 s'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _private(log: Path) -> IO[str]:
    try:
        make_folder(log.parent)
        return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
    except OSError as error:
        raise UnavailableError(f"{log} can't be written: {error.strerror}") from error


def _fields(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
