"""Alerts as MLRun's client configures them: every rule is there from the start, and none is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.errors import no_such
from modelmon.incidents import APP_FAILED, RESULT_STATUS, event_kind, severity
from modelmon.model import ResultKindApp

BASE = "/api/v1/projects/{project}/alerts"
SUMMARY = "{{project}}: {{entity}}, {{name}}"
NOT_YET = (
    "alerts are not configured here: every bad result raises an incident, and alert-activations lists them; "
    "messages about them come with a later version"
)


class Configured(msgspec.Struct, kw_only=True, frozen=True):
    """MLRun's client asks so; there are none to choose among."""

    page_size: int = 100
    offset: int = 0


class Reset(msgspec.Struct, kw_only=True, frozen=True):
    """MLRun's client asks so."""

    force_reset: bool = False


@dataclass(frozen=True, slots=True)
class AlertConfigs:
    """None: what raises an incident is not configured."""

    project: str
    alerts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class AlertTemplate:
    """What raises an incident, as `AlertTemplate` of MLRun has it."""

    template_name: str
    template_description: str
    severity: str
    trigger: Mapping[str, Any]
    template_id: int
    system_generated: bool = True
    summary: str = SUMMARY
    criteria: Mapping[str, Any] = field(default_factory=lambda: {"count": 1})
    reset_policy: Literal["auto"] = "auto"


def configs(asked: Asked, wanted: Configured) -> AlertConfigs:
    return AlertConfigs(asked.project.name)


def config(asked: Asked, parameters: Any) -> Mapping[str, Any]:
    raise Problem(404, f"there is no alert {asked.path['name']!r} in project {asked.project.name}: {NOT_YET}")


def store(asked: Asked, parameters: Any) -> Mapping[str, Any]:
    raise Problem(501, NOT_YET)


def templates(asked: Asked, parameters: Any) -> list[AlertTemplate]:
    return _templates()


def template(asked: Asked, parameters: Any) -> AlertTemplate:
    name, known = asked.path["name"], {each.template_name: each for each in _templates()}
    if name not in known:
        raise Problem(404, str(no_such(f"there is no template {name!r}", name, known)), "name")
    return known[name]


def _templates() -> list[AlertTemplate]:
    """Of each kind of result what is suspected and what is detected; an app that fails."""
    found = [(RESULT_STATUS, kind.value, status) for kind in ResultKindApp for status in (1, 2)]
    return [
        _template(number, event_kind(*each), severity(each[2]))
        for number, each in enumerate([*found, (APP_FAILED, 0, 2)], 1)
    ]


def _template(number: int, event: str, severity: str) -> AlertTemplate:
    name = "".join(word.capitalize() for word in event.split("-"))
    return AlertTemplate(name, f"Raised when an app says {event}.", severity, {"events": [event]}, number)


ROUTES = (
    Route("GET", BASE, configs, "The alerts that somebody configured: none yet.", Configured),
    Route("GET", f"{BASE}/{{name}}", config, "One alert that somebody configured."),
    Route("PUT", f"{BASE}/{{name}}", store, "Configure an alert: not there yet.", Reset, role=Role.OPERATOR),
    Route(
        "GET", "/api/v1/alert-templates", templates,
        "What raises an incident, as MLRun's client lists templates of alerts.",
    ),
    Route("GET", "/api/v1/alert-templates/{name}", template, "One thing that raises an incident."),
)  # fmt: skip
