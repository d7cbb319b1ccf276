"""How right a model was: metrics of performance, each with its interval, actuals first."""

from __future__ import annotations

from collections.abc import Callable

from modelmon.errors import ConfigError
from modelmon.stats.performance.accuracy import accuracy
from modelmon.stats.performance.bias import bias
from modelmon.stats.performance.brier import brier
from modelmon.stats.performance.calibration_error import calibration_error
from modelmon.stats.performance.estimate import Estimate
from modelmon.stats.performance.f1 import f1, macro_f1
from modelmon.stats.performance.log_loss import log_loss
from modelmon.stats.performance.mae import mae
from modelmon.stats.performance.mape import mape
from modelmon.stats.performance.pr_auc import pr_auc
from modelmon.stats.performance.precision import precision
from modelmon.stats.performance.r2 import r2
from modelmon.stats.performance.recall import recall
from modelmon.stats.performance.rmse import rmse
from modelmon.stats.performance.roc_auc import macro_roc_auc, roc_auc

Metric = Callable[..., Estimate]

OF_PREDICTIONS: dict[str, Metric] = {
    "accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1,
}  # fmt: skip
OF_SCORES: dict[str, Metric] = {
    "roc_auc": roc_auc, "pr_auc": pr_auc, "log_loss": log_loss, "brier": brier,
    "calibration_error": calibration_error,
}  # fmt: skip
OF_NUMBERS: dict[str, Metric] = {"mae": mae, "rmse": rmse, "mape": mape, "r2": r2, "bias": bias}
METRICS: dict[str, Metric] = {**OF_PREDICTIONS, **OF_SCORES, **OF_NUMBERS}
"""Every metric by its name; the app and the oracle tests read this registry."""
OVER_CLASSES: dict[str, Metric] = {"macro_f1": macro_f1, "macro_roc_auc": macro_roc_auc}
"""Means over several classes."""
NAMES = frozenset({*METRICS, *OVER_CLASSES})

HIGHER_IS_BETTER = frozenset({*OF_PREDICTIONS, "roc_auc", "pr_auc", "r2", *OVER_CLASSES})
"""Of the others less is better; of `bias` what is nearer to 0."""


def metric(name: str) -> Metric:
    """The metric called `name`; ConfigError names those there are."""
    if name not in METRICS:
        raise ConfigError(f"unknown metric {name!r}; known are {', '.join(sorted(METRICS))}")
    return METRICS[name]


__all__ = [
    "HIGHER_IS_BETTER",
    "METRICS",
    "NAMES",
    "OF_NUMBERS",
    "OF_PREDICTIONS",
    "OF_SCORES",
    "OVER_CLASSES",
    "Estimate",
    "accuracy",
    "bias",
    "brier",
    "calibration_error",
    "f1",
    "log_loss",
    "macro_f1",
    "macro_roc_auc",
    "mae",
    "mape",
    "metric",
    "pr_auc",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
]
