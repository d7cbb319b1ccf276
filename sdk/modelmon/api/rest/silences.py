"""Silences, for programs: listed, tried beforehand, made, ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from modelmon.alerting.rules import Match
from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.bodies import read_body
from modelmon.api.rest.paging import whole_number
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.model_monitoring import silencing
from modelmon.views.silences import ShownSilence, SilencePreview

BASE = "/api/v1/projects/{project}/silences"


class HitGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Patterns of what it hits; an incident fills in endpoint, app and result where they are not given."""

    incident_id: int | None = None
    endpoints: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    endpoint_ids: tuple[str, ...] = ()

    @property
    def match(self) -> Match:
        return silencing.match_of(
            endpoints=self.endpoints, functions=self.functions, apps=self.apps, results=self.results,
            kinds=self.kinds, labels=self.labels, endpoint_ids=self.endpoint_ids,
        )  # fmt: skip


class SilenceGiven(HitGiven, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Until when besides: a moment, or how long from now (`2h`); and why."""

    until: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class SilencesListed:
    """The newest first, at most a thousand."""

    silences: tuple[ShownSilence, ...]


def listed(asked: Asked, parameters: Any) -> SilencesListed:
    return SilencesListed(tuple(silencing.silences_of(asked.settings)))


def preview(asked: Asked, parameters: Any) -> SilencePreview:
    given = read_body(asked, HitGiven)
    return silencing.preview(asked.settings, given.match, incident_id=given.incident_id)


def add(asked: Asked, parameters: Any) -> ShownSilence:
    given = read_body(asked, SilenceGiven)
    return silencing.silence(
        asked.settings, given.match, given.until, given.note, incident_id=given.incident_id, who=asked.who
    )


def end(asked: Asked, parameters: Any) -> ShownSilence:
    number = whole_number(asked.path["id"])
    if number is None:
        raise Problem(404, f"there is no silence with the number {asked.path['id']!r}", "id")
    return silencing.end_silence(asked.settings, number, asked.who)


ROUTES = (
    Route("GET", BASE, listed, "The silences that hold, and those that are over."),
    Route(
        "POST", BASE, add, "Tell nobody of what fits, until then.", body=SilenceGiven,
        role=Role.OPERATOR, audits=True,
    ),
    Route(
        "POST", f"{BASE}/preview", preview, "What a silence would hit of that which is open.", body=HitGiven,
        role=Role.OPERATOR, only_looks=True,
    ),
    Route("DELETE", f"{BASE}/{{id}}", end, "End a silence before its time.", role=Role.OPERATOR, audits=True),
)  # fmt: skip
