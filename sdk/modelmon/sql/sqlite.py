"""SQLite: a file that processes share, whose transactions take the write lock where they begin."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine

from modelmon.errors import ConfigError, StoreError, UnavailableError
from modelmon.sources import make_folder

BUSY_SECONDS = 30
# What waiting can mend: busy, locked, no memory, read-only, I/O, full, can't open, WAL lock protocol.
_WAIT = frozenset({3, 5, 6, 7, 8, 10, 13, 14, 15})
_CORRUPT = frozenset({11, 26})
_MOVED = 1032  # SQLITE_READONLY_DBMOVED: another file, or none, stands where ours was
_CORRUPT_TEXT = re.compile(r"not a database|malformed|file is encrypted", re.IGNORECASE)


def unwritable(url: URL) -> str:
    """What to say besides of a file whose folder takes no writes.

    SQLite, which makes files beside it even to read, says only that it can't be opened.
    """
    folder = Path(url.database or "").parent
    if url.get_backend_name() != "sqlite" or not folder.is_dir() or os.access(folder, os.W_OK):
        return ""
    return f"; {folder} takes no writes: is its disk read-only?"


def sqlite_engine(url: URL, durability: str) -> Engine:
    """Raises ConfigError for a URL that names no file, UnavailableError for a folder that can't be made."""
    path = url.database or ""
    if path in ("", ":memory:") or url.query:
        raise ConfigError(
            f"{url.render_as_string()}: a SQLite database is a plain file that every process and thread "
            "can open; write sqlite:////folder/records.db"
        )
    path = os.path.abspath(path)  # noqa: PTH100 (the current folder may change; symbolic links stay)
    folder = Path(path).parent
    try:
        make_folder(folder)
    except OSError as error:
        raise UnavailableError(f"database folder {folder} can't be made: {error.strerror}") from error
    engine = create_engine(
        URL.create("sqlite", database=path), connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection, record):  # type: ignore[no-untyped-def]
        record.info["file"] = _identity(path)
        connection.isolation_level = None  # SQLAlchemy's begin, not the driver's, starts transactions
        connection.execute(f"PRAGMA synchronous={'FULL' if durability == 'power' else 'NORMAL'}")
        _use_wal(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.info["file"] != _identity(path):
            # SQLite would go on writing to the file that has no name any more, without an error.
            raise _moved(connection.engine.url.render_as_string())
        # A deferred transaction that reads first and writes later loses updates or fails as busy.
        write = connection.get_execution_options().get("modelmon_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def damage(url: str, cause: BaseException | None) -> StoreError | None:
    """The one who has to mend a file that is corrupt or gone is a person; None for any other error."""
    code = getattr(cause, "sqlite_errorcode", None)
    if code == _MOVED:
        return _moved(url)
    if (code is not None and code & 0xFF in _CORRUPT) or (
        isinstance(cause, sqlite3.Error) and _CORRUPT_TEXT.search(str(cause))
    ):
        return StoreError(
            f"database {url} is corrupt ({cause}); restore it from a backup, or save what is readable with "
            "`sqlite3 FILE .recover`"
        )
    return None


def is_bug(cause: BaseException | None) -> bool:
    """Whether waiting would only hide an error of SQLite, for instance a missing table."""
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF not in _WAIT


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (once a transaction)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _moved(url: str) -> StoreError:
    return StoreError(f"database {url} was moved or deleted while it was open; put it back and start again")


def _use_wal(connection: sqlite3.Connection) -> None:
    # SQLite answers "busy" to this change at once, without its busy timeout, when two ask together.
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)  # until the other one has switched
