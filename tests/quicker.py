"""What is the same in every test is worked out once a process: the words of SQL, and the objects that stay.

Each test has a database of its own. Nearly all of what its first statements cost is SQLAlchemy writing them,
again for each engine; here engines of SQLite files share one dialect and what was written for it. A new
database is a copy of one without rows; so are a project made in bulk, and the wheel of what runs here.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import copyfile, copytree
from tempfile import TemporaryDirectory
from typing import Any

import typer
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import Engine

import made_project
from made_project import Made, Shape
from made_project.writing import configure
from modelmon import wheel
from modelmon.sql import database, sqlite
from modelmon.sql.database import Database
from modelmon.sql.schema import Schema, _note, migrate

_said: dict[tuple[int, frozenset[str]], tuple[Schema, list[str]]] = {}
"""What SQLite was told to make a schema, by what was there: it was new, or had another schema's tables."""
_made: set[str] = set()
"""Tables, indexes and views that were made so."""


def share_statements() -> None:
    """From here on, in this process."""
    first = create_engine("sqlite://")
    first.connect().close()  # it has asked what this SQLite can do

    def engine(*args: Any, **more: Any) -> Engine:
        made = create_engine(*args, _initialize=False, **more)
        made.dialect, made._compiled_cache = first.dialect, first._compiled_cache
        return made

    sqlite.create_engine = engine
    typer.main.get_command = cache(typer.main.get_command)  # the command line has hundreds of options
    database.migrate = _migrate  # type: ignore[attr-defined]
    database.Database.__init__ = _open  # type: ignore[method-assign]
    database._engine = _engine
    made_project.make = _make
    wheel.pack_wheel = _pack_wheel


def freeze_what_was_imported() -> None:
    """Modules and tests are there to the end: the garbage collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


_folder = TemporaryDirectory(prefix="made-")
"""Databases, projects and the wheel that were made, to be copied."""
_open_anew, _engine_anew, pack_wheel_anew = database.Database.__init__, database._engine, wheel.pack_wheel
_asked: ContextVar[Schema | None] = ContextVar("asked", default=None)
_empty: dict[int, tuple[Schema, Path]] = {}


def _open(self: Database, url: str, schema: Schema, **more: Any) -> None:
    """Says for which schema an engine is made."""
    token = _asked.set(schema)
    try:
        _open_anew(self, url, schema, **more)
    finally:
        _asked.reset(token)


def _engine(url: str, *more: Any) -> Engine:
    """A SQLite file that is not there yet is a copy of one that has the schema's tables, without rows."""
    made, schema = _engine_anew(url, *more), _asked.get()
    name = made.url.database or ""
    if schema is not None and made.dialect.name == "sqlite" and not Path(name).exists():
        with suppress(OSError):  # the test sees it when SQLite opens it
            copyfile(_empty_file(schema), name)
    return made


def _empty_file(schema: Schema) -> Path:
    if id(schema) not in _empty:
        path = Path(_folder.name) / f"{len(_empty)}.db"
        new = Database.__new__(Database)
        token = _asked.set(None)
        _open_anew(new, f"sqlite:///{path}", schema)
        _asked.reset(token)
        new.close()
        _empty[id(schema)] = schema, path
    return _empty[id(schema)][1]


def _pack_wheel(folder: Path) -> Path:
    packed = _packed()
    return Path(copyfile(packed, folder / packed.name))


@cache
def _packed() -> Path:
    return pack_wheel_anew(Path(_folder.name))


def _migrate(connection: Connection, schema: Schema) -> None:
    """A database that has none of the schema's tables gets them as the first one did, word for word."""
    names = frozenset(_names(connection)) if connection.dialect.name == "sqlite" else frozenset("a server")
    if schema.versions.name in names or not names <= _made:
        migrate(connection, schema)
        return
    if schema.below is not None and schema.below.versions.name not in names:
        _migrate(connection, schema.below)
        names = frozenset(_names(connection))
    key = (id(schema), names)
    if key not in _said:
        _said[key] = schema, _recorded(connection, replace(schema, below=None))
        _made.update(_names(connection))
        return
    cursor = connection.connection.cursor()
    for statement in _said[key][1]:
        cursor.execute(statement)
    cursor.close()
    _note(connection, schema, schema.version)


def _names(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())


def _recorded(connection: Connection, schema: Schema) -> list[str]:
    """What SQLite is told while it migrates, but for the version and for what is only read."""
    told: list[str] = []

    def listen(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.lstrip().startswith(("CREATE", "DROP")):
            told.append(statement)

    event.listen(connection, "before_cursor_execute", listen)
    try:
        migrate(connection, schema)
    finally:
        event.remove(connection, "before_cursor_execute", listen)
    return told


_make_anew = made_project.make


def _make(folder: Path, shape: Shape, **others: str) -> Made:
    """A project that was made before is copied, unless its records are on a server."""
    if "records_url" in others:
        return _make_anew(folder, shape, **others)
    settings = configure(folder, **others)
    copytree(_of_shape(shape), folder / ".modelmon")
    return Made(settings, shape)


@cache
def _of_shape(shape: Shape) -> Path:
    folder = Path(_folder.name) / str(len(list(Path(_folder.name).iterdir())))
    _make_anew(folder, shape)
    return folder / ".modelmon"
