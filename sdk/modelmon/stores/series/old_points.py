"""Which parts of a table of series hold points that are too old: by look-ups, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, Column, Connection, Select, Table, exists, func, select


def old_parts(
    connection: Connection, table: Table, time: Column[int], before_us: int
) -> list[dict[str, Any]]:
    """The values of the key's columns before `time`, wherever a point is older than `before_us`.

    Each comes from one look-up in the key's own index, where a `distinct` would read every point.
    """
    key = list(table.primary_key)
    names = key[: [column.name for column in key].index(time.name)]
    parts = _distinct(table, names)
    same = [table.c[column.name] == parts.c[column.name] for column in names]
    is_old = exists().where(*same, time < before_us)
    query = select(parts).where(parts.c[names[-1].name].is_not(None), is_old)
    return [dict(row._mapping) for row in connection.execute(query)]


def _distinct(table: Table, names: Sequence[Column[Any]]) -> CTE:
    """Every combination of the first columns of the key; the last one is null once there is no more."""
    found: CTE | None = None
    for depth in range(len(names)):
        *outer, column = names[: depth + 1]
        found = _next_level(table, found, [each.name for each in outer], column)
    assert found is not None
    return found


def _next_level(table: Table, outer: CTE | None, names: Sequence[str], column: Column[Any]) -> CTE:
    def smallest(parts: Any, above: Any = None) -> Any:
        inner = table.alias()
        query = select(func.min(inner.c[column.name]))
        for name in names:
            query = query.where(inner.c[name] == parts.c[name])
        if above is not None:
            query = query.where(inner.c[column.name] > above)
        return query.scalar_subquery().label(column.name)

    first: Select[Any]
    if outer is None:
        first = select(smallest(None))
    else:
        first = select(*(outer.c[name] for name in names), smallest(outer)).where(
            outer.c[names[-1]].is_not(None)
        )
    parts = first.cte(f"by_{column.name}", recursive=True)
    more = select(*(parts.c[name] for name in names), smallest(parts, parts.c[column.name])).where(
        parts.c[column.name].is_not(None)
    )
    return parts.union_all(more)
