"""What people do about an incident, for programs: at it, not at it, a note, over."""

from __future__ import annotations

from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.bodies import read_body
from modelmon.api.rest.incidents import BASE
from modelmon.api.rest.paging import whole_number
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.model_monitoring import handling
from modelmon.views.incidents import Incident, history_of


class AcknowledgementGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why, and until when at most: a moment, or how long from now (`2h`)."""

    note: str = ""
    until: str | None = None


class ResolutionGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it is over."""

    note: str = ""


class NoteGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is written into the history."""

    note: str


def acknowledge(asked: Asked, parameters: Any) -> Incident:
    given = read_body(asked, AcknowledgementGiven) if asked.body else AcknowledgementGiven()
    return handling.acknowledge(
        asked.settings, known_number(asked), given.note, until=given.until, who=asked.who
    )


def give_back(asked: Asked, parameters: Any) -> Incident:
    return handling.give_back(asked.settings, known_number(asked), asked.who)


def add_note(asked: Asked, parameters: Any) -> Incident:
    given = read_body(asked, NoteGiven)
    return handling.add_note(asked.settings, known_number(asked), given.note, asked.who)


def resolve(asked: Asked, parameters: Any) -> Incident:
    given = read_body(asked, ResolutionGiven) if asked.body else ResolutionGiven()
    return handling.resolve(asked.settings, known_number(asked), given.note, asked.who)


def known_number(asked: Asked) -> int:
    """Of the incident that the address names. Raises Problem 404."""
    text = asked.path["id"]
    number = whole_number(text)
    with asked.database.read() as connection:
        found = None if number is None else history_of(connection, asked.settings, number, 1)
    if found is None:
        raise Problem(404, f"there is no incident with the number {text!r}", "id")
    return found.incident.incident_id


ROUTES = (
    Route(
        "POST", f"{BASE}/{{id}}/acknowledge", acknowledge, "Say that somebody is at an incident.",
        body=AcknowledgementGiven, role=Role.OPERATOR, audits=True,
    ),
    Route(
        "DELETE", f"{BASE}/{{id}}/acknowledge", give_back, "Say that nobody is at an incident any more.",
        role=Role.OPERATOR, audits=True,
    ),
    Route(
        "POST", f"{BASE}/{{id}}/notes", add_note, "Write something into the history of an incident.",
        body=NoteGiven, role=Role.OPERATOR, audits=True,
    ),
    Route(
        "POST", f"{BASE}/{{id}}/resolve", resolve, "End an incident by hand.", body=ResolutionGiven,
        role=Role.OPERATOR, audits=True,
    ),
)  # fmt: skip
