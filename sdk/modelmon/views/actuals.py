"""How many actuals came for endpoints, and how many of them wait for their prediction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from modelmon.ledger.actuals_schema import actual_counts
from modelmon.model import from_us
from modelmon.sql.statements import chunks


@dataclass(frozen=True, slots=True)
class EndpointActuals:
    """Rows: received = stored + waiting + expired. `stored`: beside their prediction, corrections too;
    `expired`: had waited too long, or were erased. `newest`: when the last ones came."""

    endpoint_id: str
    received: int
    stored: int
    waiting: int
    expired: int
    newest: datetime


def read_actuals(connection: Connection, endpoint_ids: Collection[str]) -> tuple[EndpointActuals, ...]:
    """Of those of these endpoints that got some, in their order."""
    found = {
        row.endpoint_id: EndpointActuals(
            row.endpoint_id, row.received, row.stored, row.waiting, row.expired, from_us(row.received_us)
        )
        for chunk in chunks(endpoint_ids)
        for row in connection.execute(select(actual_counts).where(actual_counts.c.endpoint_id.in_(chunk)))
    }
    return tuple(found[each] for each in endpoint_ids if each in found)


def count_waiting(connection: Connection) -> int:
    """How many actuals of all endpoints wait for their prediction."""
    return int(connection.scalar(select(func.sum(actual_counts.c.waiting))) or 0)
