"""How many incidents are open, by how they are."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from modelmon.incidents import IncidentState
from modelmon.ledger.incident_schema import incidents


class OpenIncidents(NamedTuple):
    """So many whose newest word is `status` (0: none was said) and that are in this state."""

    status: int
    state: IncidentState
    many: int


def open_by_state(connection: Connection) -> list[OpenIncidents]:
    """In one statement; what nobody was told of yet is *pending*."""
    keys = (incidents.c.status, incidents.c.state)
    query = select(*keys, func.count()).where(incidents.c.resolved_us.is_(None)).group_by(*keys)
    return [
        OpenIncidents(status, IncidentState(state), many) for status, state, many in connection.execute(query)
    ]


def count_open(connection: Connection) -> int:
    """Those that were raised."""
    return sum(each.many for each in open_by_state(connection) if each.state is not IncidentState.PENDING)
