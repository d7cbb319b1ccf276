"""The Python that a function runs in: this one where that has all it needs, else an environment of its own.

Environments lie outside the project, in $XDG_CACHE_HOME/modelmon/environments (~/.cache without that),
one for each distinct set of needs, shared by all projects. One that is used is locked: nobody removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import msgspec

from modelmon.errors import ConfigError, ModelMonError, UnavailableError
from modelmon.extras import install
from modelmon.file_locks import try_lock
from modelmon.function_spec.requirements import FILE, OURS, write_requirements
from modelmon.local.installed import unmet
from modelmon.local.needs import Needs
from modelmon.local.uv import STOPPED, has_uv, run_uv
from modelmon.wheel import CONSTRAINTS, installed_wheel, pack_wheel

MARKER = "modelmon.json"  # written last: an environment without it was never finished
KEPT_DAYS = 30
LOOK_SECONDS = 0.1
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__")
FORMAT = 1  # of an environment; another one makes them all anew

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a function with these needs runs; `folder` is None for the Python that runs now.

    `lacks` says what that one has not.
    """

    needs: Needs
    folder: Path | None = None
    lacks: str = ""

    @property
    def python(self) -> str:
        return sys.executable if self.folder is None else str(self.folder / "bin" / "python")

    @property
    def is_made(self) -> bool:
        return self.folder is None or ((self.folder / MARKER).is_file() and Path(self.python).exists())


class Held:
    """An environment in use; `python` is its interpreter. It stays until `close`."""

    def __init__(self, python: str, lock: int | None = None) -> None:
        self.python = python
        self._lock = lock

    def variables(self, ours: Mapping[str, str]) -> dict[str, str]:
        """Those of `ours` that a process in it may see: none that leads to the packages of another Python."""
        hidden = () if self._lock is None else FOREIGN
        return {name: value for name, value in ours.items() if name not in hidden}

    def close(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)


def environments_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "modelmon" / "environments"


def environment_of(needs: Needs) -> Environment:
    """Which environment these needs have, made or not. Raises ConfigError where ModelMon is not installed."""
    lacks = unmet(needs)
    return Environment(needs, environments_folder() / _key(needs), lacks) if lacks else Environment(needs)


def hold(environment: Environment, tell: Say, log: Path, stopped: Callable[[], bool]) -> Held:
    """Make the environment unless it is there, and keep it from being removed until `close`.

    `tell` hears that one is being made, the file `log` gets what uv says; `stopped` ends it early. Raises
    ConfigError for requirements that can't be installed, UnavailableError for what may work the next time.
    """
    if environment.folder is None:
        return Held(environment.python)
    lock = _lock(environment, environment.folder, stopped)
    try:
        if not environment.is_made:
            _make(environment, environment.folder, lock, tell, log, stopped)
        os.utime(environment.folder / MARKER)  # when it was last used
        fcntl.flock(lock, fcntl.LOCK_SH)
    except BaseException:
        os.close(lock)
        raise
    return Held(environment.python, lock)


def remove_unused(now: float, days: float = KEPT_DAYS) -> None:
    """Remove environments that nobody uses and nobody has used for so long, and what was never finished."""
    for folder in environments_folder().glob("*/"):
        with suppress(OSError), _locked_now(folder) as ours:
            if ours and now - _last_used(folder) >= days * 86_400:
                shutil.rmtree(folder)


def _make(
    environment: Environment, folder: Path, lock: int, tell: Say, log: Path, stopped: Callable[[], bool]
) -> None:
    needs, started = environment.needs, time.monotonic()
    if not has_uv():
        raise ConfigError(
            f"{environment.lacks} is not installed here, nor is uv, which could: {install('local')}"
        )
    what = ", ".join((*needs.own, *needs.drivers)) or f"{OURS}[{','.join(needs.extras)}]"
    tell(f"making an environment for {what} ({environment.lacks} is not installed here)")
    remove_unused(time.time())
    shutil.rmtree(folder, ignore_errors=True)  # what one that was killed has left
    try:
        _fill(environment, folder, lambda arguments: run_uv(arguments, folder.parent, log, stopped, lock))
    except OSError as error:
        raise UnavailableError(f"{folder} can't be written: {error.strerror}") from error
    except ModelMonError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    (folder / MARKER).write_bytes(msgspec.json.format(msgspec.json.encode(needs)))
    tell(f"environment made in {time.monotonic() - started:.0f} s: {folder}")


def _fill(environment: Environment, folder: Path, uv: Callable[[list[str]], None]) -> None:
    needs = environment.needs
    python = needs.python or sys.executable
    try:
        uv(["venv", "--no-project", "--python", python, str(folder)])
    except ConfigError as error:
        raise ConfigError(f"it needs a Python {python}: {error}") from None
    with tempfile.TemporaryDirectory(prefix="modelmon-wheel-") as packed:
        ours = f"{OURS}[{','.join(needs.extras)}] @ {pack_wheel(Path(packed)).as_uri()}"
        try:
            uv(["pip", "install", "--python", environment.python, *_asked(needs, folder), ours])
        except ModelMonError as error:
            raise type(error)(f"its requirements can't be installed: {error}") from None


def _asked(needs: Needs, folder: Path) -> list[str]:
    """Options that name what is installed beside ModelMon, in files that stay in the environment."""
    write_requirements(folder, (*needs.own, *needs.drivers))
    asked = ["--requirement", str(folder / FILE)] if needs.own or needs.drivers else []
    if needs.own or not needs.python:
        return asked
    # ModelMon's own function, on Pythons that the versions tested together have wheels for.
    (folder / CONSTRAINTS).write_text(installed_wheel().constraints, encoding="utf-8")
    return [*asked, "--constraint", str(folder / CONSTRAINTS)]


def _key(needs: Needs) -> str:
    python = needs.python or f"{sys.version}{sys.base_prefix}"
    known = (FORMAT, needs.extras, sorted(needs.own), needs.drivers, python, _our_digest())
    return sha256(repr(known).encode()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _our_digest() -> str:
    """Another ModelMon, another environment."""
    with tempfile.TemporaryDirectory(prefix="modelmon-wheel-") as packed:
        return sha256(pack_wheel(Path(packed)).read_bytes()).hexdigest()


def _lock(environment: Environment, folder: Path, stopped: Callable[[], bool]) -> int:
    """Alone with an environment that is to be made; together with others once it is there."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(_lock_file(folder), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UnavailableError(f"{folder.parent} can't be written: {error.strerror}") from error
    while not stopped():
        made = environment.is_made
        if try_lock(lock, fcntl.LOCK_SH if made else fcntl.LOCK_EX) and (environment.is_made or not made):
            return lock
        time.sleep(LOOK_SECONDS)  # somebody else makes it, or has just removed it
    os.close(lock)
    raise UnavailableError(STOPPED)


@contextmanager
def _locked_now(folder: Path) -> Iterator[bool]:
    lock = os.open(_lock_file(folder), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield try_lock(lock)
    finally:
        os.close(lock)


def _lock_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _last_used(folder: Path) -> float:
    marker = folder / MARKER
    return marker.stat().st_mtime if marker.is_file() else 0.0
