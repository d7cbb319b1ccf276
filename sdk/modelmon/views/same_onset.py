"""Which other endpoints went bad when this one did: a change upstream seldom meets one model alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from modelmon.incidents import RESULT_STATUS, IncidentState
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.schema import endpoints
from modelmon.model import HOUR_US, from_us

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Companion:
    """Another endpoint with an open incident that began about the same time."""

    endpoint_id: str
    endpoint_name: str
    function_name: str
    incident_id: int
    since: datetime


@dataclass(frozen=True, slots=True)
class SameOnset:
    """`of_function` counts the endpoints of the same function, `of_others` those of others; `companions` are
    some of them, those of the function first."""

    of_function: int
    of_others: int
    companions: tuple[Companion, ...]


def read_same_onset(
    connection: Connection, incident_id: int, within_us: int = 2 * HOUR_US, limit: int = SHOWN
) -> SameOnset:
    """Endpoints with an open incident whose first bad window starts at most `within_us` from that of this
    incident. Reads what is open, and nothing of an incident that does not exist."""
    mine = connection.execute(
        select(incidents.c.endpoint_id, incidents.c.first_us, endpoints.c.function_name)
        .outerjoin(endpoints, endpoints.c.endpoint_id == incidents.c.endpoint_id)
        .where(incidents.c.incident_id == incident_id)
    ).one_or_none()
    if mine is None:
        return SameOnset(0, 0, ())
    query = (
        select(
            incidents.c.endpoint_id, endpoints.c.name, endpoints.c.function_name,
            func.min(incidents.c.incident_id), func.min(incidents.c.first_us),
        )
        .join(endpoints, endpoints.c.endpoint_id == incidents.c.endpoint_id)
        .where(
            incidents.c.resolved_us.is_(None), incidents.c.rule == RESULT_STATUS,
            incidents.c.state != IncidentState.PENDING.value, incidents.c.endpoint_id != mine.endpoint_id,
            incidents.c.first_us.between(mine.first_us - within_us, mine.first_us + within_us),
        )
        .group_by(incidents.c.endpoint_id, endpoints.c.name, endpoints.c.function_name)
    )  # fmt: skip
    found = [Companion(*row[:4], from_us(row[4])) for row in connection.execute(query)]
    return _sorted(found, mine.function_name or "", limit)


def _sorted(found: Sequence[Companion], function_name: str, limit: int) -> SameOnset:
    same = [each for each in found if function_name and each.function_name == function_name]
    ordered = sorted(found, key=lambda each: (each not in same, each.since, each.endpoint_name))
    return SameOnset(len(same), len(found) - len(same), tuple(ordered[:limit]))
