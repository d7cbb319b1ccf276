"""Incidents as programs read them: pages, one with its history."""

from __future__ import annotations

from typing import Any

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.paging import Paged, whole_number
from modelmon.api.routes import Route
from modelmon.views.incident_lists import IncidentPage, IncidentQuery, list_incidents
from modelmon.views.incidents import IncidentEvent, IncidentHistory, history_of

BASE = "/api/v1/projects/{project}/incidents"


class IncidentsListed(Paged, kw_only=True, frozen=True):
    """Of which endpoints (ids) and apps; with `only-open` those that ended are left out."""

    endpoint: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    only_open: bool = False


def incidents(asked: Asked, wanted: IncidentsListed) -> IncidentPage:
    query = IncidentQuery(
        wanted.endpoint or None, wanted.app, wanted.only_open, wanted.page_size, wanted.page_token
    )
    with asked.database.read() as connection:
        return list_incidents(connection, asked.settings, query)


def one(asked: Asked, parameters: Any) -> IncidentHistory:
    return _found(asked)


def events(asked: Asked, parameters: Any) -> tuple[IncidentEvent, ...]:
    return _found(asked).events


def _found(asked: Asked) -> IncidentHistory:
    number = whole_number(asked.path["id"])
    with asked.database.read() as connection:
        found = None if number is None else history_of(connection, asked.settings, number)
    if found is None:
        raise Problem(404, f"there is no incident with the number {asked.path['id']!r}", "id")
    return found


ROUTES = (
    Route("GET", BASE, incidents, "The incidents, open ones first, the newest first.", IncidentsListed),
    Route("GET", f"{BASE}/{{id}}", one, "One incident with its events and its newest windows."),
    Route("GET", f"{BASE}/{{id}}/events", events, "What became of an incident, in order."),
)
