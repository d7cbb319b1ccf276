"""Calls of uv, which makes virtual environments in seconds: what it is told, and what it says in one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

from modelmon.errors import ConfigError, UnavailableError
from modelmon.sources import make_folder

LOOK_SECONDS = 0.05
STOPPED = "stopped before it was done"
LONGEST_ERROR = 600
AWAY = re.compile(
    r"request failed|failed to (fetch|download)|error sending request|timed out|connection|dns error"
    r"|no space left|permission denied|read-only file system",
    re.IGNORECASE,
)
"""How uv's errors speak of what may be otherwise the next time."""
UNSOLVABLE = "No solution found"
FRAME = re.compile(r"^[\s×╰─▶├│]+")
NOISE = re.compile(r"warning\b|(Using|Resolved|Prepared|Downloading|Downloaded|Creating|Building) ")
USER = re.compile(r"://[^/@\s]+@")
AS_PIP = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX", "PIP_CERT": "SSL_CERT_FILE",
}  # fmt: skip
"""Where packages come from: variables that pip reads, and uv's own for the same."""
LISTS = ("UV_FIND_LINKS",)
"""Variables whose entries pip parts by spaces and uv by commas."""


def has_uv() -> bool:
    """Whether the program is installed: it comes with the extra `local`."""
    return find_spec("uv") is not None


def run_uv(arguments: Sequence[str], folder: Path, log: Path, stopped: Callable[[], bool], keep: int) -> None:
    """Call uv in `folder`, with the descriptor `keep` left open in it; the file `log` gets all that it says.

    Ends uv when `stopped` says so. Raises ConfigError with uv's reason when what was asked for can't be,
    UnavailableError when that may change.
    """
    process = subprocess.Popen(  # noqa: S603 - our own arguments
        [sys.executable, "-P", "-m", "uv", "--no-progress", "--color", "never", *arguments],
        cwd=folder,  # no settings of the project that happens to be here
        env=_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[keep],
        start_new_session=True,  # Ctrl-C is the caller's alone
    )
    with process:
        said = _read(process, stopped).decode(errors="replace")
    make_folder(log.parent)
    with log.open("a", encoding="utf-8") as kept:
        kept.write(USER.sub("://…@", said))
    if stopped():
        raise UnavailableError(STOPPED)
    if process.returncode:
        text = in_one_line(said)
        raise (UnavailableError if AWAY.search(text) and UNSOLVABLE not in text else ConfigError)(text)


def in_one_line(said: str) -> str:
    """What uv says of a failure, without frames, warnings, hints and credentials.

    >>> in_one_line("warning: old\\nerror: No solution found\\n  cause: Because there is no river==99 …")
    'No solution found: Because there is no river==99 …'
    """
    lines = [FRAME.sub("", line).strip() for line in said.splitlines()]
    start = next((number for number, line in enumerate(lines) if line.startswith("error:")), 0)
    kept = takewhile(lambda line: not line.startswith("hint"), lines[start:])
    text = " ".join(line for line in kept if line and not NOISE.match(line)).removeprefix("error: ")
    text = USER.sub("://…@", text.replace(" cause: ", ": ")) or "uv said nothing"
    return text if len(text) <= LONGEST_ERROR else f"{text[: LONGEST_ERROR - 1]}…"


def _read(process: subprocess.Popen[bytes], stopped: Callable[[], bool]) -> bytes:
    while True:
        try:
            said, _ = process.communicate(timeout=LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if stopped():
                process.kill()
        else:
            return said


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours; uv takes packages from where pip would, unless its own variables say otherwise."""
    told = {uv: ours[pip] for pip, uv in AS_PIP.items() if ours.get(pip) and not ours.get(uv)}
    lists = {name: ",".join(told[name].split()) for name in LISTS if name in told}
    return {**ours, **told, **lists, "PATH": os.pathsep.join(_places(ours.get("PATH", os.defpath)))}


def _places(path: str) -> Iterator[str]:
    """Where Pythons are looked for. pyenv's shims work for the selected version alone: its versions do."""
    for entry in path.split(os.pathsep):
        versions = Path(entry).parent / "versions"
        if Path(entry).name == "shims" and versions.is_dir():
            yield from (str(each) for each in sorted(versions.glob("3.*/bin")))
        else:
            yield entry
