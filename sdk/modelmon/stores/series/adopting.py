"""ModelMon 0.1.0 kept the series in tables of the records' schema: their rows move over, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, MetaData, Table, inspect, select

_PAGE = 1_000
_RENAMED = {"minute_us": "minute", "start_us": "window_start", "end_us": "window_end"}


def adopt(connection: Connection, traffic: Table, values: Table) -> None:
    """Move the rows of the old tables into the new ones, and drop the old ones."""
    for name, table in (("traffic_series", traffic), ("value_series", values)):
        if inspect(connection).has_table(name):
            old = Table(name, MetaData(), autoload_with=connection)
            for page in _pages(connection, old):
                connection.execute(table.insert(), page)
            old.drop(connection)


def _pages(connection: Connection, old: Table) -> Iterator[list[dict[str, Any]]]:
    rows = connection.execution_options(yield_per=_PAGE).execute(select(old))
    for page in rows.mappings().partitions(_PAGE):
        yield [{_RENAMED.get(name, name): value for name, value in row.items()} for row in page]
