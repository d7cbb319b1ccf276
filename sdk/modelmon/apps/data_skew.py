"""The app data-skew: what differs between training and the first days of serving, from the beginning on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from modelmon.alarm_budget import read_budget
from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.apps.drift_choosing import Chosen, chosen_for
from modelmon.apps.no_verdict import checked_min_rows, is_incomplete, least_rows
from modelmon.apps.other_answers import answered_otherwise, empty_features
from modelmon.apps.results import ModelMonitoringApplicationResult
from modelmon.apps.served_rows import halves
from modelmon.apps.skew_evidence import Onsets, onsets, without
from modelmon.apps.skew_looks import Look, look_of
from modelmon.apps.skew_words import OVER
from modelmon.counting import are, count
from modelmon.errors import ConfigError
from modelmon.ledger.held import Held
from modelmon.model import ResultKindApp, ResultStatusApp, to_us

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats import Judgement, Profile

DATA_SKEW = "data_skew"
DAYS, MOST_DAYS = 7, 60
HELD = 200
FIRST_REVISION = 1


@dataclass(frozen=True, slots=True, eq=False)
class HalfCounts:
    """Rows of both halves of a look's span in the cells of the profile."""

    early: NDArray[np.int64]
    late: NDArray[np.int64]


class DataSkewApplication(ModelMonitoringApplicationBase):
    """Compares all rows of a model's first days with its training set, once a look, and then is quiet.

    The result is `data_skew`, of kind data drift. A *look* takes all rows together that came since the
    endpoint serves this model with this reference: after 1, 2, 4, … windows, and then once a day. Windows
    between two looks repeat the verdict of the last one. It asks the questions of the app `drift`, so its
    value is the largest z divided by its threshold, and from 1 on it is an alarm. What began in the second
    half of the span is drift: it is told as such, and the value leaves it out.

    A look spends what the windows since the one before may spend of the budget. An alarm is `detected` where
    the training set has 20 stretches of time as long as the span, else `potential_detection`. A verdict may
    be `irrelevant`; the extra data then say why as `state`: `warming up`, `small reference`, `incomplete`,
    `no reference`, `no features`, or `the first days are over`.

    Arguments:

    - `alarm_budget`: the app's own, like "1 a month" or the probability of a window; None: its part of the
      setting `alarm_budget`;
    - `floor`: differences up to so many sigma are no alarm; by default that of the drift file, which also
      says what is ignored or weighs more, or the setting `alarm_floor`;
    - `days`: how long the first days are, from 1 to 60;
    - `min_rows`: by default the setting `app_min_rows`.
    """

    def __init__(
        self,
        alarm_budget: str | float | None = None,
        floor: float | None = None,
        *,
        days: int = DAYS,
        min_rows: int | None = None,
    ) -> None:
        self._budget = None if alarm_budget is None else read_budget(alarm_budget)
        if floor is not None and (isinstance(floor, bool) or not 0 <= floor < 2):
            raise ConfigError(f"floor: must be a number of sigma from 0 up to 2, got {floor!r}")
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MOST_DAYS:
            raise ConfigError(f"days: must be a whole number from 1 to {MOST_DAYS}, got {days!r}")
        self._floor, self._days, self._min_rows = floor, days, checked_min_rows(min_rows)
        self._held: Held[HalfCounts] = Held(HELD)

    def do_tracking(
        self, monitoring_context: MonitoringApplicationContext
    ) -> ModelMonitoringApplicationResult:
        context = monitoring_context
        budget, profile = context.budget(self._budget), context.profile
        if profile is None:
            return _silent(context, "no reference", "log the model with its training_set")
        since = context.served.since
        look = look_of(since, context.window, self._days)
        if look is None:
            over = f"the first {count(self._days, 'day')} {are(self._days)} over"
            return _silent(context, OVER, f"nothing: {over}; the next ones begin with a new model")
        counts = self._counts(context, profile, look)
        both = counts.early + counts.late
        otherwise = answered_otherwise(context, empty_features(profile, both))
        chosen = chosen_for(context, profile, context.drift_choices, self._floor)
        if not chosen.but(otherwise).judges(profile):
            return _silent(context, "no features", "log the model with the columns that it is asked with")
        asked = chosen.but(otherwise), look.budget(budget.probability), look
        found = _judged(profile, both, *asked)
        began = onsets(found, profile, counts.early, counts.late, look)
        value = _value(found, began, lambda later: _judged(profile, without(both, profile, later), *asked))
        return self._result(context, profile, found, began, value, budget, look, chosen)

    def _counts(self, context: MonitoringApplicationContext, profile: Profile, look: Look) -> HalfCounts:
        """Held, so that a look is counted once; counted anew where the window is judged again."""
        key = (context.endpoint_id, context.model_endpoint.profile_hash or context.model_endpoint.updated,
               to_us(look.start), to_us(look.end))  # fmt: skip

        def count() -> HalfCounts:
            early, late = (_counted(context, profile, *half) for half in halves(look.start, look.end))
            return HalfCounts(early, late)

        if context.window_revision > FIRST_REVISION:
            self._held.forget(key)
        found = self._held.get(key, count)
        assert found is not None, "counts are made, be it of no rows"
        return found

    def _result(
        self,
        context: MonitoringApplicationContext,
        profile: Profile,
        found: Judgement,
        began: Onsets,
        value: float,
        budget: BudgetShare,
        look: Look,
        chosen: Chosen,
    ) -> ModelMonitoringApplicationResult:
        from modelmon.apps.skew_evidence import skew_evidence

        state = _state(context, found, least_rows(context, self._min_rows))
        evidence = skew_evidence(context, profile, found, began, budget, look, state, chosen)
        if state:
            return _said(value, ResultStatusApp.irrelevant, {"state": state, **evidence})
        status = ResultStatusApp.no_detection
        if value >= 1:
            status = ResultStatusApp.detected if found.may_detect else ResultStatusApp.potential_detection
        return _said(value, status, evidence)


def _value(found: Judgement, began: Onsets, judged_without: Callable[[set[str]], Judgement]) -> float:
    """The largest ratio but for what began later: that is drift, and stands for no skew."""
    later = {each.feature for place, each in enumerate(found.findings) if began[place].how == "later"}
    if not later:
        return found.ratio
    skewed = (each.ratio for place, each in enumerate(found.findings) if began[place].how != "later")
    return max(judged_without(later).ratio, *skewed, 0.0)


def _judged(
    profile: Profile, counts: NDArray[np.int64], chosen: Chosen, budget: float, look: Look
) -> Judgement:
    from modelmon.stats import judge

    return judge(
        counts,
        profile,
        budget=budget,
        floor=chosen.floor,
        window_seconds=(look.end - look.start).total_seconds(),
        weights=chosen.weights,
        floors=chosen.floors,
    )


def _counted(
    context: MonitoringApplicationContext, profile: Profile, start: datetime, end: datetime
) -> NDArray[np.int64]:
    import numpy as np

    from modelmon.stats import cell_counts

    counts = np.zeros((len(profile.features), profile.width), dtype=np.int64)
    for frame in context.served.read(start, end) if end - start > timedelta(0) else ():
        counts += cell_counts(frame, profile)
    return counts


def _state(context: MonitoringApplicationContext, found: Judgement, least: int) -> str:
    if found.rows < least:
        return "warming up"
    if found.reference_rows < least:
        return "small reference"
    return "incomplete" if is_incomplete(context) else ""


def _silent(
    context: MonitoringApplicationContext, state: str, following: str
) -> ModelMonitoringApplicationResult:
    extra = {"state": state, "rows": context.rows, "next": following}
    return _said(0.0, ResultStatusApp.irrelevant, extra)


def _said(value: float, status: ResultStatusApp, extra: dict[str, Any]) -> ModelMonitoringApplicationResult:
    return ModelMonitoringApplicationResult(DATA_SKEW, value, ResultKindApp.data_drift, status, extra)
