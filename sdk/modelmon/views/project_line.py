"""A project in a line, beside others: how its endpoints are, what is open, when it last heard of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from modelmon.ledger.schema import traffic
from modelmon.model import from_us
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointQuery, EndpointSummary, list_endpoints
from modelmon.views.overview import count_open


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
    last_us = connection.scalar(select(func.max(traffic.c.last_request_us)))
    return ProjectLine(
        looking.settings.project, page.total, page.by_state, count_open(connection),
        page.endpoints[0] if page.endpoints else None, None if last_us is None else from_us(last_us),
    )  # fmt: skip
