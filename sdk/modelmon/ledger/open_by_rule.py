"""Which incidents of a rule are open, and which rules have any."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select

from modelmon.incidents import IncidentState
from modelmon.ledger.incident_schema import incidents

_OPEN = [each.value for each in (IncidentState.RAISED, IncidentState.ESCALATED, IncidentState.EASED)]


def open_of(connection: Connection, rule: str, limit: int) -> list[int]:
    """The numbers of the first `limit`."""
    chosen = select(incidents.c.incident_id).where(_is_open(), incidents.c.rule == rule)
    return list(connection.scalars(chosen.order_by(incidents.c.incident_id).limit(limit)))


def rules_with_open(connection: Connection) -> set[str]:
    """The names of the rules that have one."""
    return set(connection.scalars(select(incidents.c.rule).where(_is_open()).distinct()))


def _is_open() -> ColumnElement[bool]:
    return incidents.c.state.in_(_OPEN)
