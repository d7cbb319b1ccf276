"""What the records say of an endpoint's columns: their names, their types, and how they have changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from operator import itemgetter

import msgspec
from sqlalchemy import Connection, bindparam, select, union, update

from modelmon.ledger import schema
from modelmon.ledger.metadata import NAME
from modelmon.sql.statements import chunks, insert_missing, upsert

NEW = "new"  # a column that is not registered


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What the records say of an endpoint's inputs and outputs; empty where nobody said anything yet."""

    features: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """`change` is NEW, "missing" or "retyped"; `column` is the stored one."""

    endpoint_id: str
    column: str
    change: str
    detail: str = ""


def known_names(connection: Connection, endpoint_ids: Collection[str]) -> dict[str, KnownNames]:
    """The names of these endpoints' inputs and outputs; endpoints nobody registered are absent."""
    table = schema.endpoints
    columns = (table.c.endpoint_id, table.c.feature_names, table.c.label_names)
    return {
        row.endpoint_id: KnownNames(
            tuple(msgspec.json.decode(row.feature_names)), tuple(msgspec.json.decode(row.label_names))
        )
        for chunk in chunks(endpoint_ids)
        for row in connection.execute(select(*columns).where(table.c.endpoint_id.in_(chunk)))
    }


def known_types(connection: Connection, endpoint_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Per endpoint the type that each stored column was last seen with."""
    table = schema.column_types
    found: dict[str, dict[str, str]] = {endpoint_id: {} for endpoint_id in endpoint_ids}
    for chunk in chunks(endpoint_ids):
        for row in connection.execute(select(table).where(table.c.endpoint_id.in_(chunk))):
            found[row.endpoint_id][row.column] = row.type
    return found


def known_columns(connection: Connection, endpoint_ids: Collection[str]) -> dict[str, set[str]]:
    """Per endpoint the stored columns that it was seen with, whether they held a value or not."""
    found: dict[str, set[str]] = {endpoint_id: set() for endpoint_id in endpoint_ids}
    types, changes = schema.column_types, schema.schema_changes
    for chunk in chunks(endpoint_ids):
        seen = union(
            select(types.c.endpoint_id, types.c.column).where(types.c.endpoint_id.in_(chunk)),
            select(changes.c.endpoint_id, changes.c.column).where(
                changes.c.endpoint_id.in_(chunk), changes.c.change == NEW
            ),
        )
        for endpoint_id, column in connection.execute(seen):
            found[endpoint_id].add(column)
    return found


def record_schema(
    connection: Connection,
    found: Collection[SchemaChange],
    new_types: Mapping[tuple[str, str], str],
    now_us: int,
) -> None:
    """Remember what differed from what was registered, and the types that are new, by endpoint and column."""
    changes = [
        {
            "endpoint_id": each.endpoint_id,
            "column": each.column[:NAME],
            "change": each.change,
            "detail": each.detail[:NAME],
            "first_seen_us": now_us,
        }
        for each in found
    ]
    insert_missing(connection, schema.schema_changes, changes)
    types = [
        {"endpoint_id": endpoint_id, "column": column[:NAME], "type": kind}
        for (endpoint_id, column), kind in new_types.items()
    ]
    upsert(connection, schema.column_types, types)


def learn_names(connection: Connection, names: Mapping[str, KnownNames], now_us: int) -> None:
    """Remember names of endpoints that have none: a registration that came meanwhile knows better."""
    table = schema.endpoints
    for column, learned in (
        (table.c.feature_names, {endpoint_id: each.features for endpoint_id, each in names.items()}),
        (table.c.label_names, {endpoint_id: each.predictions for endpoint_id, each in names.items()}),
    ):
        rows = [
            {"of_endpoint": endpoint_id, "learned": msgspec.json.encode(each).decode()}
            for endpoint_id, each in sorted(learned.items(), key=itemgetter(0))
            if each
        ]
        if rows:
            is_new = (table.c.endpoint_id == bindparam("of_endpoint")) & (column == "[]")
            values = {column: bindparam("learned"), table.c.updated_us: now_us}
            connection.execute(update(table).where(is_new).values(values), rows)
