"""Which deployments of a project are under way on this machine, and which were interrupted.

Nuclio holds a function in the state `building` from the begin of a deployment to its end, and refuses to
deploy or delete it meanwhile. It does not notice that who deployed is gone: then it refuses for ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelmon.deploying.plan import Plan
from modelmon.errors import UnavailableError
from modelmon.file_locks import try_lock
from modelmon.settings import STATE_FOLDER
from modelmon.sources import make_folder

FOLDER = "deploying"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A deployment under way. Whoever is started for it has to keep the files `kept_open`: as long as one
    lives the deployment goes on."""

    kept_open: tuple[int, ...] = ()

    def started(self, pid: int) -> None:
        """Remember a process that was started for it, which may outlive this one."""
        for lock in self.kept_open:
            _write(lock, f"{os.getpid()} {pid}")


@contextmanager
def attempt(plan: Plan, name: str) -> Iterator[Attempt]:
    """Deploy `name` inside. An end by an exception, or by a kill, counts as interrupted.

    Raises UnavailableError while another process deploys it. Outside a project nothing is remembered.
    """
    if not plan.project_dir:
        yield Attempt()
        return
    with _locked(plan, name) as lock:
        _write(lock, str(os.getpid()))
        yield Attempt((lock,))
        _write(lock, "")  # not removed: who asks meanwhile holds it open


def was_interrupted(plan: Plan, name: str) -> bool:
    """Whether the last deployment of `name` from here did not come to its end. Raises as `attempt`."""
    if not plan.project_dir:
        return False
    with _locked(plan, name) as lock:
        return _noted(lock) != ""


@contextmanager
def _locked(plan: Plan, name: str) -> Iterator[int]:
    place = f"{plan.platform}.{plan.nuclio.nuclio_namespace}.{name}"
    path = Path(plan.project_dir) / STATE_FOLDER / FOLDER / place
    try:
        make_folder(path.parent)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UnavailableError(f"{path} can't be written: {error.strerror}") from error
    try:
        if not try_lock(lock):
            raise UnavailableError(f"{name} is being deployed by {_holder(lock)}: wait until that has ended")
        yield lock
    finally:
        os.close(lock)


def _holder(lock: int) -> str:
    """The process that deploys, or where it was killed the nuctl that goes on without it."""
    alive = [pid for pid in _noted(lock).split() if pid.isdigit() and _is_alive(int(pid))]
    return f"process {alive[0]}" if alive else "a process that is not known"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def _noted(lock: int) -> str:
    return os.pread(lock, 64, 0).decode(errors="replace")


def _write(lock: int, text: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, text.encode(), 0)
