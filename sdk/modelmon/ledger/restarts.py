"""How often a worker of a function was started in the place of one that failed, and over what the last one
did. Written by the workers, beside their heartbeats, which hold no past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, delete, select, update

from modelmon.ledger.metadata import NAME, metadata
from modelmon.sql.statements import insert_missing
from modelmon.sql.types import BIG, LongText, Name

function_restarts = Table(
    "function_restarts", metadata,
    Column("function_name", Name(NAME), primary_key=True),
    Column("restarts", BIG, nullable=False),
    Column("last_error", LongText, nullable=False),
    Column("last_error_us", BIG, nullable=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Restarts:
    """Of one function, since it was deployed first."""

    restarts: int
    last_error: str
    last_error_us: int


def note_error(
    connection: Connection, function_name: str, reason: str, now_us: int, restarts: int = 0
) -> None:
    """A worker ended, or was started in the place of one that ended, over this."""
    columns = function_restarts.c
    row = {"function_name": function_name, "restarts": 0, "last_error": reason, "last_error_us": now_us}
    insert_missing(connection, function_restarts, [row])
    connection.execute(
        update(function_restarts)
        .where(columns.function_name == function_name)
        .values(restarts=columns.restarts + restarts, last_error=reason, last_error_us=now_us)
    )


def by_function(connection: Connection) -> Mapping[str, Restarts]:
    """Functions that had any."""
    return {
        row.function_name: Restarts(row.restarts, row.last_error, row.last_error_us)
        for row in connection.execute(select(function_restarts))
    }


def forget(connection: Connection, function_name: str) -> None:
    """The function is removed."""
    column = function_restarts.c.function_name
    connection.execute(delete(function_restarts).where(column == function_name))
