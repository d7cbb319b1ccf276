"""The drift app: what has changed in each feature since training, within the endpoint's alarm budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmon.alarm_budget import read_budget
from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.apps.drift_choosing import chosen_for, given_file
from modelmon.apps.drift_reference import LEARNING, TRAINING, Compared, checked_reference, compared_with
from modelmon.apps.drift_segments import JudgedSegments, judged_segments
from modelmon.apps.drift_window import AskedWindow
from modelmon.apps.no_verdict import checked_min_rows, least_rows, state_against
from modelmon.apps.other_answers import answered_otherwise, empty_features
from modelmon.apps.results import ModelMonitoringApplicationResult, ModelMonitoringApplicationStats, Output
from modelmon.errors import ConfigError
from modelmon.function_spec.own_apps import HISTOGRAM_DRIFT
from modelmon.ledger.budget_settings import BudgetSettings
from modelmon.model import ResultKindApp, ResultStatusApp

if TYPE_CHECKING:
    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.drift_choices.choices import DriftChoices
    from modelmon.stats import Judgement

DRIFT = "drift"


class DriftApplication(ModelMonitoringApplicationBase):
    """Asks named questions of every feature: its level, spread, asymmetry and tails, shares of values, what
    lies outside, is new or missing.

    The result is `drift`, of kind data drift. Its value is the largest z of all questions divided by its
    threshold, so from 1 on it is an alarm. Thresholds follow from the endpoint's alarm budget, over all
    features and questions, at the number of rows that the window has. The extra data say what was found in
    words, what the threshold stands on, and what the window would have shown with 90 %.

    `slow_drift` is gathered over windows, of changes too small for one of them. Each of the two has half of
    the budget. The writer makes it of the sums that this app sends, in the order of the windows.

    A window may be compared with other things than the training set, so that daily and weekly waves are no
    drift: `reference="season"` takes the same time of the last four weeks, `"recent"` the four weeks that
    ended a week ago, both without windows that alarmed. The metric `drift_from_training` is then what the
    training set says. `recent` has no `slow_drift`, and the whole budget for its windows.

    An alarm is `detected` where the training set says how windows of this length vary without drift (its
    profile has a time column and 20 stretches of time). Otherwise it is `potential_detection`. A verdict may
    be `irrelevant`; the extra data then say why as `state`: `warming up` (fewer than `min_rows` rows), `small
    reference`, `incomplete`, `learning` (too few windows of past weeks), `no reference` or `no features`.

    Arguments:

    - `alarm_budget`: the app's own, like "1 a month" or the probability of a window. None: its part of the
      setting `alarm_budget`, which all apps of the endpoint share;
    - `floor`: changes up to so many sigma are no alarm; by default the setting `alarm_floor`;
    - `min_rows`: by default the setting `app_min_rows`;
    - `reference`: training, season or recent; by default the setting `drift_reference`.
    - `choices`: a drift file, as text or as the path of a file, instead of what was set for the project: its
      section for this endpoint says which features are ignored, weigh more or have a floor of their own.
    """

    def __init__(
        self,
        alarm_budget: str | float | None = None,
        floor: float | None = None,
        *,
        min_rows: int | None = None,
        reference: str | None = None,
        choices: str | Path | None = None,
    ) -> None:
        self._budget = None if alarm_budget is None else read_budget(alarm_budget)
        if floor is not None and (not _is_number(floor) or not 0 <= floor < 2):
            raise ConfigError(f"floor: must be a number of sigma from 0 up to 2, got {floor!r}")
        self._floor, self._min_rows = floor, checked_min_rows(min_rows)
        self._reference = checked_reference(reference)
        self._file = None if choices is None else given_file(choices)

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> list[Output]:
        from modelmon.stats import cell_counts

        context = monitoring_context
        profile, choices = context.profile, self._choices(context)
        own = choices.alarm_budget if self._file else None
        budget = context.budget(self._budget or own)
        if profile is None:
            return [_unjudged(context, "no reference")]
        chosen = chosen_for(context, profile, choices, self._floor)
        counts = cell_counts(context.frame, profile)
        otherwise = answered_otherwise(context, empty_features(profile, counts))
        if not chosen.but(otherwise).judges(profile):
            return [_unjudged(context, "no features")]
        asked = AskedWindow(
            context, profile, counts, chosen, tuple(otherwise), self._reference_of(context, choices)
        )
        compared = compared_with(context, asked.reference, profile, chosen.floor)
        known = profile if compared.profile is None else compared.profile
        state = state_against(context, known.rows, least_rows(context, self._min_rows)) or compared.state
        found = asked.judged(known, budget)
        if asked.reference != TRAINING and state in ("", LEARNING):
            asked.keep(compared.profile, found)
        if state in ("", LEARNING):
            context.sums = asked.sums(budget)
        least = choices.segment_rows or least_rows(context, self._min_rows)
        segments = judged_segments(asked, asked.part(budget), least)
        drift = _drift(asked, compared, found, budget, state, segments)
        return [drift, *asked.from_training(budget), *_statistics(context)]

    def _choices(self, context: MonitoringApplicationContext) -> DriftChoices:
        return self._file.choices(context.endpoint_name) if self._file else context.drift_choices

    def _reference_of(self, context: MonitoringApplicationContext, choices: DriftChoices) -> str:
        """The argument goes before the drift file, and that before the setting."""
        given = self._reference or choices.reference
        return given or context.settings.of(BudgetSettings).drift_reference


def _drift(
    asked: AskedWindow,
    compared: Compared,
    found: Judgement,
    budget: BudgetShare,
    state: str,
    segments: JudgedSegments,
) -> ModelMonitoringApplicationResult:
    from modelmon.apps.drift_evidence import evidence_of, with_segments

    evidence = evidence_of(asked.context, asked.profile, found, budget, state, asked.chosen, compared)
    evidence = with_segments(asked.context, evidence, found, segments)
    ratio = max(found.ratio, *(each.found.ratio for each in segments.judged), 0.0)
    if state:
        return _result(ratio, ResultStatusApp.irrelevant, {"state": state, **evidence})
    alarms = [each for each in (found, *(each.found for each in segments.alarms)) if each.alarm]
    status = max((_alarm(each) for each in alarms), default=ResultStatusApp.no_detection)
    return _result(ratio, status, evidence)


def _unjudged(context: MonitoringApplicationContext, state: str) -> ModelMonitoringApplicationResult:
    context.logger.info("drift is not judged: %s", state)
    return _result(0.0, ResultStatusApp.irrelevant, {"state": state, "rows": context.rows})


def _statistics(context: MonitoringApplicationContext) -> list[Output]:
    """How the features looked, where no other app says so."""
    if HISTOGRAM_DRIFT in context.sharers.apps or not context.feature_stats:
        return []
    return [ModelMonitoringApplicationStats("current_stats", context.window.end, context.sample_df_stats)]


def _alarm(found: Judgement) -> ResultStatusApp:
    return ResultStatusApp.detected if found.may_detect else ResultStatusApp.potential_detection


def _result(value: float, status: ResultStatusApp, extra: dict[str, Any]) -> ModelMonitoringApplicationResult:
    return ModelMonitoringApplicationResult(DRIFT, value, ResultKindApp.data_drift, status, extra)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
