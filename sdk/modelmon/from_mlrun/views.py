"""MLRun's shapes of what we have: an endpoint's, a function's and a project's metadata, spec and status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from modelmon.from_mlrun.missing import missing


class ModelMonitoringMode(StrEnum):
    """Whether apps judge an endpoint: `monitoring_mode` of get_or_create_model_endpoint."""

    enabled = "enabled"
    disabled = "disabled"


class ModelEndpointCreationStrategy(StrEnum):
    """What `add_model` does with an endpoint that is there; here INPLACE alone."""

    INPLACE = "inplace"
    ARCHIVE = "archive"
    OVERWRITE = "overwrite"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who it is. `uid` is an endpoint's id, "" for functions and projects."""

    name: str
    project: str
    uid: str = ""
    endpoint_type: int = 1
    mode: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """What is monitored; `feature_stats` is the reference."""

    model_name: str
    model_class: str
    model_uri: str
    function_name: str
    function_uri: str
    feature_names: list[str]
    label_names: list[str]
    feature_stats: Mapping[str, Any] = field(repr=False)
    monitoring_feature_set_uri: str = ""


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """How an endpoint stood when it was read, as `modelmon status` says it.

    `state` is the worst that is known of it in words, `why` the reason; `result_status` the worst of its
    newest results (-1: there is no verdict).
    """

    state: str = ""
    why: str = ""
    result_status: int = -1
    first_request: datetime | None = None
    last_request: datetime | None = None
    error_count: int = 0
    monitoring_mode: str = "enabled"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise missing("endpoint", type(self).__name__, name)


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """`state` is "created", "deployed" or "ready"; `address` is where it answers, "" while it does not."""

    state: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class ProjectSpec:
    """Where the project is, and where its artifacts go."""

    context: str
    artifact_path: str


@dataclass(frozen=True, slots=True)
class MLRunProjectStatus:
    """A project that was opened is there."""

    state: str = "online"
