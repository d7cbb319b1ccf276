"""Locks on files, which the kernel frees when their holder dies."""

from __future__ import annotations

import fcntl


def try_lock(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file, until it is closed, without waiting; False while another one holds it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
