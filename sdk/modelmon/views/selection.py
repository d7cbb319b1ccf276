"""Queries that are asked of all endpoints or of some."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Select

from modelmon.sql.statements import chunks


def of_endpoints(
    query: Select[Any], column: ColumnElement[Any], endpoint_ids: Collection[str] | None
) -> Iterator[Select[Any]]:
    """The query for these endpoints, in parts that every database takes; of None once, for all."""
    if endpoint_ids is None:
        yield query
        return
    for chunk in chunks(sorted(set(endpoint_ids))):
        yield query.where(column.in_(chunk))
