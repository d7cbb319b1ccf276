"""The app SDK: judge an endpoint's sample of a window, and say what was found."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from modelmon.from_mlrun import missing_name

if TYPE_CHECKING:
    from modelmon.apps.base import ModelMonitoringApplicationBase, ModelMonitoringApplicationBaseV2
    from modelmon.apps.classifier import DataDriftClassifier
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.apps.histogram_drift import HistogramDataDriftApplication
    from modelmon.apps.results import (
        ModelMonitoringApplicationMetric,
        ModelMonitoringApplicationResult,
        ModelMonitoringApplicationStats,
    )
    from modelmon.model import ResultKindApp, ResultStatusApp

# Public names and where they live; nothing is imported until it is asked for.
_EXPORTS = {
    "DataDriftClassifier": "modelmon.apps.classifier",
    "HistogramDataDriftApplication": "modelmon.apps.histogram_drift",
    "ModelMonitoringApplicationBase": "modelmon.apps.base",
    "ModelMonitoringApplicationBaseV2": "modelmon.apps.base",
    "ModelMonitoringApplicationMetric": "modelmon.apps.results",
    "ModelMonitoringApplicationResult": "modelmon.apps.results",
    "ModelMonitoringApplicationStats": "modelmon.apps.results",
    "MonitoringApplicationContext": "modelmon.apps.context",
    "ResultKindApp": "modelmon.model",
    "ResultStatusApp": "modelmon.model",
}

__all__ = [
    "DataDriftClassifier",
    "HistogramDataDriftApplication",
    "ModelMonitoringApplicationBase",
    "ModelMonitoringApplicationBaseV2",
    "ModelMonitoringApplicationMetric",
    "ModelMonitoringApplicationResult",
    "ModelMonitoringApplicationStats",
    "MonitoringApplicationContext",
    "ResultKindApp",
    "ResultStatusApp",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise missing_name(__name__, name)
    return getattr(import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
