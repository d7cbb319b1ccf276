"""The functions of monitoring, as MLRun's client reads them: apps and what lies around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.mlrun.metric_values import Between, span_asked
from modelmon.api.routes import Route
from modelmon.errors import no_such
from modelmon.ledger import registry
from modelmon.ledger.window_ledger import project_period
from modelmon.model import ValuePoint, from_us
from modelmon.views.app_counts import AppCounts, count_by_app, newest_of_app
from modelmon.views.health import FunctionHealth, every_health

BASE = "/api/v1/projects/{project}/model-monitoring/function-summaries"
READY, UNHEALTHY = "ready", "unhealthy"


class Summarized(Between, kw_only=True, frozen=True):
    """Which functions, and whether with what apps found from `start` to `end` (the last 24 hours)."""

    name: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    include_stats: bool = False
    include_infra: bool = True


class OneSummarized(Between, kw_only=True, frozen=True):
    """With `include-latest-metrics` the values of the newest window that the app judged."""

    include_latest_metrics: bool = False


@dataclass(frozen=True, slots=True)
class FunctionSummary:
    """As `FunctionSummary` of MLRun has it; `base_period` is in minutes, None of what is no app."""

    type: Literal["application", "infra"]
    name: str
    application_class: str
    project_name: str
    updated_time: datetime
    status: str
    base_period: int | None
    stats: Mapping[str, Any] = field(default_factory=dict)


def summaries(asked: Asked, wanted: Summarized) -> list[FunctionSummary]:
    counts = _counts(asked, wanted) if wanted.include_stats else None
    return [
        each
        for each in _every(asked, counts)
        if (not wanted.name or each.name in wanted.name)
        and (wanted.include_infra or each.type == "application")
        and not wanted.label  # functions have none here
    ]


def summary(asked: Asked, wanted: OneSummarized) -> FunctionSummary:
    name = asked.path["name"]
    found = {each.name: each for each in _every(asked, _counts(asked, wanted))}
    if name not in found:
        raise Problem(404, str(no_such(f"there is no function {name!r}", name, found)), "name")
    if wanted.include_latest_metrics and found[name].type == "application":
        points = newest_of_app(asked.database, asked.series, name)
        stats = {**found[name].stats, "metrics": [_record(each) for each in points]}
        return replace(found[name], stats=stats)
    return found[name]


def _counts(asked: Asked, wanted: Between) -> Mapping[str, AppCounts]:
    start, end = span_asked(asked, wanted)
    with asked.database.read() as connection:
        return count_by_app(connection, start, end)


def _every(asked: Asked, counts: Mapping[str, AppCounts] | None) -> list[FunctionSummary]:
    """Apps first, each kind by name."""
    project = asked.settings.project
    with asked.database.read() as connection:
        functions = {each.name: each for each in registry.list_functions(connection)}
        apps = {each.name: each for each in registry.active_apps(connection)}
        period = project_period(connection, asked.settings.base_period)
    infra = [each for each in functions.values() if each.kind == "infra"]
    healths = {
        each.function: each for each in every_health(asked.database, [*apps, *functions], asked.now_us)
    }
    found = [
        FunctionSummary(
            "application", app.name, _class_of(functions.get(app.name)), project,
            from_us(app.registered_us), _status(healths[app.name]), app.base_period or period,
            {} if counts is None else _stats(counts.get(app.name, AppCounts()), healths[app.name]),
        )
        for app in apps.values()
    ]  # fmt: skip
    return found + [
        FunctionSummary(
            "infra", each.name, "", project, from_us(each.updated_us), _status(healths[each.name]), None,
            {} if counts is None else {"stream_stats": _partitions(healths[each.name])},
        )
        for each in infra
    ]  # fmt: skip


def _class_of(function: registry.RegisteredFunction | None) -> str:
    spec = function.spec if function else {}
    return str(spec.get("class_name") or spec.get("template") or "")


def _status(health: FunctionHealth) -> str:
    return READY if health.healthy else UNHEALTHY


def _stats(counts: AppCounts, health: FunctionHealth) -> dict[str, Any]:
    return {
        "detected": counts.detected,
        "potential_detection": counts.suspected,
        "processed_model_endpoints": counts.endpoints,
        "stream_stats": _partitions(health),
    }


def _partitions(health: FunctionHealth) -> dict[str, dict[str, int]]:
    return {
        str(each.partition): {"committed": each.committed, "lag": max(0, each.end - each.committed)}
        for each in health.partitions
    }


def _record(point: ValuePoint) -> dict[str, Any]:
    found = {"value": point.value, "time": from_us(point.end_us)}
    if point.kind is None:
        return {"type": "metric", "metric_name": point.name, **found}
    status = -1 if point.status is None else point.status
    return {"type": "result", "result_name": point.name, "kind": point.kind, "status": status, **found}


ROUTES = (
    Route("GET", BASE, summaries, "The functions of monitoring, as MLRun's client lists them.", Summarized),
    Route(
        "GET", f"{BASE}/{{name}}", summary, "One function of monitoring, with what it found.", OneSummarized
    ),
)
