"""Alerts as MLRun's client configures them: each is a rule of the project's alerts.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from modelmon.alerting.mlrun_templates import AlertTemplate, templates
from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.errors import no_such
from modelmon.model_monitoring import mlrun_alerts
from modelmon.model_monitoring.mlrun_alerts import ChannelRefusedError, NoSuchAlertError, Storing

BASE = "/api/v1/projects/{project}/alerts"


class Configured(msgspec.Struct, kw_only=True, frozen=True):
    """How many, after how many."""

    page_size: int = 500
    offset: int = 0


class Reset(msgspec.Struct, kw_only=True, frozen=True):
    """Whether what it has open is ended."""

    force_reset: bool = False


class AlertGiven(msgspec.Struct, kw_only=True, frozen=True):
    """An alert configuration as MLRun's client sends one."""

    name: str = ""
    project: str = ""
    summary: str | None = None
    severity: str | None = None
    entities: dict[str, Any] | None = None
    trigger: dict[str, Any] | None = None
    criteria: dict[str, Any] | None = None
    reset_policy: str | None = None
    notifications: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class AlertConfigs:
    """The own rules that MLRun has words for, in the order of the file."""

    project: str
    alerts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class AlertReset:
    """How many incidents were ended."""

    ended: int


@dataclass(frozen=True, slots=True)
class AlertDeleted:
    """It is no longer there."""

    name: str


def configs(asked: Asked, wanted: Configured) -> AlertConfigs:
    if wanted.page_size < 1 or wanted.offset < 0:
        raise Problem(400, "page-size must be 1 or more, offset 0 or more", "page-size")
    found = mlrun_alerts.configs(asked.settings)[wanted.offset :][: wanted.page_size]
    return AlertConfigs(asked.project.name, tuple(found))


def config(asked: Asked, parameters: Any) -> Mapping[str, Any]:
    try:
        return mlrun_alerts.config(asked.settings, asked.path["name"])
    except NoSuchAlertError as error:
        raise Problem(404, str(error), "name") from None


def store(asked: Asked, wanted: Reset) -> Mapping[str, Any]:
    try:
        given = msgspec.json.decode(asked.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body must be a JSON object, an alert: {error}") from None
    name = asked.path["name"]
    if given.get("name", name) not in (name, ""):
        raise Problem(400, f"name: the address says {name!r}, and the alert {given['name']!r}", "name")
    storing = Storing({**given, "name": name}, asked.who, wanted.force_reset, asked.user.role >= Role.ADMIN)
    try:
        return mlrun_alerts.store_config(asked.settings, storing)
    except ChannelRefusedError as error:
        raise Problem(403, str(error), "notifications") from None


def delete(asked: Asked, parameters: Any) -> AlertDeleted:
    try:
        mlrun_alerts.delete_config(asked.settings, asked.path["name"], asked.who)
    except NoSuchAlertError as error:
        raise Problem(404, str(error), "name") from None
    return AlertDeleted(asked.path["name"])


def reset(asked: Asked, parameters: Any) -> AlertReset:
    try:
        return AlertReset(mlrun_alerts.reset_config(asked.settings, asked.path["name"], asked.who))
    except NoSuchAlertError as error:
        raise Problem(404, str(error), "name") from None


def all_templates(asked: Asked, parameters: Any) -> tuple[AlertTemplate, ...]:
    return templates()


def template(asked: Asked, parameters: Any) -> AlertTemplate:
    name, known = asked.path["name"], {each.template_name: each for each in templates()}
    if name not in known:
        raise Problem(404, str(no_such(f"there is no template {name!r}", name, known)), "name")
    return known[name]


ROUTES = (
    Route("GET", BASE, configs, "The own rules, as MLRun's client lists alerts.", Configured),
    Route("GET", f"{BASE}/{{name}}", config, "One own rule, as MLRun's client reads an alert."),
    Route(
        "PUT", f"{BASE}/{{name}}", store, "Keep an alert of MLRun's as a rule; new channels are an admin's.",
        Reset, body=AlertGiven, role=Role.OPERATOR, audits=True,
    ),
    Route(
        "DELETE", f"{BASE}/{{name}}", delete, "Take the rule of an alert out.",
        role=Role.OPERATOR, audits=True,
    ),
    Route(
        "POST", f"{BASE}/{{name}}/reset", reset, "End what an alert has open.",
        role=Role.OPERATOR, audits=True,
    ),
    Route(
        "GET", "/api/v1/alert-templates", all_templates,
        "What raises an incident, as MLRun's client lists templates of alerts.",
    ),
    Route("GET", "/api/v1/alert-templates/{name}", template, "One thing that raises an incident."),
)  # fmt: skip
