"""ModelMon 0.1.0 kept the series in tables of the records' schema: their rows move over, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, MetaData, Table, inspect, select, tuple_

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
    """The rows by key, a statement a page: MySQL writes nothing while it is still answering another one."""
    key = list(old.primary_key)
    query = select(old).order_by(*key).limit(_PAGE)
    page = connection.execute(query).mappings().all()
    while page:
        yield [{_RENAMED.get(name, name): value for name, value in row.items()} for row in page]
        last = tuple_(*(page[-1][column.name] for column in key))
        page = connection.execute(query.where(tuple_(*key) > last)).mappings().all()
