"""The exporter: verdicts go to a collector of OpenTelemetry, in order, each at least once."""

from modelmon.stages.exporter.exporter import Exporter

__all__ = ["Exporter"]
