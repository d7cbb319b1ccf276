"""Statements that each database words differently, in one place.

Reserved by SQL or not, column names reach the database quoted; callers write SQLAlchemy Core alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, and_, case, literal_column, or_

from modelmon.sql.types import MYSQL

Row = Mapping[str, Any]
Item = TypeVar("Item")
_EMPTY: ColumnElement[str] = literal_column("''")  # PyMySQL takes no parameter behind those of the rows
CHUNK = 500  # parameters of one `IN`: below the limit of every database


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """`items` in lists of at most `size`, in order."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def of_windows(
    table: Table, keys: Iterable[tuple[str, str, int]], start: str = "start_us"
) -> Iterator[Sequence[ColumnElement[bool]]]:
    """Conditions that find these windows, (endpoint, app, start), by the key of a table: SQLite answers
    `(a, b, c) IN (…)` by a scan."""
    of_start: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    of_app: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for endpoint_id, name, start_us in dict.fromkeys(keys):
        of_start[name, start_us].append(endpoint_id)
        of_app[endpoint_id, name].append(start_us)
    columns, begin = table.c, table.c[start]
    for name, endpoint_ids, starts_us in min(_same_starts(of_app), _same_endpoints(of_start), key=len):
        for ids in chunks(endpoint_ids):
            for starts in chunks(starts_us):
                yield columns.application_name == name, columns.endpoint_id.in_(ids), begin.in_(starts)


_Block = tuple[str, Sequence[str], Sequence[int]]
"""Every window of an app that has one of these endpoints and one of these starts."""


def _same_starts(of_app: Mapping[tuple[str, str], list[int]]) -> list[_Block]:
    """The endpoints that have windows of the same starts together: mostly all that a page shows."""
    found: defaultdict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for (endpoint_id, name), starts_us in of_app.items():
        found[name, tuple(sorted(starts_us))].append(endpoint_id)
    return [(name, endpoint_ids, starts_us) for (name, starts_us), endpoint_ids in found.items()]


def _same_endpoints(of_start: Mapping[tuple[str, int], list[str]]) -> list[_Block]:
    """The starts that windows of the same endpoints have together."""
    found: defaultdict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
    for (name, start_us), endpoint_ids in of_start.items():
        found[name, tuple(sorted(endpoint_ids))].append(start_us)
    return [(name, endpoint_ids, starts_us) for (name, endpoint_ids), starts_us in found.items()]


def insert_missing(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose primary key is not there yet; the others stay as they are."""
    if rows:
        connection.execute(_missing(connection.dialect.name, table), _in_order(table, rows))


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    keep: Collection[str] = (),
    add: Collection[str] = (),
    smallest: Collection[str] = (),
    largest: Collection[str] = (),
    said: Collection[str] = (),
    not_below: str = "",
) -> None:
    """Insert `rows` or, where their primary key is there, set all their other columns; one statement.

    All rows have the same columns. In a row that is there already `keep` columns stay as they are, `add`
    columns grow by the new value, `smallest` and `largest` columns move only down or up (null is no value),
    `said` columns change only to a text that is not empty.
    With `not_below` a row changes only when its new value of that column is not below the stored one.
    """
    if rows:
        kinds = (tuple(keep), tuple(add), tuple(smallest), tuple(largest), tuple(said))
        statement = _upsert(connection.dialect.name, table, tuple(rows[0]), *kinds, not_below)
        connection.execute(statement, _in_order(table, rows))


@cache  # wording one costs more than SQLite takes to run it
def _missing(dialect: str, table: Table) -> Any:
    statement = _insert(dialect, table)
    if dialect in MYSQL:
        # Not INSERT IGNORE, which also swallows values that don't fit.
        key = next(iter(table.primary_key)).name
        return statement.on_duplicate_key_update({key: table.c[key]})
    return statement.on_conflict_do_nothing(index_elements=list(table.primary_key))


_Names = tuple[str, ...]


@cache
def _upsert(
    dialect: str,
    table: Table,
    names: _Names,
    keep: _Names,
    add: _Names,
    smallest: _Names,
    largest: _Names,
    said: _Names,
    not_below: str,
) -> Any:
    statement = _insert(dialect, table)
    new = statement.inserted if dialect in MYSQL else statement.excluded
    fixed = {column.name for column in table.primary_key} | set(keep)
    changes: dict[str, ColumnElement[Any]] = {}
    for name in names:
        if name in fixed:
            continue
        old = table.c[name]
        if name in add:
            changes[name] = old + new[name]
        elif name in smallest:
            changes[name] = case((_moves(old, new[name], new[name] < old), new[name]), else_=old)
        elif name in largest:
            changes[name] = case((_moves(old, new[name], new[name] > old), new[name]), else_=old)
        elif name in said:
            changes[name] = case((new[name] != _EMPTY, new[name]), else_=old)
        else:
            changes[name] = new[name]
    return _changing(dialect, table, statement, changes, not_below) if changes else _missing(dialect, table)


def _in_order(table: Table, rows: Sequence[Row]) -> list[Row]:
    """The rows by primary key, so that two who lock rows of one table don't wait for each other.

    Rows of the same key stay in the order in which they came.
    """
    key = [column.name for column in table.primary_key]
    return sorted(rows, key=lambda row: [row[name] for name in key])


def _moves(old: Any, new: Any, moved: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(new.is_not(None), or_(old.is_(None), moved))


def _changing(
    dialect: str, table: Table, statement: Any, changes: dict[str, ColumnElement[Any]], not_below: str
) -> Any:
    """The statement that makes these changes where the key is there."""
    if dialect in MYSQL:
        if not_below:
            wins = statement.inserted[not_below] >= table.c[not_below]
            changes = {name: case((wins, change), else_=table.c[name]) for name, change in changes.items()}
            # MySQL assigns from left to right: what the condition reads must change last.
            changes[not_below] = changes.pop(not_below)
        return statement.on_duplicate_key_update(list(changes.items()))
    where = statement.excluded[not_below] >= table.c[not_below] if not_below else None
    key = list(table.primary_key)
    return statement.on_conflict_do_update(index_elements=key, set_=changes, where=where)


def _insert(dialect: str, table: Table) -> Any:
    """The dialect's own INSERT; who speaks to one database does not pay for importing the others."""
    if dialect in MYSQL:
        from sqlalchemy.dialects import mysql

        return mysql.insert(table)
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)
