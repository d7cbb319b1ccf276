"""Serving models over the V2 protocol, and logging their requests for monitoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelmon.from_mlrun import missing_name
from modelmon.serving.inference import Clock
from modelmon.serving.model_server import V2ModelServer
from modelmon.serving.server import ModelServing, create_server, serve_beside
from modelmon.serving.spec import ModelSpec, ServingSpec, read_spec, write_spec
from modelmon.serving.tracking import Tracking, tracking_of

__all__ = [
    "Clock",
    "ModelServing",
    "ModelSpec",
    "ServingSpec",
    "Tracking",
    "V2ModelServer",
    "create_server",
    "read_spec",
    "serve_beside",
    "tracking_of",
    "write_spec",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        raise missing_name(__name__, name)
