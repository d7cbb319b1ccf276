"""MLRun's alert configurations as rules of `alerts.yaml`, and rules as such configurations. Pure."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from modelmon.alerting.alerts import Alerts
from modelmon.alerting.kinds import duration_us, written_duration
from modelmon.alerting.mlrun_entities import APP_ENTITY, INFRA_ENTITY, RESULT_ENTITY, entity_id, match_of
from modelmon.alerting.mlrun_notifications import GivenNotification, channel_of, notification_of
from modelmon.alerting.reading_rules import MOST_WINDOWS, NAME
from modelmon.alerting.rules import DETECTED, KINDS, FailedCondition, Rule, StatusCondition, TimedCondition
from modelmon.counting import count
from modelmon.errors import ConfigError, uncapitalized

APP_FAILED, LAG, JOB_FAILED = "mm-app-failed", "model-monitoring-lag-detected", "failed"
BEHIND = "behind"
DEFAULT_SEVERITY = "medium"
MLRUN_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
_ENTITY_OF = {APP_FAILED: APP_ENTITY, LAG: INFRA_ENTITY, JOB_FAILED: "job"}
_STATUS = {"suspected": 1, "detected": DETECTED}


class Entities(msgspec.Struct, frozen=True):
    """What an alert is about."""

    kind: str
    ids: list[str]
    project: str = ""


class Trigger(msgspec.Struct, frozen=True):
    """Which events bring it about."""

    events: list[str] | None = None
    prometheus_alert: str | None = None


class Criteria(msgspec.Struct, frozen=True):
    """How many events, within what time."""

    count: int = 1
    period: str | None = None


class GivenConfig(msgspec.Struct, frozen=True):
    """An alert configuration as MLRun's client sends one."""

    name: str
    entities: Entities
    trigger: Trigger
    notifications: list[GivenNotification]
    project: str = ""
    summary: str | None = None
    description: str | None = None
    severity: Literal["low", "medium", "high"] | None = None
    criteria: Criteria | None = None
    reset_policy: Literal["auto", "manual"] | None = None
    cooldown_period: str | None = None


@dataclass(frozen=True, slots=True)
class Translated:
    """A rule with the keys of `alerts.yaml`, and the channels that it needs, by name."""

    rule: Mapping[str, Any]
    channels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_config(given: object) -> GivenConfig:
    """Raises ConfigError that says what of it is wrong."""
    try:
        return msgspec.convert(given, GivenConfig)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$.")
        raise ConfigError(f"{place.rstrip('`') or 'alert'}: {uncapitalized(said)}") from None


def rule_name(name: str) -> str:
    """What an alert of this name is called in `alerts.yaml`: the same where that is a name there.

    >>> rule_name("drift"), rule_name("Drift--0a_app_result")
    ('drift', 'drift-0a-app-result-a6c0ccf4')
    """
    if NAME.fullmatch(name):
        return name
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:23].strip("-") or "alert"
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def rule_of(given: GivenConfig, project: str, base_period: int) -> Translated:
    """The rule that says the same, with its channels. Raises ConfigError for what has no counterpart here."""
    if not MLRUN_NAME.fullmatch(given.name):
        raise ConfigError(f"name: must be of letters, digits, - and _, at most 200, got {given.name!r}")
    for said in (given.project, given.entities.project):
        if said not in ("", project):
            raise ConfigError(f"project: this is {project!r}, and the alert is of {said!r}")
    if not given.notifications:
        raise ConfigError("notifications: an alert needs at least one")
    if len(given.entities.ids) != 1:
        raise ConfigError(f"entities.ids: must be one id, which may hold *, got {given.entities.ids!r}")
    when, kinds = _when(given, base_period)
    match = match_of(given.entities.kind, given.entities.ids[0], project)
    if kinds:
        match["kinds"] = kinds
    channels = dict(channel_of(each) for each in given.notifications)
    name, minutes = rule_name(given.name), 1 if BEHIND in when else base_period
    rule = {
        "name": name, "called": given.name if name != given.name else None,
        "description": given.description or None, "summary": given.summary or None, "when": when,
        "match": match or None, "for": _windows(given.criteria or Criteria(), minutes),
        "severity": given.severity or DEFAULT_SEVERITY,
        "reset": "manual" if given.reset_policy == "manual" else None,
        "cooldown": _cooldown(given), "channels": list(channels),
    }  # fmt: skip
    needed = {name: channel for name, channel in channels.items() if channel is not None}
    return Translated({key: each for key, each in rule.items() if each is not None}, needed)


def config_of(rule: Rule, alerts: Alerts, project: str, base_period: int) -> dict[str, Any] | None:
    """A rule as an alert configuration; None for one that MLRun has no words for."""
    events, entity = _events(rule), entity_id(rule.match, rule.when, project)
    if events is None or entity is None or not (told := alerts.told_of(rule.name)):
        return None
    kind = _ENTITY_OF.get(events[0], RESULT_ENTITY)
    minutes = 1 if kind == INFRA_ENTITY else base_period
    among = rule.policy.among
    period = f"{among * minutes}m" if rule.policy.enough > 1 and among < MOST_WINDOWS else None
    return {
        "project": project, "name": rule.called or rule.name, "description": rule.description,
        "summary": rule.summary, "severity": rule.severity or DEFAULT_SEVERITY,
        "entities": {"kind": kind, "project": project, "ids": [entity]}, "trigger": {"events": events},
        "criteria": {"count": rule.policy.enough, "period": period},
        "reset_policy": "manual" if rule.manual else "auto",
        "cooldown_period": written_duration(rule.cooldown_us) or None,
        "notifications": [{"notification": notification_of(alerts.channels[name])} for name in told],
    }  # fmt: skip


def _when(given: GivenConfig, base_period: int) -> tuple[dict[str, Any], list[str]]:
    """The condition, and the kinds of result."""
    events = list(dict.fromkeys(given.trigger.events or ()))
    if given.trigger.prometheus_alert or not events:
        raise ConfigError(
            "trigger: needs events; a prometheus_alert is not there: Prometheus has its own Alertmanager"
        )
    for event in events:
        _check_event(event, given.entities.kind)
    if events == [APP_FAILED]:
        return {"failed": True}, []
    if events == [LAG]:
        return {BEHIND: f"> {base_period}m"}, []
    by_kind: dict[str, int] = {}
    for event in events:
        kind, _, found = event.rpartition("-")
        by_kind[kind] = min(_STATUS.get(found, 0), by_kind.get(kind, DETECTED))
    if not set(by_kind) <= set(KINDS):
        raise ConfigError(f"trigger.events: {', '.join(events)} are of several entities: one alert each")
    if len(set(by_kind.values())) > 1:
        raise ConfigError(
            f"trigger.events: {', '.join(events)}: a rule is either from suspected or from detected on, for "
            "all its kinds; store two alerts"
        )
    least = "detected" if by_kind.popitem()[1] == DETECTED else "suspected"
    kinds = list(dict.fromkeys(event.rpartition("-")[0] for event in events))
    return {"status": least}, kinds


def _check_event(event: str, entity: str) -> None:
    known = [f"{kind}-{found}" for kind in KINDS for found in _STATUS] + [APP_FAILED, LAG]
    if event == JOB_FAILED:
        raise ConfigError("trigger.events: 'failed' is of jobs, and there are none here")
    if event not in known:
        raise ConfigError(f"trigger.events: {event!r} is no event; there are {', '.join(known)}")
    wanted = _ENTITY_OF.get(event, RESULT_ENTITY)
    if entity != wanted:
        raise ConfigError(f"entities.kind: {event} is of a {wanted}, got {entity!r}")


def _windows(criteria: Criteria, minutes: int) -> str | None:
    """Events are bad windows here: `criteria.count` of those in `period`."""
    wanted = criteria.count
    if not 1 <= wanted < MOST_WINDOWS:
        raise ConfigError(f"criteria.count: must be from 1 to {MOST_WINDOWS - 1}, got {wanted}")
    if criteria.period is None:
        return f"{wanted} of {MOST_WINDOWS}" if wanted > 1 else None
    length_us = duration_us(criteria.period)
    if not length_us:
        raise ConfigError(f"criteria.period: must be like 10m, 3h or 1d, got {criteria.period!r}")
    among = min(math.ceil(length_us / (minutes * 60e6)), MOST_WINDOWS)
    if among < wanted:
        raise ConfigError(
            f"criteria: {count(wanted, 'window')} of {count(minutes, 'minute')} don't fit into "
            f"{criteria.period}; give a longer period, or count fewer"
        )
    return f"{wanted} of {among}" if wanted > 1 else None


def _cooldown(given: GivenConfig) -> str | None:
    """The longest of the alert's own and its notifications': what MLRun keeps and does not enforce counts."""
    texts = [given.cooldown_period, *(each.cooldown_period for each in given.notifications)]
    lengths = {text: duration_us(text) for text in texts if text}
    for text, length in lengths.items():
        if length is None:
            raise ConfigError(f"cooldown_period: must be like 15s, 10m or 1d, got {text!r}")
    return max(lengths, key=lambda text: lengths[text] or 0) if lengths else None


def _events(rule: Rule) -> list[str] | None:
    match rule.when:
        case FailedCondition():
            return [APP_FAILED]
        case TimedCondition(measure=measure):
            return [LAG] if measure == BEHIND else None
        case StatusCondition(least):
            found: Sequence[str] = ("detected",) if least == DETECTED else ("suspected", "detected")
            return [f"{kind}-{each}" for kind in rule.match.kinds or KINDS for each in found]
        case _:
            return None
