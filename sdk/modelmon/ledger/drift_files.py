"""The drift file of a project: every version is kept, the newest counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Integer, Row, Select, Table, select

from modelmon.ledger.access import Deed, note
from modelmon.ledger.metadata import NAME, metadata
from modelmon.sql.statements import insert_missing
from modelmon.sql.types import BIG, LongText, Name

OF = "drift file"
"""What the audit says that was changed."""

drift_files = Table(  # written by the SDK, the command line and the page
    "drift_files", metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", LongText, nullable=False),  # "": taken back
    Column("who", Name(NAME), nullable=False),
    Column("set_us", BIG, nullable=False),
)  # fmt: skip
_NEWEST = select(drift_files).order_by(drift_files.c.version.desc())


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One version of the file, "" as text where it was taken back; `who` set it."""

    version: int
    text: str
    who: str
    set_us: int


def newest_version(connection: Connection) -> int:
    """The number of the newest version; 0 where none was ever set."""
    found = connection.scalar(_NEWEST.with_only_columns(drift_files.c.version).limit(1))
    return int(found or 0)


def newest(connection: Connection) -> KeptFile | None:
    """The newest version; None where none was ever set."""
    return _first(connection, _NEWEST)


def version(connection: Connection, number: int) -> KeptFile | None:
    return _first(connection, _NEWEST.where(drift_files.c.version == number))


def versions(connection: Connection, limit: int) -> Sequence[KeptFile]:
    """The newest `limit` versions, the newest first."""
    return [_kept(row) for row in connection.execute(_NEWEST.limit(limit))]


def set_file(connection: Connection, text: str, who: str, now_us: int) -> KeptFile:
    """Keep a new version, and in the audit who set it; the same text again is the version that is there."""
    while True:  # somebody else may take the number meanwhile: then the next one is ours
        before = newest(connection)
        if before is not None and before.text == text:
            return before
        made = KeptFile(1 + (before.version if before else 0), text, who, now_us)
        row = {"version": made.version, "text": text, "who": who, "set_us": now_us}
        insert_missing(connection, drift_files, [row])
        if version(connection, made.version) == made:
            break
    what = "set the drift file" if text else "took the drift file back"
    note(connection, Deed(now_us, who, what, OF, f"version {made.version}"))
    return made


def _first(connection: Connection, query: Select[Any]) -> KeptFile | None:
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _kept(row)


def _kept(row: Row[Any]) -> KeptFile:
    return KeptFile(row.version, row.text, row.who, row.set_us)
