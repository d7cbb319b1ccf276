"""Database servers: which driver speaks to them, how long each answer is waited for, what is a refusal."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Engine

from modelmon.errors import ConfigError

DRIVERS = {"postgresql": "psycopg", "postgres": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
"""Scheme of a URL to the driver that it is spoken with."""
CONNECT_SECONDS = 10.0
LOCK_SECONDS = 30.0  # as long as SQLite waits for its lock
_LATER_SECONDS = 2.0  # so that the server's own limit, which can say what it was, comes first
# The server tells no code before it lets us in, and says this in English unless its administrator chose else.
_REFUSED = re.compile(
    r"password authentication failed|no password supplied|no pg_hba\.conf entry|authentication failed for"
    r'|role ".*" does not exist|database ".*" does not exist|not permitted to log in'
    r"|permission denied for database|SSL was required|certificate"
)
_REFUSALS = frozenset({"28000", "28P01", "3D000", "42501"})  # PostgreSQL: user, password, database, rights
_MYSQL_REFUSALS = frozenset({1044, 1045, 1049, 1130, 1142, 1143, 1227, 1251, 1370, 1698, 2059})
_READ_ONLY = "25006"  # a standby, or a disk that is nearly full


def server_engine(url: URL, timeout_seconds: float) -> Engine:
    """Raises ConfigError for a database or driver that is none of ours, or not installed."""
    engine = create_engine(
        _with_driver(url),
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="READ COMMITTED",  # of writers: MySQL's own default locks what lies between the rows
        connect_args=_patience(url, timeout_seconds),
    )
    if engine.dialect.name == "postgresql":
        _limit(engine, timeout_seconds)
    return engine


def is_refusal(cause: BaseException | None) -> bool:
    """Whether the server won't have us, and goes on so until somebody changes something."""
    driver = type(cause).__module__.partition(".")[0]
    if driver == "psycopg":
        code = getattr(cause, "sqlstate", None)
        return code in _REFUSALS if code else _REFUSED.search(str(cause)) is not None
    numbers = cause.args[:1] if cause is not None and driver == "pymysql" else ()
    return not _MYSQL_REFUSALS.isdisjoint(numbers)


def is_read_only(cause: BaseException | None) -> bool:
    """Whether this server takes no writes at the moment."""
    return getattr(cause, "sqlstate", None) == _READ_ONLY


def _with_driver(url: URL) -> URL:
    database, _, driver = url.drivername.partition("+")
    ours = DRIVERS.get(database)
    if ours is None or driver not in ("", ours):
        raise ConfigError(
            f"{url.drivername}:// is no database that can be used; write sqlite:////folder/records.db, "
            "postgresql://user@host/name or mysql://user@host/name"
        )
    return url.set(drivername=f"{'postgresql' if database == 'postgres' else database}+{ours}")


def _patience(url: URL, timeout_seconds: float) -> dict[str, Any]:
    connect = max(2, round(min(CONNECT_SECONDS, timeout_seconds)))  # libpq takes 1 for 2
    if DRIVERS[url.get_backend_name()] == "psycopg":
        return {"connect_timeout": connect}
    lock = max(1, round(min(LOCK_SECONDS, timeout_seconds)))
    return {
        "connect_timeout": connect, "read_timeout": timeout_seconds, "write_timeout": timeout_seconds,
        "charset": "utf8mb4", "init_command": f"SET innodb_lock_wait_timeout={lock}",
    }  # fmt: skip


def _limit(engine: Engine, timeout_seconds: float) -> None:
    """No statement of PostgreSQL is waited for without end, not even where the server is frozen."""
    from modelmon.sql.patience import PatientConnection

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, record: Any, args: Any, values: Any) -> Any:
        connection = PatientConnection.connect(*args, **values)
        connection.timeout_seconds = timeout_seconds + _LATER_SECONDS
        return connection

    @event.listens_for(engine, "connect")
    def _tell_server(connection: Any, record: Any) -> None:
        lock = min(LOCK_SECONDS, timeout_seconds)
        for name, seconds in (("lock_timeout", lock), ("statement_timeout", timeout_seconds)):
            connection.execute("SELECT set_config(%s, %s, false)", (name, f"{seconds * 1000:.0f}ms"))
        # The default is of spinning disks: a thousand rows of an index would be a scan of the whole table.
        connection.execute("SELECT set_config('random_page_cost', '1.1', false)")
        connection.commit()
