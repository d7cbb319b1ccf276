"""Locks on files, which the kernel frees when their holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def try_lock(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file, until it is closed, without waiting; False while another one holds it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone with what this file stands for, which is made; waits for whoever holds it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """As `locked`, without waiting; False while another one holds it."""
    with path.open("w") as file:
        yield try_lock(file.fileno())
