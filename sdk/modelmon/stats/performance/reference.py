"""What a window's performance is compared with: that of a reference, its variance, and what scores meant."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from modelmon.errors import ConfigError
from modelmon.model_task import ModelTask
from modelmon.stats.frames import Frame, columns
from modelmon.stats.performance import dle, kept_rows, residuals, score_calibration
from modelmon.stats.performance.concept_drift import UNKNOWN, Between, score_residuals, varying
from modelmon.stats.performance.dle import LossModel, fit_loss
from modelmon.stats.performance.kept_rows import KeptRows
from modelmon.stats.performance.profile_cells import profile_cells
from modelmon.stats.performance.reading import read_rows
from modelmon.stats.performance.residuals import (
    LEAST_ROWS,
    ResidualReference,
    number_residuals,
    residual_reference,
)
from modelmon.stats.performance.rows import TaskRows, measured, metrics_of, outcomes
from modelmon.stats.performance.score_calibration import ScoreCalibration, calibrate
from modelmon.stats.performance.stretches import StretchVariance, stretch_variances
from modelmon.stats.profile import Profile
from modelmon.stats.time_columns import seconds_of

VERSION = 1


@dataclass(frozen=True, slots=True)
class MetricReference:
    """One metric of the reference: `value`, its standard `error`, the rows that it stands on, and how much it
    varies between stretches of time."""

    value: float
    error: float
    rows: int
    stretches: tuple[StretchVariance, ...] = ()

    @property
    def scale(self) -> float:
        """The standard deviation of what one row does to the metric."""
        return self.error * math.sqrt(self.rows)


@dataclass(frozen=True, slots=True)
class PerformanceReference:
    """`metrics` by name; `calibration` of the scores of classes, `residuals` and
    `loss`, by the features, of a regression, else None.

    `by_time`: its rows are in order of time, so that stretches say how windows vary; `between` says it of
    the residuals that concept drift is judged by. `kept` are some of its rows, for metrics of
    somebody's own.
    """

    rows: int
    by_time: bool
    metrics: Mapping[str, MetricReference]
    calibration: ScoreCalibration | None = None
    residuals: ResidualReference | None = None
    loss: LossModel | None = None
    between: Between = UNKNOWN
    kept: KeptRows | None = None


def performance_reference(rows: TaskRows, *, by_time: bool = False) -> PerformanceReference:
    """Of rows with predictions and actuals; `by_time`: they are in order of time. Metrics that they do not
    define are left out.

    >>> import numpy as np
    >>> truth = np.arange(100.0)
    >>> found = performance_reference(TaskRows(truth, truth + 2, None))
    >>> found.metrics["mae"].value, found.rows
    (2.0, 100)
    """
    known = rows.at(rows.known.nonzero()[0])
    found = {
        name: MetricReference(each.value, each.error, each.rows, _stretches(known, name) if by_time else ())
        for name, each in measured(known).items()
        if each.is_defined and math.isfinite(each.error)
    }
    calibration = _calibration(known)
    is_regression = not known.classes and len(known) >= LEAST_ROWS
    residual = residual_reference(known.actual, known.predicted) if is_regression else None
    between = _between(known, calibration, residual) if by_time else UNKNOWN
    kept = kept_rows.kept_rows(known, by_time=by_time)
    return PerformanceReference(len(known), by_time, found, calibration, residual, between=between, kept=kept)


def read_reference(
    frame: Frame, task: ModelTask, actual: str, time_column: str | None, profile: Profile | None = None
) -> PerformanceReference | None:
    """The same of a frame that holds a model's answers, and in the column `actual` what came true.

    With a `time_column` its rows are taken in the order of time, with its `profile` a regression's loss is
    learned from the features. None for a frame without the answers or the column, and where no metric is
    defined. Raises ConfigError for answers that don't fit the task, and for a time column without times.
    """
    found = columns(frame)
    if not {*task.answers, actual} <= set(found):
        return None
    rows = read_rows(frame, task, actual).rows
    loss = _loss(frame, rows, profile)
    seconds = seconds_of(found, time_column) if time_column else None
    if seconds is not None:
        rows = rows.at(np.argsort(seconds, kind="stable"))
    made = performance_reference(rows, by_time=seconds is not None)
    return replace(made, loss=loss) if made.metrics else None


def _loss(frame: Frame, rows: TaskRows, profile: Profile | None) -> LossModel | None:
    if profile is None or rows.classes or rows.known.sum() < dle.LEAST_ROWS:
        return None
    cells = {name: each for name, (each, _) in profile_cells(frame, profile).items()}
    return fit_loss(cells, rows.loss) if cells else None


def _calibration(rows: TaskRows) -> ScoreCalibration | None:
    both = outcomes(rows)
    if both is None or not (np.isfinite(both[0]) & np.isfinite(both[1])).any():
        return None
    return calibrate(*both)


def _between(
    rows: TaskRows, calibration: ScoreCalibration | None, residual: ResidualReference | None
) -> Between:
    both = outcomes(rows)
    if residual is not None:
        actual, said = rows.actual, rows.predicted
        return varying(lambda at: number_residuals(residual, actual[at], said[at]), len(rows))
    if calibration is None or both is None:
        return UNKNOWN
    actual, said = both
    return varying(lambda at: score_residuals(calibration, actual[at], said[at]), len(rows))


def _stretches(rows: TaskRows, name: str) -> tuple[StretchVariance, ...]:
    return stretch_variances(lambda places: metrics_of(rows)[name](rows.at(places)), len(rows))


def reference_to_json(reference: PerformanceReference) -> str:
    """The reference as JSON text: about 10 kB with the calibration of scores, and up to 80 kB of its rows."""
    found = {
        "version": VERSION, "rows": reference.rows, "by_time": reference.by_time,
        "metrics": {name: asdict(each) for name, each in reference.metrics.items()},
        "calibration": reference.calibration and reference.calibration.to_json(),
        "residuals": reference.residuals and reference.residuals.to_json(),
        "loss": reference.loss and reference.loss.to_json(),
        "between": [[asdict(each) for each in direction] for direction in reference.between],
        "kept": reference.kept and reference.kept.to_json(),
    }  # fmt: skip
    return json.dumps(found, separators=(",", ":"), allow_nan=False)


def reference_from_json(text: str) -> PerformanceReference:
    """The inverse of `reference_to_json`; ConfigError for what is none, or of another version."""
    try:
        found = json.loads(text)
        if found["version"] != VERSION:
            raise ConfigError(
                f"this performance reference has version {found['version']!r}, {VERSION} is known here: log "
                "the model again"
            )
        metrics = {str(name): _metric(each) for name, each in found["metrics"].items()}
        calibration, residual, loss = found["calibration"], found["residuals"], found.get("loss")
        kept = found.get("kept")
        return PerformanceReference(
            int(found["rows"]), bool(found["by_time"]), metrics,
            score_calibration.from_json(calibration) if calibration else None,
            residuals.from_json(residual) if residual else None,
            dle.from_json(loss) if loss else None,
            _between_from(found.get("between") or [[], [], []]),
            kept_rows.from_json(kept) if kept else None,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigError(f"this is no performance reference ({error!r}); log the model again") from error


def _between_from(found: Sequence[Sequence[Mapping[str, Any]]]) -> Between:
    level, slope, bend = map(_stretches_from, found)
    if not all(0 <= each.variance < math.inf for each in (*level, *slope, *bend)):
        raise ValueError("what varies between stretches is finite, and at least 0")
    return level, slope, bend


def _stretches_from(found: Sequence[Mapping[str, Any]]) -> tuple[StretchVariance, ...]:
    return tuple(StretchVariance(int(one["rows"]), float(one["variance"])) for one in found)


def _metric(found: Mapping[str, Any]) -> MetricReference:
    stretches = _stretches_from(found["stretches"])
    made = MetricReference(float(found["value"]), float(found["error"]), int(found["rows"]), stretches)
    errors = [made.error, *(one.variance for one in stretches)]
    if not (math.isfinite(made.value) and all(0 <= each < math.inf for each in errors) and made.rows > 0):
        raise ValueError(f"a metric has a finite value, errors of at least 0 and rows, got {found!r}")
    return made
