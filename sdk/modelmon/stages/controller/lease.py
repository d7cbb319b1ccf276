"""One controller at a time: a lock that its holder's death frees, without an expiry and without a clock.

It saves work. Nothing that a tick does goes wrong when two run together.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from modelmon.errors import UnavailableError
from modelmon.settings import Settings
from modelmon.sql.database import Database

_LOCK = 7_310_589_412  # any number that no other program takes for its own advisory lock


@contextmanager
def lease(settings: Settings, database: Database) -> Iterator[bool]:
    """True while this controller alone may work, False when another one does. Never waits."""
    url = make_url(settings.location("records_url"))
    if url.get_backend_name() == "sqlite":
        with _file_lock(Path(f"{url.database}.controller")) as mine:
            yield mine
    else:
        with database.read() as connection, _server_lock(connection) as mine:
            yield mine


@contextmanager
def _file_lock(path: Path) -> Iterator[bool]:
    try:
        file = path.open("ab")
    except OSError as error:
        raise UnavailableError(f"the controller's lease {path} can't be taken: {error.strerror}") from error
    with file:
        yield _take(file.fileno())  # closing the file gives it back


def _take(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _server_lock(connection: Connection) -> Iterator[bool]:
    if connection.dialect.name == "postgresql":  # given back when the transaction ends
        yield bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}))
        return
    mine = bool(connection.scalar(text("SELECT GET_LOCK(:lock, 0)"), {"lock": str(_LOCK)}))
    try:
        yield mine
    finally:
        if mine:
            connection.execute(text("SELECT RELEASE_LOCK(:lock)"), {"lock": str(_LOCK)})
