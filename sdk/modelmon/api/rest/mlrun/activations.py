"""Alerts that were raised, as MLRun's client lists them: each is an incident of ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.paging import whole_number
from modelmon.api.routes import Route
from modelmon.from_mlrun.alerts import AlertActivation
from modelmon.views.activations import ActivationQuery, activation_of, before_of, read_activations
from modelmon.views.incidents import history_of

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


def listed(asked: Asked, wanted: Activated) -> dict[str, Any]:
    project = asked.settings.project
    query = ActivationQuery(
        wanted.name, wanted.entity, wanted.since, wanted.until, wanted.severity, wanted.entity_kind,
        wanted.event_kind, wanted.page_size, before_of(wanted.page_token), wanted.page, project,
    )  # fmt: skip
    with asked.database.read() as connection:
        found, before = read_activations(connection, asked.settings, query)
    token = None if before is None else str(before)
    pages = {"page": wanted.page, "page-size": wanted.page_size, "page-token": token}
    return {
        "activations": [activation_of(project, each) for each in found],
        "pagination": pages,
    }


def one(asked: Asked, parameters: Any) -> AlertActivation:
    number = whole_number(asked.path["id"])
    with asked.database.read() as connection:
        known = None if number is None else history_of(connection, asked.settings, number, limit=1)
    if known is None:
        raise Problem(404, f"there is no alert with the number {asked.path['id']!r}", "id")
    return activation_of(asked.settings.project, known.incident)


ROUTES = (
    Route("GET", BASE, listed, "The alerts that were raised, as MLRun's client lists them.", Activated),
    Route("GET", f"{BASE}/{{id}}", one, "One alert that was raised."),
)
