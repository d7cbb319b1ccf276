"""The project as a whole, as MLRun's client reads it; and what the client asks before anything else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.mlrun.metric_values import Between, span_asked
from modelmon.api.routes import Opening, Route
from modelmon.ledger import registry
from modelmon.model import DAY_US, from_us, to_us
from modelmon.views.drift_over_time import read_drift_over_time
from modelmon.views.health import every_health
from modelmon.views.project_counts import count_project

API_VERSION = "1.12.1"
"""Of MLRun: what its client is answered as."""
MOST_DAYS = 3_660


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """The version of MLRun that these routes are like."""

    version: str = API_VERSION


@dataclass(frozen=True, slots=True)
class DriftValues:
    """(start of the bin, endpoints suspected, endpoints detected) in order."""

    values: tuple[tuple[datetime, int, int], ...]


@dataclass(frozen=True, slots=True)
class ProjectSummary:
    """Counts of the project. Alerts are the incidents that are open: of endpoints' results, and of apps that
    fail."""

    name: str
    updated: datetime
    endpoint_alerts_count: int
    application_alerts_count: int
    running_model_monitoring_functions: int
    failed_model_monitoring_functions: int
    real_time_model_endpoint_count: int
    batch_model_endpoint_count: int


def client_spec(asked: Asked, parameters: Any) -> ClientSpec:
    return ClientSpec()


def drift_over_time(asked: Asked, wanted: Between) -> DriftValues:
    start, end = span_asked(asked, wanted)
    if to_us(end) - to_us(start) > MOST_DAYS * DAY_US:
        raise Problem(400, f"start: at most {MOST_DAYS} days are counted at once", "start")
    with asked.database.read() as connection:
        bins = read_drift_over_time(connection, start, end)
    return DriftValues(tuple((each.start, each.suspected, each.detected) for each in bins))


def summary(asked: Asked, parameters: Any) -> ProjectSummary:
    with asked.database.read() as connection:
        counts = count_project(connection)
        names = {*registry.watched_functions(connection)}
    known = every_health(asked.database, sorted(names), asked.now_us)
    healthy = sum(each.healthy for each in known if each.function in names)
    return ProjectSummary(
        asked.settings.project, from_us(asked.now_us), counts.results, counts.failures, healthy,
        len(names) - healthy, counts.real_time, counts.batch,
    )  # fmt: skip


ROUTES = (
    Route(
        "GET", "/api/v1/client-spec", client_spec, "What MLRun's client asks first: whom it speaks to.",
        opening=Opening.ALWAYS,
    ),
    Route(
        "GET", "/api/v1/projects/{project}/model-monitoring/drift-over-time", drift_over_time,
        "How many endpoints were suspected and detected when.", Between,
    ),
    Route("GET", "/api/v1/project-summaries/{project}", summary, "The project in numbers."),
)  # fmt: skip
