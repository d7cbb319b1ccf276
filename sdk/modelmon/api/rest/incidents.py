"""Incidents as programs read them: pages, one with its history."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.bodies import read_body
from modelmon.api.rest.paging import Paged, whole_number
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.model_monitoring.false_alarms import mark_false_alarm
from modelmon.views.alarm_counts import DAYS, AlarmCounts, last_alarm_counts
from modelmon.views.incident_lists import IncidentPage, IncidentQuery, list_incidents
from modelmon.views.incidents import Incident, IncidentEvent, IncidentHistory, history_of
from modelmon.views.silences import as_handled, one_handled

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
        page = list_incidents(connection, asked.settings, query)
        return replace(page, incidents=as_handled(connection, page.incidents, asked.now_us))


def one(asked: Asked, parameters: Any) -> IncidentHistory:
    return _found(asked)


def events(asked: Asked, parameters: Any) -> tuple[IncidentEvent, ...]:
    return _found(asked).events


class MarkGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it was a false alarm, as far as anybody says."""

    note: str = ""


def mark(asked: Asked, parameters: Any) -> Incident:
    given = read_body(asked, MarkGiven) if asked.body else MarkGiven()
    number = _found(asked).incident.incident_id
    return mark_false_alarm(asked.settings, number, given.note, who=asked.who)


def unmark(asked: Asked, parameters: Any) -> Incident:
    number = _found(asked).incident.incident_id
    return mark_false_alarm(asked.settings, number, undo=True, who=asked.who)


class CountsAsked(msgspec.Struct, kw_only=True, frozen=True):
    """Of which endpoints (ids), and how many days until the newest request."""

    endpoint: tuple[str, ...] = ()
    days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = DAYS


def budget(asked: Asked, wanted: CountsAsked) -> AlarmCounts:
    with asked.database.read() as connection:
        return last_alarm_counts(
            connection, asked.settings, wanted.endpoint or None, asked.now_us, wanted.days
        )


def _found(asked: Asked) -> IncidentHistory:
    number = whole_number(asked.path["id"])
    with asked.database.read() as connection:
        found = None if number is None else history_of(connection, asked.settings, number)
        if found is not None:
            found = replace(found, incident=one_handled(connection, found.incident, asked.now_us))
    if found is None:
        raise Problem(404, f"there is no incident with the number {asked.path['id']!r}", "id")
    return found


ROUTES = (
    Route(
        "GET",
        BASE,
        incidents,
        "The incidents: the open ones, the worst first, then those that ended.",
        IncidentsListed,
    ),
    Route(
        "GET",
        f"{BASE}/budget",
        budget,
        "How many incidents there were beside the alarm budget, and how many were marked false.",
        CountsAsked,
    ),
    Route("GET", f"{BASE}/{{id}}", one, "One incident with its events and its newest windows."),
    Route("GET", f"{BASE}/{{id}}/events", events, "What became of an incident, in order."),
    Route(
        "POST", f"{BASE}/{{id}}/false-alarm", mark, "Mark an incident as a false alarm, which ends it.",
        body=MarkGiven, role=Role.OPERATOR, audits=True,
    ),
    Route(
        "DELETE", f"{BASE}/{{id}}/false-alarm", unmark, "Take back that an incident was a false alarm.",
        role=Role.OPERATOR, audits=True,
    ),
)  # fmt: skip
