"""Metrics and results of an endpoint by full names, as MLRun writes them: project.app.metric.name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from modelmon.errors import ConfigError
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.metric_lines import MetricName, read_metric_names

INFRA_APP, INVOCATIONS = "mlrun-infra", "invocations"
"""What the calls of an endpoint are called, which every endpoint has."""
_FULL = re.compile(
    r"(?P<project>[a-z0-9-]+)\.(?P<app>[a-zA-Z0-9_-]+)\.(?P<type>metric|result)\.(?P<name>[a-zA-Z_]\w*)"
)


@dataclass(frozen=True, slots=True)
class MonitoringMetric:
    """A metric or result; `full_name` asks for its values. `kind` is None of a metric."""

    project: str
    app: str
    type: Literal["metric", "result"]
    name: str
    full_name: str
    kind: int | None


class FullName(NamedTuple):
    """What asks for the values of one metric or result."""

    text: str
    app: str
    type: str
    name: str


def read_monitoring_metrics(
    database: Database, series: SeriesStore, project: str, endpoint_id: str
) -> Iterator[MonitoringMetric]:
    """The calls, then those of the newest windows."""
    yield _metric(project, MetricName(INFRA_APP, INVOCATIONS, None, 0.0, None))
    for each in read_metric_names(database, series, endpoint_id):
        yield _metric(project, each)


def full_name(project: str, text: str) -> FullName:
    """Raises ConfigError for what is none, or of another project."""
    match = _FULL.fullmatch(text)
    if match is None:
        example = f"{project}.histogram-data-drift.result.general_drift"
        raise ConfigError(f"name: {text!r} is no full name; write it as {example}")
    if match["project"] != project:
        raise ConfigError(f"name: {text!r} is of project {match['project']!r}, this is {project!r}")
    return FullName(text, match["app"], match["type"], match["name"])


def _metric(project: str, named: MetricName) -> MonitoringMetric:
    kind: Literal["metric", "result"] = "metric" if named.kind is None else "result"
    full = f"{project}.{named.application_name}.{kind}.{named.name}"
    return MonitoringMetric(project, named.application_name, kind, named.name, full, named.kind)
