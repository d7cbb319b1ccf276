"""What a database holds: its tables, and how one version of them becomes the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Index, MetaData, Table, TextClause, event, inspect, select

from modelmon.errors import StoreError
from modelmon.model import wall_clock_us


def _nothing(connection: Connection) -> None:
    """What a database takes over in most cases."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables versioned together: a new database gets the newest at once, the steps are for older ones.

    `adopt` takes over what tables of another schema held when these here were new. `create_views` makes the
    views of a new database; a step makes those of an older one. `below` is a schema in the same database
    whose tables these views read: it is brought to its newest version first.
    """

    metadata: MetaData
    versions: Table  # columns `version` and `migrated_us`
    steps: Mapping[int, Callable[[Connection], None]]  # a version to what makes it from the version before
    adopt: Callable[[Connection], None] = _nothing
    create_views: Callable[[Connection], None] = _nothing
    below: Schema | None = None

    @property
    def version(self) -> int:
        return max(self.steps)


def partial_index(name: str, *columns: str, where: TextClause) -> Index:
    """An index of the rows that are so; of all rows where the database has no such index."""
    index = Index(name, *columns, sqlite_where=where)

    @event.listens_for(index, "before_create")
    def _on_postgresql(target: Any, connection: Connection, **_: Any) -> None:
        if connection.dialect.name == "postgresql":  # said before, it would import that dialect everywhere
            target.dialect_options["postgresql"]["where"] = where

    return index


def version_of(connection: Connection, schema: Schema) -> int:
    """The version of the tables in this database; 0: there are none."""
    column = schema.versions.c.version
    if not inspect(connection).has_table(schema.versions.name):
        return 0
    return connection.scalar(select(column).order_by(column.desc()).limit(1)) or 0


def migrate(connection: Connection, schema: Schema) -> None:
    """Bring the tables to the newest version. Raises StoreError for a database of a newer ModelMon."""
    found = version_of(connection, schema)
    if found > schema.version:
        raise StoreError(
            f"the database has schema version {found}, this ModelMon knows up to {schema.version}: "
            "install a newer one"
        )
    if found < schema.version and schema.below is not None:
        migrate(connection, schema.below)
    if found == 0:
        schema.metadata.create_all(connection)
        schema.adopt(connection)
        schema.create_views(connection)
        _note(connection, schema, schema.version)
        return
    for version in range(found + 1, schema.version + 1):
        schema.steps[version](connection)
        _note(connection, schema, version)


def _note(connection: Connection, schema: Schema, version: int) -> None:
    connection.execute(schema.versions.insert().values(version=version, migrated_us=wall_clock_us()))
