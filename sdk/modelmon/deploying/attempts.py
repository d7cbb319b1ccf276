"""Which deployments of a project are under way on this machine, and which were interrupted.

Nuclio holds a function in the state `building` from the begin of a deployment to its end, and refuses to
deploy or delete it meanwhile. It does not notice that who deployed is gone: then it refuses for ever.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelmon.deploying.plan import Plan
from modelmon.errors import UnavailableError
from modelmon.settings import STATE_FOLDER
from modelmon.sources import make_folder

FOLDER = "deploying"


@contextmanager
def attempt(plan: Plan, name: str) -> Iterator[tuple[int, ...]]:
    """Deploy `name` inside. An end by an exception, or by a kill, counts as interrupted.

    Gives the files that whoever is started inside has to keep open: as long as one lives the deployment
    goes on. Raises UnavailableError while another process deploys it. Outside a project nothing is
    remembered.
    """
    if not plan.project_dir:
        yield ()
        return
    with _locked(plan, name) as lock:
        _write(lock, str(os.getpid()))
        yield (lock,)
        _write(lock, "")  # not removed: who asks meanwhile holds it open


def was_interrupted(plan: Plan, name: str) -> bool:
    """Whether the last deployment of `name` from here did not come to its end. Raises as `attempt`."""
    if not plan.project_dir:
        return False
    with _locked(plan, name) as lock:
        return _holder(lock) != ""


@contextmanager
def _locked(plan: Plan, name: str) -> Iterator[int]:
    place = f"{plan.platform}.{plan.settings.nuclio_namespace}.{name}"
    path = Path(plan.project_dir) / STATE_FOLDER / FOLDER / place
    try:
        make_folder(path.parent)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UnavailableError(f"{path} can't be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield lock
    except BlockingIOError:
        raise UnavailableError(
            f"{name} is being deployed by process {_holder(lock) or 'unknown'}: wait until that has ended"
        ) from None
    finally:
        os.close(lock)


def _holder(lock: int) -> str:
    return os.pread(lock, 32, 0).decode(errors="replace")


def _write(lock: int, text: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, text.encode(), 0)
