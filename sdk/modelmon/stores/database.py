"""One SQL database: transactions that really begin where they begin, errors in our three kinds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, event, inspect, select
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from modelmon.errors import ConfigError, UnavailableError
from modelmon.stores import schema

BUSY_SECONDS = 30
_GONE = re.compile(r"not a database|malformed|file is encrypted", re.IGNORECASE)


class Database:
    """The records, the ledger or the series: `read()` and `write()` give a connection in a transaction.

    Raises ConfigError at start for a URL that can't be used, a corrupt file or a schema newer than this
    code; UnavailableError whenever the server, the disk or a lock does not answer.
    """

    def __init__(self, url: str, *, durability: str = "power") -> None:
        self._engine = _engine(url, durability)
        self.url = self._engine.url.render_as_string(hide_password=True)
        with self.write() as connection:
            _migrate(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first statement on; commits at the end."""
        with self._guard(), self._engine.connect() as connection:
            connection.execution_options(modelmon_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with self._guard(), self._engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            raise UnavailableError(f"database {self.url} does not answer: {error.orig}") from error
        except DBAPIError as error:
            if _GONE.search(str(error.orig)):
                raise ConfigError(
                    f"database {self.url} is corrupt: {error.orig}; restore it from a backup"
                ) from error
            raise


def _engine(url: str, durability: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(parsed.database or "", durability)
        return create_engine(parsed, pool_pre_ping=True)
    except ArgumentError as error:
        raise ConfigError(
            "records_url is not a database URL; write for example sqlite:////folder/records.db"
        ) from error
    except ModuleNotFoundError as error:
        raise ConfigError(f"this database needs {error.name}: pip install {error.name}") from error
    except SQLAlchemyError as error:
        raise ConfigError(f"records_url can't be used: {error}") from error


def _sqlite_engine(path: str, durability: str) -> Engine:
    if path and path != ":memory:":
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(
                f"database folder {Path(path).parent} can't be made: {error.strerror}"
            ) from error
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection, _record):  # type: ignore[no-untyped-def]
        connection.isolation_level = None  # SQLAlchemy's begin, not the driver's, starts transactions
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if durability == 'power' else 'NORMAL'}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that reads first and writes later loses updates or fails as busy.
        write = connection.get_execution_options().get("modelmon_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _migrate(connection: Connection) -> None:
    found = 0
    if inspect(connection).has_table(schema.schema_versions.name):
        found = (
            connection.scalar(
                select(schema.schema_versions.c.version).order_by(schema.schema_versions.c.version.desc())
            )
            or 0
        )
    if found > schema.VERSION:
        raise ConfigError(
            f"the database has schema version {found}, this ModelMon knows up to {schema.VERSION}: "
            "install a newer one"
        )
    for version in range(found + 1, schema.VERSION + 1):
        schema.MIGRATIONS[version](connection)
        connection.execute(
            schema.schema_versions.insert().values(version=version, migrated_us=time.time_ns() // 1000)
        )
