"""Why a deployment failed: the line that says so, out of all that nuctl, Docker and the container say."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

LONGEST = 600
TAIL_LINES = 8
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LOGGED = re.compile(r"\d\d\.\d\d\.\d\d \d\d:\d\d:\d\d\.\d{3} +\((?P<level>[A-Z])\) +\S+ (?P<what>.*)")
"""A line of Nuclio's log, of nuctl as of a function's container."""
GO = re.compile(r"\s*\S*\.go:\d+|goroutine \d+ |created by |\S+\(0x[0-9a-f]|panic: |Call stack:|std...:|\s*$")
"""What Go's and Nuclio's own stacks are made of."""
FROZEN = re.compile(r"\s*File \"<frozen ")
"""Frames of Python's own import."""
PYTHON = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]*(?:Error|Exception|Exit|Interrupt|Warning)(?:: .*)?")
INSTALLER = re.compile(r"(?:ERROR|error): (?P<what>.*)")
NUCLIO = re.compile(r"Error - (?P<what>.*)")
SAYS_NOTHING = re.compile(r"exit status \d+|Container exited with status: \d+|context deadline exceeded")
DOCKER = re.compile(
    r"The command .* returned a non-zero code: \d+|(?:docker: )?Error response from daemon: .*"
)
DAEMON = re.compile(
    r"(?:Cannot connect to the Docker daemon at|[Ff]ailed to connect to the docker API at"
    r"|(?:Got )?permission denied while trying to connect to the [Dd]ocker (?:daemon|API)"
    r"|error during connect:)[^\"\\\n]*"
)
"""How the command docker says that nobody answers, or lets us in, where the daemon should be."""
SAID = re.compile(r"^std(?:out|err):\n(.*?)(?=^std(?:out|err):|^\s+\S*\.go:\d+|\Z)", re.MULTILINE | re.DOTALL)
"""In Go's stack, what a command has said that nuctl has called."""
NO_MODULE = "ModuleNotFoundError: "
TRACEBACK = "Traceback (most recent call last)"


def readable(text: str) -> list[str]:
    """The lines of a log that are for people: no colours, no Go, no debugging; tracebacks as Python writes
    them."""
    found: list[str] = []
    for line in COLOUR.sub("", text).replace("\r", "\n").splitlines():
        logged = LOGGED.match(line)
        if logged is not None and logged["level"] in "DI":
            continue
        if logged is not None:
            found.append(logged["what"].partition(" {")[0])
        elif line.startswith("{"):
            found += _from_wrapper(line)
        elif not GO.match(line):
            found.append(line.rstrip())
    return [line for line in found if not FROZEN.match(line)]


def reason_in(text: str) -> str:
    """The line of a failed call's log that says why: the `known_reason`, else the last one of the command
    that has failed, else the very last.

    >>> reason_in("something new")
    'something new'
    """
    said = [line for part in SAID.findall(COLOUR.sub("", text)) for line in part.splitlines() if line.strip()]
    lines = said[-1:] or readable(text)[-1:] or [""]
    return known_reason(text) or lines[-1].strip()[:LONGEST]


def known_reason(text: str) -> str:
    """The line of a log that is known to say why: Python's `…Error:`, else the installer's, that Docker's
    daemon is away, Nuclio's or Docker's; "" for none.

    >>> known_reason("Traceback (most recent call last):\\nValueError: no\\n\\nError - exit status 1")
    'ValueError: no'
    """
    lines = readable(text)
    for find in (_python, _installer, lambda _: _daemon(text), _nuclio, _docker):
        reason = find(lines)
        if reason:
            return reason[:LONGEST]
    return ""


def mend_of(reason: str) -> str:
    """What to do about it, where that is known; begins with a blank."""
    if reason.startswith(NO_MODULE):
        return (
            "; put the package that has it among the function's requirements: requirements.txt beside its "
            "code, or requirements=[…]"
        )
    return ""


def has_traceback(text: str) -> bool:
    return TRACEBACK in text


def tail(text: str) -> list[str]:
    """The last lines of a log that are for people; of one with a traceback the end of that."""
    lines = readable(text)
    begins = [index for index, line in enumerate(lines) if line.startswith(TRACEBACK)]
    if begins:
        ends = (at for at, line in enumerate(lines) if at > begins[-1] and PYTHON.fullmatch(line))
        lines = lines[begins[-1] : next(ends, len(lines)) + 1]
    return lines[-TAIL_LINES:]


def _from_wrapper(line: str) -> list[str]:
    """What Nuclio's Python wrapper logs before it has reached the processor: JSON."""
    try:
        document = json.loads(line)
    except ValueError:
        return [line]
    more = document.get("with") if isinstance(document, dict) else None
    traceback = more.get("traceback") if isinstance(more, dict) else None
    if isinstance(traceback, str):
        return [each for each in traceback.splitlines() if each]
    return [str(document.get("message", line))] if isinstance(document, dict) else [line]


def _python(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if PYTHON.fullmatch(line.strip())), "")


def _installer(lines: Sequence[str]) -> str:
    found = [match["what"] for line in lines if (match := INSTALLER.match(line.strip()))]
    return found[-1] if found else ""


def _daemon(text: str) -> str:
    found = DAEMON.search(COLOUR.sub("", text))
    return found[0].strip() if found is not None else ""


def _nuclio(lines: Sequence[str]) -> str:
    found = [match["what"] for line in lines if (match := NUCLIO.match(line.strip()))]
    return next((each for each in reversed(found) if not SAYS_NOTHING.fullmatch(each)), "")


def _docker(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if DOCKER.fullmatch(line.strip())), "")
