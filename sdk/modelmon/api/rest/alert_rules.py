"""alerts.yaml for programs: its versions, set and taken back; its rules, one set or taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.rest.bodies import read_body
from modelmon.api.roles import Role
from modelmon.api.routes import Route
from modelmon.checked_yaml.findings import Finding
from modelmon.model_monitoring import alert_rules, alerts
from modelmon.model_monitoring.alerts import AlertFileVersion
from modelmon.model_monitoring.replayed_alerts import replay_alerts
from modelmon.views.alert_rules import AlertRule
from modelmon.views.replaying import Replayed

BASE = "/api/v1/projects/{project}"
FILE, RULES = f"{BASE}/alert-file", f"{BASE}/alert-rules"


class AlertFileGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An alerts.yaml as text."""

    text: str


class AlertRuleGiven(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A rule with the keys that it has in alerts.yaml."""

    rule: dict[str, Any]


class ReplayAsked(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """From when on, as a time or `30d` before the newest window that was judged; the `text` of an
    alerts.yaml, null for the rules that count; names or ids of endpoints, null for all."""

    since: str = "30d"
    text: str | None = None
    endpoints: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class AlertFileVersions:
    """The newest first, at most a hundred; `text` is "" where it was taken back."""

    versions: tuple[AlertFileVersion, ...]


@dataclass(frozen=True, slots=True)
class AlertRules:
    """Own ones in the order of the file, then the built-in ones that none of them replaces."""

    rules: tuple[AlertRule, ...]


@dataclass(frozen=True, slots=True)
class AlertFindings:
    """What is wrong with a file, by lines; warnings of what fits nothing in the project now."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class AlertRuleRemoved:
    """It is no longer there."""

    name: str


def files(asked: Asked, parameters: Any) -> AlertFileVersions:
    found = alerts.alert_versions(asked.settings, alerts.MOST_VERSIONS)
    return AlertFileVersions(tuple(alerts.shown_file(each) for each in found))


def put(asked: Asked, parameters: Any) -> AlertFileVersion:
    text = read_body(asked, AlertFileGiven).text
    return alerts.shown_file(alerts.set_alerts(asked.settings, text, asked.who))


def take_back(asked: Asked, parameters: Any) -> AlertFileVersion:
    return alerts.shown_file(alerts.set_alerts(asked.settings, "", asked.who))


def check(asked: Asked, parameters: Any) -> AlertFindings:
    text = read_body(asked, AlertFileGiven).text
    return AlertFindings(alert_rules.check_beside(asked.settings, text).findings)


def replayed(asked: Asked, parameters: Any) -> Replayed:
    given = read_body(asked, ReplayAsked)
    return replay_alerts(asked.settings, given.since, given.text, given.endpoints)


def rules(asked: Asked, parameters: Any) -> AlertRules:
    return AlertRules(alert_rules.list_rules(asked.settings))


def set_rule(asked: Asked, parameters: Any) -> AlertRule:
    return alert_rules.set_rule(asked.settings, read_body(asked, AlertRuleGiven).rule, asked.who)


def remove_rule(asked: Asked, parameters: Any) -> AlertRuleRemoved:
    alert_rules.remove_rule(asked.settings, asked.path["name"], asked.who)
    return AlertRuleRemoved(asked.path["name"])


ROUTES = (
    Route("GET", FILE, files, "The versions of the project's alerts.yaml, the newest first."),
    # An admin's: it says where secrets of this machine are sent.
    Route("PUT", FILE, put, "Have an alerts.yaml count.", body=AlertFileGiven, role=Role.ADMIN, audits=True),
    Route(
        "DELETE", FILE, take_back, "Take back the alerts.yaml: nobody is told.",
        role=Role.ADMIN, audits=True,
    ),
    Route(
        "POST", f"{FILE}/check", check, "Find mistakes in an alerts.yaml, and what fits nothing here.",
        body=AlertFileGiven, role=Role.OPERATOR, only_looks=True,
    ),
    Route(
        "POST", f"{RULES}/replay", replayed,
        "What rules would have raised over stored results, beside what was raised. Nothing is sent.",
        body=ReplayAsked, only_looks=True,
    ),
    Route("GET", RULES, rules, "The rules that count, and what each looks at now."),
    Route(
        "POST", RULES, set_rule, "Set one rule, in place of the one of its name.", body=AlertRuleGiven,
        role=Role.OPERATOR, audits=True,
    ),
    Route("DELETE", f"{RULES}/{{name}}", remove_rule, "Take one rule out.", role=Role.OPERATOR, audits=True),
)  # fmt: skip
