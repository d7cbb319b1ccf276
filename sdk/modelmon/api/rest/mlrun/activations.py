"""Alerts that were raised, as MLRun's client lists them: each is an incident of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.paging import whole_number
from modelmon.api.routes import Route
from modelmon.views.activations import (
    ActivationQuery,
    activation_name,
    entity_of,
    read_activations,
)
from modelmon.views.incidents import Incident, history_of

BASE = "/api/v1/projects/{project}/alert-activations"


class Activated(msgspec.Struct, kw_only=True, frozen=True):
    """Which alerts; `name` and `entity` are whole, or a part of the word after a `~`."""

    name: str = ""
    since: datetime | None = None
    until: datetime | None = None
    entity: str = ""
    severity: tuple[str, ...] = ()
    entity_kind: str = ""
    event_kind: str = ""
    page: int = 1
    page_size: int = 100
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class Activation:
    """An alert as `AlertActivation` of MLRun has it: `number_of_events` are windows, `reset_time` is when the
    incident was resolved."""

    id: int
    name: str
    project: str
    severity: str
    activation_time: datetime
    entity_id: str
    entity_kind: str
    event_kind: str
    number_of_events: int
    reset_time: datetime | None
    criteria: Mapping[str, Any] = field(default_factory=lambda: {"count": 1})
    notifications: Sequence[Mapping[str, Any]] = ()


def listed(asked: Asked, wanted: Activated) -> dict[str, Any]:
    query = ActivationQuery(
        wanted.name, wanted.entity, wanted.since, wanted.until, wanted.severity, wanted.entity_kind,
        wanted.event_kind, wanted.page_size, _before(wanted.page_token), wanted.page, asked.settings.project,
    )  # fmt: skip
    with asked.database.read() as connection:
        found, before = read_activations(connection, asked.settings, query)
    token = None if before is None else str(before)
    pages = {"page": wanted.page, "page-size": wanted.page_size, "page-token": token}
    return {"activations": [_activation(asked, each) for each in found], "pagination": pages}


def one(asked: Asked, parameters: Any) -> Activation:
    number = whole_number(asked.path["id"])
    with asked.database.read() as connection:
        known = None if number is None else history_of(connection, asked.settings, number, limit=1)
    if known is None:
        raise Problem(404, f"there is no alert with the number {asked.path['id']!r}", "id")
    return _activation(asked, known.incident)


def _before(token: str) -> int | None:
    if not token:
        return None
    if (number := whole_number(token)) is None:
        raise Problem(400, f"page-token: {token!r} is not what a page ended with, as in '12'", "page-token")
    return number


def _activation(asked: Asked, found: Incident) -> Activation:
    kind, name = entity_of(asked.settings.project, found)
    return Activation(
        found.incident_id, activation_name(found), asked.settings.project, found.severity, found.raised,
        name, kind, found.kind, found.windows, found.resolved,
    )  # fmt: skip


ROUTES = (
    Route("GET", BASE, listed, "The alerts that were raised, as MLRun's client lists them.", Activated),
    Route("GET", f"{BASE}/{{id}}", one, "One alert that was raised."),
)
