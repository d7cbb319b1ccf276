"""How many rows PostgreSQL reads for what a database is asked: by the plan it really carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from modelmon.sql.database import Database


@contextmanager
def rows_read(*databases: Database) -> Iterator[Counter[str]]:
    """By table; filled when it ends: what these, in one database, were asked is then asked again."""
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    found: Counter[str] = Counter()
    for database in databases:
        event.listen(database._engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        for database in databases:
            event.remove(database._engine, "before_cursor_execute", note)
    with databases[0].read() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            _add(plan.scalar_one()[0]["Plan"], found)


def _add(node: dict[str, Any], found: Counter[str]) -> None:
    if "Relation Name" in node:
        removed = sum(value for key, value in node.items() if key.startswith("Rows Removed"))
        found[node["Relation Name"]] += round((node["Actual Rows"] + removed) * node["Actual Loops"])
    for inner in node.get("Plans", ()):
        _add(inner, found)
