"""Which rules judge what an app reports: those of `alerts.yaml`, and where none of them looks the built-in
ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from sqlalchemy import Connection, select

from modelmon.alerting import Alerts
from modelmon.alerting.rules import (
    DETECTED,
    MONITOR_BEHIND,
    NOT_RUNNING,
    Comparison,
    Condition,
    FailedCondition,
    Rule,
    StatusCondition,
    Subject,
    TimedCondition,
    ValueCondition,
)
from modelmon.incidents import APP_FAILED, RESULT_STATUS, Policy, Said, what_result
from modelmon.ledger.schema import endpoints
from modelmon.model import ResultKindApp, ValuePoint
from modelmon.sql.statements import chunks

BUILT_IN = (
    Rule(RESULT_STATUS, StatusCondition()),
    Rule(APP_FAILED, FailedCondition()),
    Rule(NOT_RUNNING, TimedCondition("not_running", Comparison(">=", 600.0)), severity="high"),
    Rule(MONITOR_BEHIND, TimedCondition("behind", Comparison(">=", 900.0)), severity="medium"),
)
"""What holds where nobody has written a rule. One of the same name takes its place."""
_OF_RESULTS = StatusCondition, ValueCondition


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """The rules of a file, and what they may know of endpoints, by id. An own rule that looks at a result, or
    at failures, of a subject takes it from the built-in one."""

    own: tuple[Rule, ...] = ()
    subjects: Mapping[str, Subject] = field(default_factory=dict)

    def of_result(self, endpoint_id: str, application: str, result: ValuePoint) -> Sequence[Rule]:
        """The rules that judge this result."""
        kind = ResultKindApp.mm_app_anomaly if result.kind is None else ResultKindApp(result.kind)
        told = self._subject(endpoint_id, application)
        subject = replace(told, result=result.name, kind=kind.name.replace("_", "-"))
        return self._looking(_OF_RESULTS, subject)

    def of_failure(self, endpoint_id: str, application: str) -> Sequence[Rule]:
        """The rules that look at failures of this app."""
        return self._looking((FailedCondition,), self._subject(endpoint_id, application))

    def _subject(self, endpoint_id: str, application: str) -> Subject:
        known = self.subjects.get(endpoint_id, Subject(endpoint_id, endpoint_id=endpoint_id))
        return replace(known, application=application)

    def _looking(self, kinds: tuple[type[Condition], ...], subject: Subject) -> Sequence[Rule]:
        fitting = [each for each in self.own if any(each.looks_at(kind, subject) for kind in kinds)]
        if fitting:
            return fitting
        named = {each.name for each in self.own}
        return [each for each in BUILT_IN if each.name not in named and isinstance(each.when, kinds)]


PLAIN = RulesInForce()


def rules_in_force(connection: Connection, alerts: Alerts, endpoint_ids: Collection[str]) -> RulesInForce:
    """The rules for reports of these endpoints."""
    if not alerts.rules:
        return PLAIN
    columns = endpoints.c.endpoint_id, endpoints.c.name, endpoints.c.labels, endpoints.c.function_name
    return RulesInForce(
        alerts.rules,
        {
            endpoint_id: Subject(name, msgspec.json.decode(labels or "{}"), function, endpoint_id=endpoint_id)
            for some in chunks(sorted(endpoint_ids))
            for endpoint_id, name, labels, function in connection.execute(
                select(*columns).where(columns[0].in_(some))
            )
        },
    )


def timed_rules(alerts: Alerts) -> list[Rule]:
    """The rules that are looked at by the clock, those of the file and the built-in ones."""
    return [each for each in all_rules(alerts) if each.enabled and isinstance(each.when, TimedCondition)]


def all_rules(alerts: Alerts) -> list[Rule]:
    """Those of the file, in its order, then the built-in ones that none of them replaces."""
    named = {each.name for each in alerts.rules}
    return [*alerts.rules, *(each for each in BUILT_IN if each.name not in named)]


def policy_of(alerts: Alerts, rule: str) -> Policy:
    """What raises and ends incidents of the rule of this name; of one that is gone each window does."""
    return next((each.in_effect for each in all_rules(alerts) if each.name == rule), Policy())


def what_is_found(rule: Rule, result: ValuePoint, *, whole: bool, quiet: bool) -> Said:
    """What a result says by a rule. `whole`: its window is no partial one. `quiet`: nothing of its app is
    bad, unless a rule asks for the app by its name.

    >>> drift = ValuePoint("e", "app", 0, 60, "drift", 0.8, 1, kind=0, status=1)
    >>> what_is_found(Rule("a", StatusCondition(DETECTED)), drift, whole=True, quiet=False).name
    'CALM'
    """
    said = _said(rule.when, result, whole)
    return Said.CALM if said.is_bad and quiet and not rule.match.apps else said


def _said(when: Condition, result: ValuePoint, whole: bool) -> Said:
    said = what_result(result, whole=whole)
    if isinstance(when, ValueCondition):
        if said is Said.SILENT or result.value != result.value:
            return Said.SILENT
        return (Said.DETECTED if whole else Said.PARTLY) if when.value.holds(result.value) else Said.CALM
    if isinstance(when, StatusCondition) and when.least == DETECTED:
        return {Said.SUSPECTED: Said.CALM, Said.PARTLY: Said.SILENT}.get(said, said)
    return said
