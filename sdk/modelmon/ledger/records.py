"""Opening the records: endpoints, apps and the ledger, in one SQL database."""

from __future__ import annotations

from modelmon.ledger.migrations import SCHEMA
from modelmon.settings import Settings
from modelmon.sql.database import TIMEOUT_SECONDS, Database, database_of


def open_records(settings: Settings) -> Database:
    """The project's records, made or migrated when needed.

    Raises ConfigError (URL, corrupt file, schema newer than this code) and UnavailableError.
    """
    return database_of(settings, "records_url", SCHEMA)


def records_at(url: str, *, durability: str = "power", timeout_seconds: float = TIMEOUT_SECONDS) -> Database:
    """The records at this URL, as `open_records`."""
    return Database(url, SCHEMA, durability=durability, timeout_seconds=timeout_seconds)
