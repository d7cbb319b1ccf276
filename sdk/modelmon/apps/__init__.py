"""The app SDK: judge an endpoint's sample of a window, and say what was found."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from modelmon.from_mlrun import missing_name

if TYPE_CHECKING:
    from modelmon.apps.anomalies import AnomaliesApplication
    from modelmon.apps.base import ModelMonitoringApplicationBase, ModelMonitoringApplicationBaseV2
    from modelmon.apps.classifier import DataDriftClassifier
    from modelmon.apps.concept_drift import ConceptDriftApplication
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.apps.data_quality import DataQualityApplication
    from modelmon.apps.data_skew import DataSkewApplication
    from modelmon.apps.drift import DriftApplication
    from modelmon.apps.evidently import (
        EvidentlyModelMonitoringApplicationBase,
        EvidentlyModelMonitoringApplicationBaseV2,
    )
    from modelmon.apps.histogram_drift import HistogramDataDriftApplication
    from modelmon.apps.model_performance import ModelPerformanceApplication
    from modelmon.apps.results import (
        ModelMonitoringApplicationMetric,
        ModelMonitoringApplicationResult,
        ModelMonitoringApplicationStats,
    )
    from modelmon.apps.service import ServiceApplication
    from modelmon.model import ResultKindApp, ResultStatusApp

# Public names and where they live; nothing is imported until it is asked for.
_EXPORTS = {
    "AnomaliesApplication": "modelmon.apps.anomalies",
    "ConceptDriftApplication": "modelmon.apps.concept_drift",
    "DataDriftClassifier": "modelmon.apps.classifier",
    "DataQualityApplication": "modelmon.apps.data_quality",
    "DataSkewApplication": "modelmon.apps.data_skew",
    "DriftApplication": "modelmon.apps.drift",
    "EvidentlyModelMonitoringApplicationBase": "modelmon.apps.evidently",
    "EvidentlyModelMonitoringApplicationBaseV2": "modelmon.apps.evidently",
    "HistogramDataDriftApplication": "modelmon.apps.histogram_drift",
    "ModelMonitoringApplicationBase": "modelmon.apps.base",
    "ModelMonitoringApplicationBaseV2": "modelmon.apps.base",
    "ModelMonitoringApplicationMetric": "modelmon.apps.results",
    "ModelMonitoringApplicationResult": "modelmon.apps.results",
    "ModelMonitoringApplicationStats": "modelmon.apps.results",
    "ModelPerformanceApplication": "modelmon.apps.model_performance",
    "MonitoringApplicationContext": "modelmon.apps.context",
    "ResultKindApp": "modelmon.model",
    "ResultStatusApp": "modelmon.model",
    "ServiceApplication": "modelmon.apps.service",
}

__all__ = [
    "AnomaliesApplication",
    "ConceptDriftApplication",
    "DataDriftClassifier",
    "DataQualityApplication",
    "DataSkewApplication",
    "DriftApplication",
    "EvidentlyModelMonitoringApplicationBase",
    "EvidentlyModelMonitoringApplicationBaseV2",
    "HistogramDataDriftApplication",
    "ModelMonitoringApplicationBase",
    "ModelMonitoringApplicationBaseV2",
    "ModelMonitoringApplicationMetric",
    "ModelMonitoringApplicationResult",
    "ModelMonitoringApplicationStats",
    "ModelPerformanceApplication",
    "MonitoringApplicationContext",
    "ResultKindApp",
    "ResultStatusApp",
    "ServiceApplication",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise missing_name(__name__, name)
    return getattr(import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
