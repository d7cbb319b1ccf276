"""The app anomalies: how many rows are unlike anything in the reference, and which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelmon.alarm_budget import read_budget
from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.apps.no_verdict import checked_min_rows, is_incomplete, least_rows
from modelmon.apps.results import ModelMonitoringApplicationResult
from modelmon.errors import ConfigError
from modelmon.ledger.held import Held
from modelmon.model import ResultKindApp, ResultStatusApp

if TYPE_CHECKING:
    from modelmon.apps.anomaly_reference import ReferencePeriod
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats.oddness import OddnessModel

ANOMALIES = "anomalies"
DAYS, MOST_DAYS = 14, 60
FLOOR = 0.01
HELD = 20
LEARNING = "learning"


@dataclass(frozen=True, slots=True)
class Learned:
    """What the reference teaches, in words what it is, how many stretches were left out, and why an alarm is
    suspected at most ("": it may be detected)."""

    model: OddnessModel
    what: str
    left_out: int
    lacking: str


class AnomaliesApplication(ModelMonitoringApplicationBase):
    """Counts the rows that are unlike anything in the reference, and lists the oddest.

    The result is `anomalies`, of kind anomaly. Its value is the share of odd rows: those that an isolation
    forest, or a feature's distance from what the others let one expect, tells from 99 of 100 rows of the
    reference. It is an alarm where so many are no chance, within the app's part of the alarm budget. What is
    chance is known from a finite reference, and from what its own windows varied by.

    The reference is a sample of the rows of the endpoint's first calm days, read from the stored samples and
    learned anew each of these days; in `evaluate` the rows of the reference. It needs scikit-learn. An alarm
    is `detected` where there were 20 stretches as long as the window, and two weeks for windows under a day.
    Otherwise it is `potential_detection`. A verdict may be `irrelevant`; the extra data then say why as
    `state`: `learning`, `warming up` or `incomplete`.

    Arguments:

    - `alarm_budget`: the app's own, like "1 a month" or the probability of a window; None: its part of the
      setting `alarm_budget`;
    - `floor`: so much more than in the reference may be odd, as a share of the rows;
    - `days`: how many days teach at most, from 1 to 60;
    - `min_rows`: by default the setting `app_min_rows`;
    - `examples`: how many of the oddest rows are listed, from 0 to 20.
    """

    def __init__(
        self,
        alarm_budget: str | float | None = None,
        floor: float = FLOOR,
        *,
        days: int = DAYS,
        min_rows: int | None = None,
        examples: int = 5,
    ) -> None:
        self._budget = None if alarm_budget is None else read_budget(alarm_budget)
        if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor < 0.5:
            raise ConfigError(f"floor: must be a share of rows from 0 up to 0.5, got {floor!r}")
        self._floor = float(floor)
        self._days = _whole("days", days, 1, MOST_DAYS)
        self._examples = _whole("examples", examples, 0, 20)
        self._min_rows = checked_min_rows(min_rows)
        self._held: Held[Learned] = Held(HELD)

    def do_tracking(
        self, monitoring_context: MonitoringApplicationContext
    ) -> ModelMonitoringApplicationResult:
        from modelmon.apps.anomaly_evidence import looked_at

        context = monitoring_context
        budget = context.budget(self._budget)
        learned = self._learned(context)
        if isinstance(learned, int):
            return _silent(context, learned)
        found = looked_at(context, learned, budget, self._floor, self._examples)
        state = _state(context, least_rows(context, self._min_rows))
        evidence = {**({"state": state} if state else {}), **found.evidence(state)}
        if state:
            return _said(found.share, ResultStatusApp.irrelevant, evidence)
        alarm = ResultStatusApp.potential_detection if learned.lacking else ResultStatusApp.detected
        return _said(found.share, alarm if found.is_alarm else ResultStatusApp.no_detection, evidence)

    def _learned(self, context: MonitoringApplicationContext) -> Learned | int:
        """What usual rows are; while too few are known, how many stretches are left out."""
        from modelmon.apps.anomaly_reference import reference_period

        if context.served.reference is not None:
            return _of_rows(context)
        period = reference_period(context, self._days)
        if period is None:
            return 0
        key = context.endpoint_id, tuple(context.feature_names), period.key
        return self._held.get(key, lambda: _of_period(context, period)) or period.left_out


def _of_rows(context: MonitoringApplicationContext) -> Learned:
    """Of a reference at hand."""
    from modelmon.apps.anomaly_reference import cut_reference, lacking_words
    from modelmon.stats.oddness import learn_oddness

    assert context.served.reference is not None, "it is at hand"
    seconds = _seconds(context)
    stretches, length, span = cut_reference(context.served.reference, seconds)
    model = learn_oddness(stretches, context.feature_names)
    return Learned(model, "the reference", 0, lacking_words(seconds, length, span, len(stretches)))


def _of_period(context: MonitoringApplicationContext, period: ReferencePeriod) -> Learned | None:
    """Of what was served; None while that is too little. Raises UnavailableError."""
    from modelmon.apps.anomaly_reference import LEAST_ROWS, lacking_words, stored_stretches
    from modelmon.apps.skew_words import moment
    from modelmon.stats.calibration import ENOUGH
    from modelmon.stats.oddness import learn_oddness

    stretches = stored_stretches(context, period)
    if len(stretches) < ENOUGH or sum(map(len, stretches)) < LEAST_ROWS:
        return None
    what = f"the calm part of {moment(period.start)} to {moment(period.end)}"
    span = (period.end - period.start).total_seconds()
    lacking = lacking_words(_seconds(context), period.seconds, span, len(stretches))
    return Learned(learn_oddness(stretches, context.feature_names), what, period.left_out, lacking)


def _seconds(context: MonitoringApplicationContext) -> float:
    return (context.window.end - context.window.start).total_seconds()


def _state(context: MonitoringApplicationContext, least: int) -> str:
    if context.rows < least:
        return "warming up"
    return "incomplete" if is_incomplete(context) else ""


def _silent(context: MonitoringApplicationContext, left_out: int) -> ModelMonitoringApplicationResult:
    from modelmon.apps.anomaly_words import learning_words

    extra = {"state": LEARNING, "rows": context.rows, "next": learning_words(left_out)}
    return _said(0.0, ResultStatusApp.irrelevant, extra)


def _said(value: float, status: ResultStatusApp, extra: dict[str, Any]) -> ModelMonitoringApplicationResult:
    return ModelMonitoringApplicationResult(ANOMALIES, value, ResultKindApp.mm_app_anomaly, status, extra)


def _whole(name: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"{name}: must be a whole number from {least} to {most}, got {value!r}")
    return value
