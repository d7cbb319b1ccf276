"""The data quality app: whether each window keeps the contract of its model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelmon.alarm_budget import read_budget
from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.apps.contract_choice import ChosenContract, Contracts, given_contract
from modelmon.apps.no_verdict import checked_min_rows, is_incomplete, least_rows
from modelmon.apps.other_answers import known_columns
from modelmon.apps.quality_evidence import evidence_of
from modelmon.apps.quality_standing import Standing, standing_of
from modelmon.apps.results import (
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    Output,
)
from modelmon.contracts.contract import Importance, Rule
from modelmon.contracts.judging import Finding, judge_rows
from modelmon.errors import ConfigError
from modelmon.model import ResultKindApp, ResultStatusApp

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext

RESULTS: Mapping[str, tuple[Rule, ...]] = {
    "schema": (Rule.PRESENT, Rule.NEW_COLUMNS),
    "invalid_types": (Rule.TYPE,),
    "missing_values": (Rule.MISSING,),
    "outside_range": (Rule.OUTSIDE,),
    "unseen_categories": (Rule.UNSEEN,),
    "constant_features": (Rule.MOST_FREQUENT,),
    "duplicate_rows": (Rule.DUPLICATES, Rule.UNIQUE),
}
"""Result to the rules that it speaks of."""
EXAMPLES, MOST_EXAMPLES = 3, 20
BROKEN = "broken_rules"
_STATUS = {
    Importance.CRITICAL: ResultStatusApp.detected,
    Importance.WARNING: ResultStatusApp.potential_detection,
}


class DataQualityApplication(ModelMonitoringApplicationBase):
    """Judges each window by a contract: types, missing values, ranges, categories, constants, duplicates.

    There is a result for each kind of trouble, all of kind `mm_app_anomaly`. Its value is the share of rows
    that break its worst rule, of `schema` the number of columns. The extra data name that rule's column, what
    was allowed and why, and a few rows. The metric `broken_rules` counts them. Every rule is judged by the
    exact probability of what was found, within the app's part of the endpoint's alarm budget. What a training
    set suggests is judged by how it varied over time there; without its time column nothing but a column
    that is gone is more than suspected. What somebody has set is judged as if rows were independent.

    The contract is the newest that was set for the endpoint, or its model, else the one that the training
    set suggests. Missing values, unseen categories and values outside the range are then shown here and
    judged by the app `drift`, if that runs.

    Arguments:

    - `contract`: a contract, as text or as the path of a file, instead of what was set;
    - `alarm_budget`: a budget of the app's own, like `1 a month`;
    - `min_rows`: fewer rows without a finding are `warming up`; by default the setting `app_min_rows`;
    - `examples`: so many rows are shown of each broken rule, with the value that breaks it; 0: none.
    """

    def __init__(
        self,
        contract: str | Path | None = None,
        alarm_budget: str | float | None = None,
        min_rows: int | None = None,
        examples: int = EXAMPLES,
    ) -> None:
        if not isinstance(examples, int) or isinstance(examples, bool) or not 0 <= examples <= MOST_EXAMPLES:
            raise ConfigError(f"examples: must be a whole number from 0 to {MOST_EXAMPLES}, got {examples!r}")
        self._contracts = Contracts()
        self._contract = None if contract is None else given_contract(contract)
        self._budget = None if alarm_budget is None else read_budget(alarm_budget)
        self._min_rows = checked_min_rows(min_rows)
        self._examples = examples

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> list[Output]:
        context = monitoring_context
        chosen = self._contract or self._contracts.choose(context)
        if chosen is None:
            return [_without_contract(name, context) for name in RESULTS]
        budget, standing = context.budget(self._budget), standing_of(context, chosen)
        findings = judge_rows(
            context.sample, chosen.contract, budget.probability,
            features=context.feature_names, known=known_columns(context), clusters=standing.clusters,
        )  # fmt: skip
        broken = sum(finding.is_judged and finding.is_broken for finding in findings)
        about = {"contract": chosen.shown(), "budget": budget.shown()}
        results = [
            self._result(name, _of(rules, findings), context, chosen, standing, about)
            for name, rules in RESULTS.items()
            if _of(rules, findings)
        ]
        return [*results, ModelMonitoringApplicationMetric(BROKEN, broken)]

    def _result(
        self,
        name: str,
        findings: Sequence[Finding],
        context: MonitoringApplicationContext,
        chosen: ChosenContract,
        standing: Standing,
        about: Mapping[str, Any],
    ) -> ModelMonitoringApplicationResult:
        worst = findings[0]
        state = self._state(worst, context)
        extra = {**evidence_of(findings, context, chosen, standing, self._examples), **about}
        status = ResultStatusApp.irrelevant if state else _status_of(worst, standing)
        return ModelMonitoringApplicationResult(
            name,
            worst.value,
            ResultKindApp.mm_app_anomaly,
            status,
            {"state": state, **extra} if state else extra,
        )

    def _state(self, worst: Finding, context: MonitoringApplicationContext) -> str:
        """Why there is no verdict; "" where there is one. What is broken is so in however few rows."""
        if is_incomplete(context):
            return "incomplete"
        if not worst.is_judged:
            return "shown only"
        least = least_rows(context, self._min_rows)
        cannot_see = worst.least_hits() > worst.rows
        return "warming up" if not worst.is_broken and (context.rows < least or cannot_see) else ""


def _of(rules: Collection[Rule], findings: Sequence[Finding]) -> list[Finding]:
    return [each for each in findings if each.rule in rules]


def _status_of(worst: Finding, standing: Standing) -> ResultStatusApp:
    if not worst.is_broken:
        return ResultStatusApp.no_detection
    return _STATUS[standing.importance(worst)]


def _without_contract(name: str, context: MonitoringApplicationContext) -> ModelMonitoringApplicationResult:
    extra = {"state": "no reference", "rows": context.rows}
    return ModelMonitoringApplicationResult(
        name, 0.0, ResultKindApp.mm_app_anomaly, ResultStatusApp.irrelevant, extra
    )
