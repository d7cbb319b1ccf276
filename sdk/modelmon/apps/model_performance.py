"""The performance app: how right the model was in a window, and how right it seems before the truth comes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelmon.alarm_budget import read_budget
from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.apps.estimates_kept import keep_estimate
from modelmon.apps.no_verdict import is_incomplete, least_rows
from modelmon.apps.own_metrics import OwnAsked, checked_metrics, own_values
from modelmon.apps.results import ModelMonitoringApplicationMetric, ModelMonitoringApplicationResult, Output
from modelmon.apps.task_window import MATURITY, check_arguments, state_of, task_window
from modelmon.errors import ConfigError
from modelmon.model import ResultKindApp, ResultStatusApp

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.apps.performance_evidence import Evidence, Judging
    from modelmon.stats.performance import Estimate
    from modelmon.stats.performance.rows import TaskRows

PERFORMANCE, ESTIMATED = "performance", "estimated_performance"
RESULTS = (PERFORMANCE, ESTIMATED)


class ModelPerformanceApplication(ModelMonitoringApplicationBase):
    """Compares what the model said with what came true, by the task that `log_model` was told.

    The result `performance` is judged against the reference: the answers that the training set held beside
    its label. Its value is the largest z of the judged metrics by its threshold, so from 1 on it is an alarm.
    `estimated_performance` is what scores let expect before actuals come, or of a regression its features. It
    assumes that they mean what they meant in the reference, or where recent actuals contradict that, what
    these say. It is suspected at most. Both are of kind model performance, and share the app's part of the
    alarm budget. Each metric is sent by its name (`accuracy`, `mae`, …), an estimated one as
    `estimated_accuracy`, the share of rows with an actual as `maturity`.

    It sleeps until an endpoint has actuals, or a model that answers with scores: it is sent no window before.

    The extra data hold every value with its interval and its reference. They say the least change that would
    have been seen. They name the slices in which the model is worst, and the features that moved, with harm
    or without.

    A verdict may be `irrelevant`; the extra data then say why as `state`: `no task`, `no answers`, `no
    actuals`, `warming up` (too few actuals), `no reference`, `small reference`, `incomplete` or `not
    calibrated`.

    Arguments:

    - `alarm_budget`: the app's own, like "1 a month" or the probability of a window. None: its part of the
      setting `alarm_budget`;
    - `floor`: what is not worth an alarm, in standard deviations of what one row does to a metric;
    - `judged`: names of the metrics that are judged; by default accuracy, F1 and ROC AUC of classes, MAE and
      bias of numbers;
    - `maturity`: the share of rows whose actuals must have come;
    - `min_rows`: by default the setting `app_min_rows`;
    - `metrics`: name to a function of the rows (`modelmon.stats.performance.rows.TaskRows`), that returns a
      number: metrics of your own, judged beside the others, either way.
    """

    requires: Collection[str] = frozenset({"actuals", "actuals or scores"})

    def __init__(
        self,
        alarm_budget: str | float | None = None,
        floor: float = 0.05,
        *,
        judged: Sequence[str] = (),
        maturity: float = MATURITY,
        min_rows: int | None = None,
        metrics: Mapping[str, Callable[[TaskRows], float]] | None = None,
    ) -> None:
        check_arguments(floor, maturity, min_rows)
        self._budget = None if alarm_budget is None else read_budget(alarm_budget)
        self._floor, self._maturity, self._min_rows = floor, maturity, min_rows
        self._judged = _checked_names(judged)
        self._own = checked_metrics(metrics or {})

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> list[Output]:
        context = monitoring_context
        window = task_window(context)
        if window.rows is None:
            extra = {"state": window.state, "reason": window.reason, "rows": context.rows}
            return [_result(name, 0.0, ResultStatusApp.irrelevant, extra) for name in RESULTS]
        from modelmon.apps.performance_evidence import Judging
        from modelmon.stats.performance.rows import measured

        rows = window.rows
        own = OwnAsked(self._own, own_values(self._own, rows))
        budget = context.budget(self._budget)
        asked = Judging(context, rows, self._names(rows), budget, self._floor, own)
        found, estimated = _defined(measured(rows)), _defined(_estimates(asked))
        said = [self._performance(asked, found, window.invalid), self._estimated(asked, found, estimated)]
        is_known = bool(rows.known.any()) and rows.maturity >= self._maturity
        keep_estimate(context, asked.past, rows, estimated, found, is_known=is_known)
        return [
            ModelMonitoringApplicationMetric("maturity", rows.maturity),
            *_metrics("", found),
            *_metrics("estimated_", estimated),
            *(ModelMonitoringApplicationMetric(name, value) for name, value in own.values.items()),
            *said,
        ]

    def _performance(
        self, asked: Judging, found: Mapping[str, Estimate], invalid: Mapping[str, int]
    ) -> ModelMonitoringApplicationResult:
        from modelmon.apps.performance_evidence import realised_evidence

        least = least_rows(asked.context, self._min_rows)
        state = state_of(asked.context, asked.rows, least, self._maturity)
        evidence = realised_evidence(asked, found, state)
        extra = {**evidence.extra, **({"invalid_values": dict(invalid)} if invalid else {})}
        return _judged(PERFORMANCE, evidence, extra, may_detect=evidence.by_time)

    def _estimated(
        self, asked: Judging, found: Mapping[str, Estimate], estimated: Mapping[str, Estimate]
    ) -> ModelMonitoringApplicationResult:
        from modelmon.apps.performance_evidence import estimated_evidence

        evidence = estimated_evidence(asked, estimated, found, self._state(asked.context, estimated))
        return _judged(ESTIMATED, evidence, evidence.extra, may_detect=False)

    def _state(self, context: MonitoringApplicationContext, estimated: Mapping[str, Estimate]) -> str:
        """Why an estimate is no verdict; "" where it is one."""
        if not estimated:
            return "no reference" if context.performance_reference is None else "not calibrated"
        if context.rows < least_rows(context, self._min_rows):
            return "warming up"
        return "incomplete" if is_incomplete(context) else ""

    def _names(self, rows: TaskRows) -> tuple[str, ...]:
        from modelmon.stats.performance.rows import JUDGED

        return self._judged or JUDGED[min(rows.classes, 3)]


def _estimates(asked: Judging) -> dict[str, Estimate]:
    from modelmon.stats.performance.cbpe import estimate_of
    from modelmon.stats.performance.dle import estimate_loss

    reference = asked.context.performance_reference
    if reference is not None and reference.loss is not None and asked.loss_cells:
        return {"mae": estimate_loss(reference.loss, asked.loss_cells)}
    return {} if asked.past.map is None else estimate_of(asked.past.map, asked.rows)


def _defined(found: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {name: each for name, each in found.items() if each.is_defined}


def _metrics(prefix: str, found: Mapping[str, Estimate]) -> list[Output]:
    return [ModelMonitoringApplicationMetric(prefix + name, each.value) for name, each in found.items()]


def _judged(
    name: str, evidence: Evidence, extra: Mapping[str, Any], *, may_detect: bool
) -> ModelMonitoringApplicationResult:
    if evidence.state:
        extra = {"state": evidence.state, **extra}
        return _result(name, evidence.ratio, ResultStatusApp.irrelevant, extra)
    alarm = ResultStatusApp.detected if may_detect else ResultStatusApp.potential_detection
    status = alarm if evidence.ratio >= 1 else ResultStatusApp.no_detection
    return _result(name, evidence.ratio, status, dict(extra))


def _result(
    name: str, value: float, status: ResultStatusApp, extra: dict[str, Any]
) -> ModelMonitoringApplicationResult:
    return ModelMonitoringApplicationResult(name, value, ResultKindApp.model_performance, status, extra)


def _checked_names(judged: Sequence[str]) -> tuple[str, ...]:
    from modelmon.stats.performance import NAMES

    names = (judged,) if isinstance(judged, str) else tuple(judged)
    for name in names:
        if name not in NAMES:
            raise ConfigError(f"judged: there is no metric {name!r}; there are {', '.join(sorted(NAMES))}")
    return names
