"""A project in a line, beside others: how its endpoints are, what is open, when it last heard of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modelmon.views.data_reach import data_reach
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointQuery, EndpointSummary, list_endpoints
from modelmon.views.open_incidents import count_open


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """`by_state` counts endpoints, the worst state first; `worst` is the first of the list of endpoints."""

    project: str
    endpoints: int
    by_state: Mapping[str, int]
    open_incidents: int
    worst: EndpointSummary | None
    last_request: datetime | None


def read_project_line(connection: Connection, looking: Looking) -> ProjectLine:
    """What it costs depends on how many endpoints there are, not on their history."""
    page = list_endpoints(connection, looking, EndpointQuery(limit=1))
    reach = data_reach(connection)
    return ProjectLine(
        looking.settings.project, page.total, page.by_state, count_open(connection),
        page.endpoints[0] if page.endpoints else None, reach.newest if reach else None,
    )  # fmt: skip
