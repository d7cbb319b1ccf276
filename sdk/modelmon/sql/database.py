"""One SQL database: transactions that really begin where they begin, errors in our three kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from modelmon.errors import ConfigError, StoreError, UnavailableError
from modelmon.extras import missing
from modelmon.settings import Settings
from modelmon.sql.locks import MIGRATION, file_lock, server_lock
from modelmon.sql.schema import Schema, migrate, version_of
from modelmon.sql.servers import LOCK_SECONDS, is_read_only, is_refusal, server_engine
from modelmon.sql.sql_settings import SqlSettings
from modelmon.sql.sqlite import damage, is_bug, sqlite_engine, unwritable

TIMEOUT_SECONDS = 120.0
_EXAMPLE = "write for example sqlite:////folder/records.db or postgresql://user@host/name"


class Database:
    """The records, the ledger or the series: `read()` and `write()` give a connection in a transaction.

    Raises ConfigError for a URL that can't be used, a server that refuses us, a corrupt file or a schema
    newer than this code; UnavailableError whenever the server, the disk or a lock does not answer. Threads
    may share it. A thread that asks for a second SQLite transaction inside `write()` waits for itself: don't
    nest.
    """

    def __init__(
        self,
        url: str,
        schema: Schema,
        *,
        durability: str = "power",
        password: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
        setting: str = "records_url",
    ) -> None:
        """`password` is for a user whose URL has none; `setting` is what the user wrote the URL into."""
        self._setting = setting
        self._engine = _engine(url, durability, password, timeout_seconds)
        known = self._engine.url  # drivers take passwords in the query as well
        shown = known.set(drivername=known.get_backend_name(), query={})
        self.url = shown.render_as_string(hide_password=True)
        try:
            with self.read() as connection:
                found = version_of(connection, schema)
            if found != schema.version:
                self._migrate(schema)
        except BaseException:
            self.close()
            raise

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
            if not self._is_file:  # SQLite sees one state anyway
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def lock(self, name: str, wait_seconds: float = 0.0) -> Iterator[bool]:
        """True while this process alone has the lock of that name, False when another one has it.

        It is the database's: projects in two databases of a server don't meet.
        """
        if self._is_file:
            with file_lock(Path(f"{self._engine.url.database}.{name}")) as mine:
                yield mine
            return
        with self._guard(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            with server_lock(connection, name, wait_seconds) as mine:
                yield mine

    def close(self) -> None:
        """Release every connection; the next use opens new ones."""
        self._engine.dispose()

    @property
    def _is_file(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def _migrate(self, schema: Schema) -> None:
        if self._is_file:  # whose write transaction is the lock
            with self.write() as connection:
                migrate(connection, schema)
            return
        with self.lock(MIGRATION, LOCK_SECONDS) as mine:
            if not mine:
                raise UnavailableError(f"database {self.url}: another process is migrating it")
            with self.write() as connection:
                migrate(connection, schema)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise UnavailableError(f"database {self.url}: every connection is in use") from error
        except (DBAPIError, self._driver.Error) as error:  # SQLAlchemy lets some of the driver's own pass
            known = self._translated(error)
            if known is None:
                raise
            raise known from error

    @property
    def _driver(self) -> Any:
        return self._engine.dialect.loaded_dbapi

    def _translated(self, error: Any) -> StoreError | UnavailableError | None:
        cause = getattr(error, "orig", error)
        damaged = damage(self.url, cause)
        if damaged is not None:
            return damaged
        told = " ".join(str(cause).split()) + unwritable(self._engine.url)  # drivers write several lines
        if is_refusal(cause):
            return StoreError(
                f"{self._setting}: database {self.url} refuses us ({told}); check the user, the password, "
                "the database's name and what the user may do there"
            )
        if is_bug(cause):
            return None
        waits = isinstance(cause, self._driver.OperationalError | self._driver.InterfaceError)
        if waits or is_read_only(cause) or getattr(error, "connection_invalidated", False):
            return UnavailableError(f"database {self.url} does not answer: {told}")
        return None


def database_of(settings: Settings, setting: str, schema: Schema) -> Database:
    """The database at `records_url` or `series_url`, made or migrated when needed; raises as `Database`."""
    sql = settings.of(SqlSettings)
    return Database(
        settings.location(setting),
        schema,
        durability=settings.durability,
        password=sql.sql_password,
        timeout_seconds=sql.sql_timeout_seconds,
        setting=setting if getattr(settings, setting) else "records_url",
    )


def _engine(url: str, durability: str, password: str, timeout_seconds: float) -> Engine:
    # `from None`: the causes quote parts of the URL, which may hold a password.
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        raise ConfigError(f"this is not a database URL; {_EXAMPLE}") from None
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed, durability)
    if password and not parsed.password:
        parsed = parsed.set(password=password)
    try:
        return server_engine(parsed, timeout_seconds)
    except ModuleNotFoundError as error:
        raise missing(error) or error from error
    except (SQLAlchemyError, TypeError, ValueError):
        raise ConfigError(f"{parsed.drivername}:// is no database that can be used; {_EXAMPLE}") from None
