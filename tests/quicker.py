"""What is the same in every test is worked out once a process: the words of SQL, and the objects that stay.

Each test has a database of its own. Nearly all of what its first statements cost is SQLAlchemy writing them,
again for each engine; here engines of SQLite files share one dialect and what was written for it.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cache
from typing import Any

import typer
from sqlalchemy import Connection, MetaData, Table, create_engine
from sqlalchemy.engine import Engine

from modelmon.sql import sqlite

_create_all = MetaData.create_all
_said: dict[tuple[int, ...], list[str]] = {}
"""What SQLite was told to make these tables."""


def share_statements() -> None:
    """From here on, in this process."""
    first = create_engine("sqlite://")
    first.connect().close()  # it has asked what this SQLite can do

    def engine(*args: Any, **more: Any) -> Engine:
        made = create_engine(*args, **more)
        made.dialect, made._compiled_cache = first.dialect, first._compiled_cache
        return made

    sqlite.create_engine = engine
    typer.main.get_command = cache(typer.main.get_command)  # the command line has hundreds of options
    MetaData.create_all = _create  # type: ignore[method-assign]


def freeze_what_was_imported() -> None:
    """Modules and tests are there to the end: the garbage collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


def _create(
    metadata: MetaData, bind: Any, tables: Sequence[Table] | None = None, checkfirst: bool = True
) -> None:
    wanted = list(metadata.tables.values()) if tables is None else tables
    key = tuple(map(id, wanted))
    is_file = isinstance(bind, Connection) and bind.dialect.name == "sqlite"
    if not is_file or _made(bind, wanted):
        _create_all(metadata, bind, tables, checkfirst)
    elif key in _said:
        for statement in _said[key]:
            bind.exec_driver_sql(statement)
    else:
        _create_all(metadata, bind, tables)
        _said[key] = _made(bind, wanted)


def _made(bind: Connection, tables: Sequence[Table]) -> list[str]:
    names = {table.name for table in tables}
    found = bind.exec_driver_sql("SELECT tbl_name, sql FROM sqlite_master WHERE sql > '' ORDER BY rowid")
    return [sql for name, sql in found if name in names]
