"""One SQL database: transactions that really begin where they begin, errors in our three kinds."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from modelmon.errors import ConfigError, UnavailableError
from modelmon.sources import make_folder
from modelmon.sql.schema import Schema, migrate, version_of

BUSY_SECONDS = 30
MIGRATION_LOCK = 7_310_589_411  # any number that no other program takes for its own advisory lock
_DRIVERS = {"psycopg": "'psycopg[binary]'", "MySQLdb": "mysqlclient"}  # module: what brings it
_EXAMPLE = "write for example sqlite:////folder/records.db or postgresql+psycopg://user:password@host/name"
# What waiting can mend: busy, locked, no memory, read-only, I/O, full, can't open, WAL lock protocol.
_WAIT = frozenset({3, 5, 6, 7, 8, 10, 13, 14, 15})
_CORRUPT = frozenset({11, 26})
_MOVED = 1032  # SQLITE_READONLY_DBMOVED: another file, or none, stands where ours was
_CORRUPT_TEXT = re.compile(r"not a database|malformed|file is encrypted", re.IGNORECASE)


class Database:
    """The records, the ledger or the series: `read()` and `write()` give a connection in a transaction.

    Raises ConfigError for a URL that can't be used, a corrupt file or a schema newer than this code;
    UnavailableError whenever the server, the disk or a lock does not answer. Threads may share it. A
    thread that asks for a second SQLite transaction inside `write()` waits for itself: don't nest.
    """

    def __init__(self, url: str, schema: Schema, *, durability: str = "power") -> None:
        self._engine = _engine(url, durability)
        # Drivers take passwords in the query as well.
        self.url = self._engine.url.set(query={}).render_as_string(hide_password=True)
        with self.read() as connection:
            found = version_of(connection, schema)
        if found != schema.version:
            with self.write() as connection, _migration_lock(connection):
                migrate(connection, schema)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds SQLite's write lock from its begin on; commits at the end."""
        with self._guard(), self._engine.connect() as connection:
            connection.execution_options(modelmon_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, whatever commits meanwhile."""
        with self._guard(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":  # the others see one state anyway
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Release every connection; the next use opens new ones."""
        self._engine.dispose()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise UnavailableError(f"database {self.url}: every connection is in use") from error
        except DBAPIError as error:
            known = _translated(self.url, error)
            if known is None:
                raise
            raise known from error


def _translated(url: str, error: DBAPIError) -> ConfigError | UnavailableError | None:
    cause = error.orig
    code = getattr(cause, "sqlite_errorcode", None)
    if code == _MOVED:
        return _moved(url)
    if (code is not None and code & 0xFF in _CORRUPT) or (
        isinstance(cause, sqlite3.Error) and _CORRUPT_TEXT.search(str(cause))
    ):
        return ConfigError(
            f"database {url} is corrupt ({cause}); restore it from a backup, or save what is readable with "
            "`sqlite3 FILE .recover`"
        )
    if code is not None and code & 0xFF not in _WAIT:
        return None  # for instance a missing table: a bug, which waiting would only hide
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        told = " ".join(str(cause).split())  # drivers write several lines
        return UnavailableError(f"database {url} does not answer: {told}")
    return None


def _engine(url: str, durability: str) -> Engine:
    # `from None`: the causes quote parts of the URL, which may hold a password.
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        raise ConfigError(f"this is not a database URL; {_EXAMPLE}") from None
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed, durability)
        return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{parsed.drivername}:// databases need {error.name}: pip install "
            f"{_DRIVERS.get(str(error.name), error.name)}"
        ) from error
    except (SQLAlchemyError, TypeError, ValueError):
        raise ConfigError(f"{parsed.drivername}:// is no database that can be used; {_EXAMPLE}") from None


def _sqlite_engine(url: URL, durability: str) -> Engine:
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


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (once a transaction)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _moved(url: str) -> ConfigError:
    return ConfigError(f"database {url} was moved or deleted while it was open; put it back and start again")


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
            time.sleep(0.01)


@contextmanager
def _migration_lock(connection: Connection) -> Iterator[None]:
    """One migration at a time; on SQLite the write transaction itself is the lock."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    if dialect not in ("mysql", "mariadb"):
        yield
        return
    if not connection.scalar(text("SELECT GET_LOCK(:lock, 60)"), {"lock": str(MIGRATION_LOCK)}):
        raise UnavailableError("another process has been migrating the database for a minute")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:lock)"), {"lock": str(MIGRATION_LOCK)})
