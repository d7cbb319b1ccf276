"""Opening the records: endpoints, apps and the ledger, in one SQL database."""

from __future__ import annotations

from modelmon.settings import Settings
from modelmon.stores.database import Database


def open_records(settings: Settings) -> Database:
    """The project's records, made or migrated when needed.

    Raises ConfigError (URL, corrupt file, schema newer than this code) and UnavailableError.
    """
    url = settings.location("records_url")
    return Database(url, durability=settings.durability)
