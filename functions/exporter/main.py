"""The exporter: what apps have found goes to a collector of OpenTelemetry."""

from __future__ import annotations

from modelmon.nuclio import tick_handlers
from modelmon.stages.exporter import Exporter

init_context, handler = tick_handlers(Exporter.open)
