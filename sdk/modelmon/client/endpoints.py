"""Endpoints as the API answers them, made what `list_model_endpoints` gives on the project's own machine."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from modelmon.from_mlrun.views import EndpointStatus
from modelmon.model import Endpoint

_MODES = {0: "real_time", 1: "batch"}


class Metadata(msgspec.Struct):
    """Who it is."""

    name: str
    project: str
    uid: str
    endpoint_type: int
    mode: int
    labels: dict[str, str]
    created: datetime | None
    updated: datetime | None


class Spec(msgspec.Struct):
    """What is monitored."""

    model_class: str
    function_name: str
    model_tags: list[str]
    model_uri: str
    feature_names: list[str]
    label_names: list[str]
    function_uri: str
    feature_stats: dict[str, Any]


class Status(msgspec.Struct):
    """How it is."""

    state: str
    first_request: datetime | None
    last_request: datetime | None
    monitoring_mode: str
    result_status: int
    error_count: int


class Answered(msgspec.Struct):
    """One endpoint."""

    metadata: Metadata
    spec: Spec
    status: Status

    @property
    def endpoint(self) -> Endpoint:
        known, spec, status = self.metadata, self.spec, self.status
        return Endpoint(
            endpoint_id=known.uid, project=known.project, name=known.name, function_name=spec.function_name,
            function_uri=spec.function_uri, model_class=spec.model_class, model_uri=spec.model_uri,
            version=spec.model_tags[0] if spec.model_tags else "", endpoint_type=known.endpoint_type,
            mode=_MODES.get(known.mode, ""), labels=known.labels, feature_names=tuple(spec.feature_names),
            label_names=tuple(spec.label_names), feature_stats=spec.feature_stats,
            created=known.created, updated=known.updated,
            status=EndpointStatus(
                status.state, "", status.result_status, status.first_request, status.last_request,
                status.error_count, status.monitoring_mode,
            ),
        )  # fmt: skip


class AnsweredList(msgspec.Struct):
    """Several."""

    endpoints: list[Answered]
