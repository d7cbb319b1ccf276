"""Model endpoints and logged models: what the project SDK stands on, usable without a project object."""

from __future__ import annotations

from modelmon.model_monitoring.api import get_or_create_model_endpoint, list_model_endpoints
from modelmon.model_monitoring.artifacts import ModelArtifact

__all__ = ["ModelArtifact", "get_or_create_model_endpoint", "list_model_endpoints"]
