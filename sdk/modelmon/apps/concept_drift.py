"""The concept drift app: do the same scores, or predictions, have other outcomes now?"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from modelmon.alarm_budget import read_budget
from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.apps.no_verdict import least_rows
from modelmon.apps.performance_words import compared_words, next_words, number, threshold_words
from modelmon.apps.results import ModelMonitoringApplicationResult
from modelmon.apps.task_window import MATURITY, check_arguments, state_of, task_window
from modelmon.model import ResultKindApp, ResultStatusApp

if TYPE_CHECKING:
    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats.calibration import How
    from modelmon.stats.performance.concept_drift import ConceptDrift
    from modelmon.stats.performance.reference import PerformanceReference
    from modelmon.stats.performance.rows import TaskRows

CONCEPT_DRIFT = "concept_drift"
WITHOUT_VERDICT = ("no actuals", "warming up")


class ConceptDriftApplication(ModelMonitoringApplicationBase):
    """Asks whether what comes true for a prediction has changed, while inputs may move as they like.

    The result is `concept_drift`, of kind concept drift. Outcomes are compared with what the score meant in
    the reference: the answers that the training set held beside its label. Of several classes it is whether
    the prediction came true, by its score; of numbers what they were apart, by the prediction. The value is z
    by its threshold, so from 1 on it is an alarm. How much residuals differ between stretches of the
    reference is known where it has a time column and 1,000 rows. An alarm is `detected` where it also holds
    20 stretches as long as the window; otherwise `potential_detection`.

    It needs actuals. Without them there is no verdict; `hint` then says whether predictions have moved while
    no input has. A model that misses how inputs act together may ring where inputs move far: read it beside
    the drift of the inputs. The states are those of the app `model-performance`.

    Arguments: `alarm_budget`, `floor` (in standard deviations of one outcome), `maturity` and `min_rows`, as
    of `ModelPerformanceApplication`.
    """

    requires: Collection[str] = frozenset({"actuals"})

    def __init__(
        self,
        alarm_budget: str | float | None = None,
        floor: float = 0.05,
        *,
        maturity: float = MATURITY,
        min_rows: int | None = None,
    ) -> None:
        check_arguments(floor, maturity, min_rows)
        self._budget = None if alarm_budget is None else read_budget(alarm_budget)
        self._floor, self._maturity, self._min_rows = floor, maturity, min_rows

    def do_tracking(
        self, monitoring_context: MonitoringApplicationContext
    ) -> ModelMonitoringApplicationResult:
        context = monitoring_context
        window = task_window(context)
        if window.rows is None:
            extra = {"state": window.state, "reason": window.reason, "rows": context.rows}
            return _result(0.0, ResultStatusApp.irrelevant, extra)
        least = least_rows(context, self._min_rows)
        state = state_of(context, window.rows, least, self._maturity)
        if state in WITHOUT_VERDICT:
            return _result(0.0, ResultStatusApp.irrelevant, _unknown(context, window.rows, state))
        return self._judged(context, window.rows, state)

    def _judged(
        self, context: MonitoringApplicationContext, rows: TaskRows, state: str
    ) -> ModelMonitoringApplicationResult:
        from modelmon.stats.performance.stretches import how_known

        budget, reference = context.budget(self._budget), context.performance_reference
        found = _drift(reference, rows, budget.probability, self._floor) if reference else None
        if found is None or reference is None:
            return _result(
                0.0, ResultStatusApp.irrelevant, _unknown(context, rows, state or "not calibrated")
            )
        how = how_known(reference.between[0], reference.rows, found.rows)
        ratio = _ratio(found, budget.probability)
        extra = {**_evidence(found, budget, how), "reference_rows": reference.rows,
                 "compared": compared_words(found.rows, reference.rows),
                 "rows": context.rows, "maturity": round(rows.maturity, 4), "floor": self._floor,
                 "next": next_words(state, how, is_alarm=ratio >= 1)}  # fmt: skip
        if state:
            return _result(ratio, ResultStatusApp.irrelevant, {"state": state, **extra})
        alarm = ResultStatusApp.detected if how == "by time" else ResultStatusApp.potential_detection
        return _result(ratio, alarm if ratio >= 1 else ResultStatusApp.no_detection, extra)


def _drift(
    reference: PerformanceReference, rows: TaskRows, probability: float, floor: float
) -> ConceptDrift | None:
    from modelmon.stats.performance.concept_drift import concept_drift
    from modelmon.stats.performance.residuals import residual_drift
    from modelmon.stats.performance.rows import outcomes

    residuals, between = reference.residuals, reference.between
    if residuals is not None and not rows.classes:
        if residuals.is_exact:
            return None
        return residual_drift(
            residuals, rows.actual, rows.predicted, budget=probability, floor=floor, between=between
        )
    both = outcomes(rows)
    if both is None or reference.calibration is None:
        return None
    return concept_drift(reference.calibration, *both, budget=probability, floor=floor, between=between)


def _ratio(found: ConceptDrift, probability: float) -> float:
    """z by the z that alarms, over all directions and both sides."""
    from modelmon.stats.normal import normal_tail_quantile
    from modelmon.stats.performance.concept_drift import DIRECTIONS

    return found.z / float(normal_tail_quantile(probability / len(DIRECTIONS) / 2))


def _evidence(found: ConceptDrift, budget: BudgetShare, how: How) -> dict[str, Any]:
    more = "more" if found.excess > 0 else "less"
    return {
        "finding": f"what came true was {number(abs(found.excess))} {more} than the scores mean; it shows "
        f"most as {found.direction}",
        "excess": found.excess, "direction": found.direction, "least_excess": found.least_excess,
        "power": f"{number(found.least_excess)} more or less would have been seen with 90 %",
        "known_rows": found.rows, "budget": budget.shown(),
        "detected_threshold" if how == "by time" else "potential_threshold": 1.0,
        "why": threshold_words(budget, budget.probability, "level, slope and bend", how),
        "calibration": {"how": how},
    }  # fmt: skip


def _unknown(context: MonitoringApplicationContext, rows: TaskRows, state: str) -> dict[str, Any]:
    """Without actuals nobody can know; predictions that move alone are a hint."""
    hint = _hint(context)
    said = {"state": state, "rows": context.rows, "maturity": round(rows.maturity, 4)}
    return {
        **said,
        **({"hint": hint} if hint else {}),
        "next": next_words(state, "by time", is_alarm=False),
    }


def _hint(context: MonitoringApplicationContext) -> str:
    if context.profile is None:
        return ""
    from modelmon.stats.performance.causes import MOVED, distance_moved
    from modelmon.stats.performance.profile_cells import profile_cells

    cells = profile_cells(context.frame, context.profile)
    moved = {name for name, (now, then) in cells.items() if distance_moved(now.counts, then) >= MOVED}
    if moved & set(context.label_names) and not moved & set(context.feature_names):
        return (
            "predictions have moved while no input has: look whether the model, or how it is called, changed"
        )
    return ""


def _result(value: float, status: ResultStatusApp, extra: dict[str, Any]) -> ModelMonitoringApplicationResult:
    return ModelMonitoringApplicationResult(CONCEPT_DRIFT, value, ResultKindApp.concept_drift, status, extra)
