"""How much databases do for a view: statements, and steps of SQLite, which grow with the rows it reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from modelmon.sql.database import Database

STEP = 10


@dataclass
class Work:
    """`steps` are tens of SQLite's instructions: a row that is read takes one or two. Servers tell none."""

    statements: int = 0
    steps: int = 0


@contextmanager
def counted(*databases: Database) -> Iterator[Work]:
    """Counts what these databases do inside."""
    work = Work()

    def count_statement(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        work.statements += statement.lstrip().upper().startswith("SELECT")
        if connection.dialect.name == "sqlite":
            cursor.connection.set_progress_handler(count_step, STEP)

    def count_step() -> int:
        work.steps += 1
        return 0

    engines = [database._engine for database in databases]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", count_statement)
    try:
        yield work
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", count_statement)
