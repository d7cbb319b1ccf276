"""Work that one caller does at a time, in this process and among all that share a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from modelmon.sql.database import Database


@contextmanager
def alone(turn: Lock, database: Database, name: str) -> Iterator[bool]:
    """True while nobody else is at the work of that name; False, without waiting, where somebody is.

    `turn` is this process's own lock: a tick that outlasts its caller's patience is not joined by the next
    one. Raises as `Database.lock`.
    """
    if not turn.acquire(blocking=False):
        yield False
        return
    try:
        with database.lock(name) as mine:
            yield mine
    finally:
        turn.release()
