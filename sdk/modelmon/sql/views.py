"""Views that other tools read: a promise, which the version in their names belongs to.

A view is made in the database as a query of our tables. It is written anew in place, so that what a role may
read of it stays. A column is never taken away, renamed or made another type: that is a view of a new version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import ExecutableDDLElement

PREFIX = "modelmon_v1_"


@dataclass(frozen=True, slots=True)
class View:
    """A query under a name, without the prefix; it is built when it is needed, which is once."""

    name: str
    query: Callable[[], Select[Any]]


class _CreateView(ExecutableDDLElement):
    def __init__(self, view: View, words: str) -> None:
        self.view, self.words = view, words


@compiles(_CreateView)
def _create(element: _CreateView, compiler: Any, **_: Any) -> str:
    options = {"literal_binds": True}
    query = element.view.query().compile(dialect=compiler.dialect, compile_kwargs=options)
    return f"{element.words} {PREFIX}{element.view.name} AS {query}"


def create_views(connection: Connection, views: Iterable[View]) -> None:
    """Make these views, or make them anew."""
    for view in views:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {PREFIX}{view.name}")
            connection.execute(_CreateView(view, "CREATE VIEW"))
        else:
            connection.execute(_CreateView(view, "CREATE OR REPLACE VIEW"))
