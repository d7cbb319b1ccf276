"""How many endpoints there are of each mode, and how many incidents are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from modelmon.incidents import APP_FAILED, IncidentState
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.schema import endpoints


@dataclass(frozen=True, slots=True)
class ProjectCounts:
    """Endpoints `real_time` and `batch`; open incidents of `results`, and `failures` of apps."""

    real_time: int
    batch: int
    results: int
    failures: int


def count_project(connection: Connection) -> ProjectCounts:
    """Read in two statements."""
    mode, rule = endpoints.c.mode, incidents.c.rule
    modes = _counted(connection, select(mode, func.count()).group_by(mode))
    still = select(rule, func.count()).where(
        incidents.c.resolved_us.is_(None), incidents.c.state != IncidentState.PENDING.value
    )
    rules = _counted(connection, still.group_by(rule))
    failures, batch = rules.pop(APP_FAILED, 0), modes.pop("batch", 0)
    return ProjectCounts(sum(modes.values()), batch, sum(rules.values()), failures)


def _counted(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {str(name): int(many) for name, many in connection.execute(query)}
