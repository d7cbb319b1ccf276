"""The records that a command reads: opened for it, closed at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.sql.database import Database


@contextmanager
def opened_records(settings: Settings) -> Iterator[Database]:
    """The project's records, closed at the end."""
    from modelmon.ledger.records import open_records  # a command that asks for help imports no database

    with closing(open_records(settings)) as records:
        yield records
