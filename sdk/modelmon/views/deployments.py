"""When what an endpoint depends on came anew: its model and reference, its function, the apps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from modelmon.ledger.schema import endpoints, functions
from modelmon.model import from_us, to_us


@dataclass(frozen=True, slots=True)
class Deployment:
    """The last time; `kind`: model, reference or function."""

    at: datetime
    kind: str
    words: str


def read_deployments(
    connection: Connection, endpoint_id: str, start: datetime, end: datetime
) -> tuple[Deployment, ...]:
    """Of this endpoint those in [start, end), in order; of each thing the last one alone is known."""
    record = connection.execute(
        select(endpoints.c.function_name, endpoints.c.created_us, endpoints.c.updated_us).where(
            endpoints.c.endpoint_id == endpoint_id
        )
    ).one_or_none()
    found = []
    if record is not None:
        found.append(Deployment(from_us(record.created_us), "model", "model registered"))
        if record.updated_us != record.created_us:
            found.append(Deployment(from_us(record.updated_us), "reference", "model or reference anew"))
    within = functions.c.updated_us.between(to_us(start), to_us(end))
    query = select(functions.c.name, functions.c.kind, functions.c.updated_us).where(within)
    mine = record.function_name if record is not None else ""
    found += [
        Deployment(from_us(row.updated_us), "function", f"function {row.name} deployed")
        for row in connection.execute(query.order_by(functions.c.name))
        if row.kind == "app" or row.name == mine
    ]
    return tuple(sorted((each for each in found if start <= each.at < end), key=lambda each: each.at))
