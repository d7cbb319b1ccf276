"""Model endpoints and logged models: what the project SDK stands on, usable without a project object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelmon.from_mlrun import missing_name
from modelmon.model_monitoring.api import get_or_create_model_endpoint, list_model_endpoints
from modelmon.model_monitoring.feature_history import compare_features, read_feature_history
from modelmon.model_monitoring.found_incidents import list_incidents
from modelmon.model_monitoring.logged_models import ModelArtifact

__all__ = [
    "ModelArtifact",
    "compare_features",
    "get_or_create_model_endpoint",
    "list_incidents",
    "list_model_endpoints",
    "read_feature_history",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise missing_name(__name__, name)
