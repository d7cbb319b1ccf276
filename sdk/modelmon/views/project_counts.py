"""How many endpoints there are of each mode, and how many incidents are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from modelmon.incidents import IncidentState
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.schema import endpoints
from modelmon.views.incidents import of_failures


@dataclass(frozen=True, slots=True)
class ProjectCounts:
    """Endpoints `real_time` and `batch`; open incidents of `results`, and `failures` of apps."""

    real_time: int
    batch: int
    results: int
    failures: int


def count_project(connection: Connection) -> ProjectCounts:
    """Read in two statements."""
    mode, failure = endpoints.c.mode, case((of_failures(), "1"), else_="")
    modes = _counted(connection, select(mode, func.count()).group_by(mode))
    still = select(failure, func.count()).where(
        incidents.c.resolved_us.is_(None), incidents.c.state != IncidentState.PENDING.value
    )
    rules = _counted(connection, still.group_by(failure))
    failures, batch = rules.pop("1", 0), modes.pop("batch", 0)
    return ProjectCounts(sum(modes.values()), batch, sum(rules.values()), failures)


def _counted(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {str(name): int(many) for name, many in connection.execute(query)}
