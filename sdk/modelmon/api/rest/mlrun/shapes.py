"""Endpoints in the shapes that MLRun's client reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from modelmon.model import Endpoint
from modelmon.private_columns import is_private
from modelmon.settings import Settings
from modelmon.views.endpoints import EndpointSummary

MODES = {"real_time": 0, "batch": 1, "batch_legacy": 2}
Stats = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EndpointMetadata:
    """Who it is; `mode` is 0 of one that answers requests, 1 of a batch."""

    name: str
    project: str
    uid: str
    endpoint_type: int
    mode: int
    labels: Mapping[str, str]
    created: datetime | None
    updated: datetime | None


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """What is monitored. `feature_stats`, the reference, is there where features are asked for."""

    model_class: str
    function_name: str
    function_tag: str
    model_name: str
    model_tags: Sequence[str]
    model_uri: str
    feature_names: Sequence[str]
    label_names: Sequence[str]
    function_uri: str
    monitoring_feature_set_uri: str
    feature_stats: Stats = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """How it is. `state` is ours, in a word; `avg_latency` in microseconds, None where it was not asked for
    or no request told it."""

    state: str
    first_request: datetime | None
    last_request: datetime | None
    monitoring_mode: str
    result_status: int
    error_count: int
    avg_latency: float | None = None
    current_stats: Stats = field(default_factory=dict)
    current_stats_timestamp: datetime | None = None
    drift_measures: Stats = field(default_factory=dict)
    drift_measures_timestamp: datetime | None = None


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """An endpoint as `ModelEndpoint` of MLRun has it."""

    metadata: EndpointMetadata
    spec: EndpointSpec
    status: EndpointStatus
    kind: str = "model-endpoint"


def shown_endpoint(
    settings: Settings, endpoint: Endpoint, summary: EndpointSummary, latency_us: float | None
) -> ModelEndpoint:
    """Without the columns that are private, and without statistics."""
    metadata = EndpointMetadata(
        endpoint.name, endpoint.project, endpoint.endpoint_id, endpoint.endpoint_type,
        MODES.get(endpoint.mode, 0), endpoint.labels, endpoint.created, endpoint.updated,
    )  # fmt: skip
    known, version = endpoint.spec, endpoint.version
    spec = EndpointSpec(
        known.model_class, known.function_name, "", known.model_name, [version] if version else [],
        known.model_uri, _shown(settings, known.feature_names), _shown(settings, known.label_names),
        known.function_uri, known.monitoring_feature_set_uri,
    )  # fmt: skip
    status = EndpointStatus(
        summary.state, summary.first_request, summary.last_request,
        str(endpoint.policy.get("monitoring_mode", "enabled")), max(summary.status.values(), default=-1),
        summary.errors, latency_us,
    )  # fmt: skip
    return ModelEndpoint(metadata, spec, status)


def _shown(settings: Settings, names: Sequence[str]) -> list[str]:
    return [name for name in names if not is_private(settings, name)]
