"""How what an endpoint is sent differs from its schema: columns that are new, missing, of another type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from modelmon.column_names import original_name
from modelmon.ledger.schema import schema_changes
from modelmon.model import from_us
from modelmon.private_columns import is_private
from modelmon.settings import Settings

MOST = 50


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """`change` is new, missing or retyped, `detail` says more; `first_seen` is when it was noticed."""

    column: str
    change: str
    detail: str
    first_seen: datetime


def read_schema_changes(
    connection: Connection, settings: Settings, endpoint_id: str, limit: int = MOST
) -> tuple[SchemaChange, ...]:
    """The newest first, without private columns."""
    query = (
        select(schema_changes)
        .where(schema_changes.c.endpoint_id == endpoint_id)
        .order_by(schema_changes.c.first_seen_us.desc(), schema_changes.c.column)
        .limit(limit)
    )
    return tuple(
        SchemaChange(original_name(row.column), row.change, row.detail, from_us(row.first_seen_us))
        for row in connection.execute(query)
        if not is_private(settings, row.column)
    )
