"""MLRun's ids of what an alert is about, as a rule's `match`, and back. Pure."""

from __future__ import annotations

from typing import Any

from modelmon.alerting.rules import Condition, FailedCondition, Match, TimedCondition
from modelmon.errors import ConfigError

RESULT_ENTITY, APP_ENTITY = "model-endpoint-result", "model-monitoring-application"
INFRA_ENTITY = "model-monitoring-infra"
_RESULT = "<endpoint id>.<app>.result.<name>, where * stands for anything"


def match_of(kind: str, entity: str, project: str) -> dict[str, Any]:
    """The `match` of a rule that looks at this entity.

    >>> match_of(RESULT_ENTITY, "0a.drift.result.*", "p")
    {'endpoint_ids': ['0a'], 'apps': ['drift']}
    >>> match_of(RESULT_ENTITY, "*", "p"), match_of(APP_ENTITY, "p_drift", "p")
    ({}, {'apps': ['drift']})
    """
    if kind == RESULT_ENTITY:
        return _of_result(entity)
    if kind == APP_ENTITY:
        return _of_app(entity, project)
    if kind == INFRA_ENTITY:
        if entity != "*":
            raise ConfigError(f"entities.ids: of {INFRA_ENTITY} there is '*' alone, got {entity!r}")
        return {}
    raise ConfigError(
        f"entities.kind: {kind!r} is not there; there are {RESULT_ENTITY}, {APP_ENTITY}, {INFRA_ENTITY}"
    )


def entity_id(match: Match, when: Condition, project: str) -> str | None:
    """The entity of a rule; None where MLRun has no id for what it looks at."""
    if match.endpoints or match.functions or match.labels:
        return None
    if any(len(each) > 1 for each in (match.endpoint_ids, match.apps, match.results)):
        return None
    uid, app, result = ("".join(each) or "*" for each in (match.endpoint_ids, match.apps, match.results))
    if isinstance(when, TimedCondition):
        return "*" if match == Match() else None
    if isinstance(when, FailedCondition):
        return None if uid != "*" or result != "*" else "*" if app == "*" else f"{project}_{app}"
    return f"{uid}.{app}.result.{result}"


def _of_result(entity: str) -> dict[str, Any]:
    parts = entity.split(".")
    if len(parts) < 4 and parts[-1] == "*":  # it stands for the rest
        parts = [*parts[:-1], *["*", "*", "result", "*"][len(parts) - 1 :]]
    elif len(parts) < 4 and parts[0] == "*":
        parts = [*["*", "*", "result"][: 4 - (len(parts) - 1)], *parts[1:]]
    if len(parts) != 4 or parts[2] not in ("result", "*") or not all(parts):
        raise ConfigError(f"entities.ids: must be {_RESULT}, got {entity!r}")
    keys = {"endpoint_ids": parts[0], "apps": parts[1], "results": parts[3]}
    return {key: [part] for key, part in keys.items() if part != "*"}


def _of_app(entity: str, project: str) -> dict[str, Any]:
    if entity == "*":
        return {}
    name = entity.removeprefix(f"{project}_")
    if name == entity or not name:
        raise ConfigError(f"entities.ids: must be {project}_<app>, or *, got {entity!r}")
    return {"apps": [name]} if name != "*" else {}
