"""Series for tests, in the database that holds the records."""

from __future__ import annotations

from typing import TypeVar

from modelmon.sql.database import Database
from modelmon.stores.series.migrations import SCHEMA
from modelmon.stores.series.sql import SqlSeries

Kind = TypeVar("Kind", bound=SqlSeries)


def series_in(database: Database, kind: type[Kind] = SqlSeries) -> Kind:
    """The series beside these records, made when needed."""
    url = database._engine.url.render_as_string(hide_password=False)
    return kind(Database(url, SCHEMA, durability="process"))
