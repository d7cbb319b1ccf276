"""Locks with a name, one holder at a time: its death frees them, without an expiry and without a clock.

They save work; nothing goes wrong where two hold one. Behind a pgbouncer that pools by transaction they don't
work: connect to PostgreSQL itself, or to a pool by session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from modelmon.errors import UnavailableError
from modelmon.file_locks import try_lock

MIGRATION, CONTROLLER, EXPORTER, NOTIFIER = "migration", "controller", "exporter", "notifier"
_NUMBERS = {  # that no other program takes for its own
    MIGRATION: 7_310_589_411, CONTROLLER: 7_310_589_412, EXPORTER: 7_310_589_413,
    NOTIFIER: 7_310_589_414,
}  # fmt: skip


@contextmanager
def file_lock(path: Path) -> Iterator[bool]:
    """True while this process alone has the lock, False when another one has it. Never waits."""
    try:
        file = path.open("ab")
    except OSError as error:
        raise UnavailableError(f"the lock {path} can't be taken: {error.strerror}") from error
    with file:
        yield try_lock(file.fileno())  # closing the file gives it back


@contextmanager
def server_lock(connection: Connection, name: str, wait_seconds: float) -> Iterator[bool]:
    """The same in the database of this connection, which commits by itself: no transaction stays open."""
    values: dict[str, object]
    if connection.dialect.name == "postgresql":  # which ends the waiting by its own `lock_timeout`
        take = "SELECT 1 FROM pg_advisory_lock(:lock)"
        if not wait_seconds:
            take = "SELECT pg_try_advisory_lock(:lock)"
        give, values = "SELECT pg_advisory_unlock(:lock)", {"lock": _NUMBERS[name]}
    else:  # a lock of MySQL is the whole server's
        take = "SELECT GET_LOCK(CONCAT(:lock, SHA1(DATABASE())), :seconds)"
        give = "SELECT RELEASE_LOCK(CONCAT(:lock, SHA1(DATABASE())))"
        values = {"lock": f"modelmon-{name}-"}
        values["seconds"] = wait_seconds
    mine = bool(connection.scalar(text(take), values))
    try:
        yield mine
    finally:
        if mine:
            connection.execute(text(give), values)
