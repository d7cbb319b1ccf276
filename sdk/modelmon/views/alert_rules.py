"""The rules that count, and what each of them looks at as things stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from modelmon.alerting import Alerts
from modelmon.alerting.measures import ENDPOINT, FUNCTION, MEASURES, PROJECT
from modelmon.alerting.rules import (
    DETECTED,
    Condition,
    FailedCondition,
    Rule,
    StatusCondition,
    Subject,
    TimedCondition,
    ValueCondition,
)
from modelmon.ledger.heartbeats import by_function, expected_functions
from modelmon.ledger.rules_in_force import BUILT_IN
from modelmon.ledger.schema import endpoints, verdicts
from modelmon.model import ResultKindApp
from modelmon.sql.statements import chunks

MOST_RESULTS, MOST_ENDPOINTS, MOST_NAMED = 5_000, 5_000, 20
_OF_RESULTS = StatusCondition, ValueCondition


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule that counts. `rule` has its keys as `alerts.yaml` has them, none for a built-in one; `when` is
    its condition in words. `endpoints` and `subjects` (endpoint, app, result, or a function) are what it
    looks at now, the first twenty, and how many there are; `of`: they are results, apps, endpoints,
    functions, or the whole project."""

    name: str
    built_in: bool
    enabled: bool
    when: str
    severity: str
    channels: tuple[str, ...]
    rule: Mapping[str, Any] = field(default_factory=dict)
    called: str = ""
    endpoints: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    endpoint_count: int = 0
    subject_count: int = 0
    of: str = "results"


def rules_that_count(
    connection: Connection, alerts: Alerts, written: Iterable[Mapping[str, Any]]
) -> tuple[AlertRule, ...]:
    """Own rules in the order of the file, whose rules as `written` are given too, then built-in ones that no
    own one replaces. At most 5,000 results and endpoints are looked at."""
    named = {each.name for each in alerts.rules}
    built_in = tuple(each for each in BUILT_IN if each.name not in named)
    texts = {each["name"]: each for each in written}
    known = known_subjects(connection)
    taken = {
        kinds: [each for each in alerts.rules if isinstance(each.when, kinds)]
        for kinds in (_OF_RESULTS, (FailedCondition,))
    }
    shown = []
    for rule in (*alerts.rules, *built_in):
        others = (
            () if rule.name in named else next((v for k, v in taken.items() if isinstance(rule.when, k)), ())
        )
        found = [
            each
            for each in _subjects(known, rule)
            if rule.looks_at(type(rule.when), each)
            and not any(other.looks_at(type(other.when), each) for other in others)
        ]
        shown.append(_shown(alerts, rule, texts.get(rule.name), found))
    return tuple(shown)


@dataclass(frozen=True, slots=True)
class Known:
    """What rules may look at: endpoints, the results that apps have found of them, and functions."""

    endpoints: Sequence[Subject]
    results: Sequence[Subject]
    functions: Sequence[Subject]

    @property
    def apps(self) -> list[Subject]:
        """An endpoint and an app each."""
        return list(
            {
                (each.endpoint_id, each.application): replace(each, result="", kind="")
                for each in self.results
            }.values()
        )


def known_subjects(connection: Connection) -> Known:
    """Endpoints by name, results by endpoint, app and name; the first 5,000 of each."""
    columns = endpoints.c.endpoint_id, endpoints.c.name, endpoints.c.labels, endpoints.c.function_name
    rows = connection.execute(select(*columns).order_by(endpoints.c.name, columns[0]).limit(MOST_ENDPOINTS))
    known = {
        row.endpoint_id: Subject(
            row.name, msgspec.json.decode(row.labels or "{}"), row.function_name, endpoint_id=row.endpoint_id
        )
        for row in rows
    }  # fmt: skip
    found = select(verdicts.c.endpoint_id, verdicts.c.application_name, verdicts.c.name, verdicts.c.kind)
    ordered = found.order_by(*found.selected_columns).limit(MOST_RESULTS)
    results = [
        replace(
            known[row.endpoint_id], application=row.application_name, result=row.name,
            kind=ResultKindApp(row.kind).name.replace("_", "-"),
        )
        for row in connection.execute(ordered)
        if row.endpoint_id in known
    ]  # fmt: skip
    functions = sorted(expected_functions(connection, by_function(connection)))
    return Known(list(known.values()), results, [Subject("", function=each) for each in functions])


def results_of(connection: Connection, endpoint_ids: Sequence[str]) -> list[tuple[str, str, str]]:
    """Endpoint id, app and name of the results that apps have found of these endpoints."""
    columns = verdicts.c.endpoint_id, verdicts.c.application_name, verdicts.c.name
    return [
        (row.endpoint_id, row.application_name, row.name)
        for some in chunks(endpoint_ids)
        for row in connection.execute(select(*columns).where(columns[0].in_(some)).order_by(*columns))
    ]


def in_words(when: Condition) -> str:
    """A condition as people say it.

    >>> in_words(StatusCondition()), in_words(FailedCondition())
    ('a result is suspected or detected', 'an app failed for good')
    """
    match when:
        case StatusCondition(least):
            return "a result is detected" if least == DETECTED else "a result is suspected or detected"
        case ValueCondition(value):
            return f"a result's value is {value}"
        case FailedCondition():
            return "an app failed for good"
        case TimedCondition():
            return when.words


def _subjects(known: Known, rule: Rule) -> Sequence[Subject]:
    match rule.when:
        case FailedCondition():
            return known.apps
        case TimedCondition(measure=measure):
            return {ENDPOINT: known.endpoints, FUNCTION: known.functions}.get(MEASURES[measure].of, ())
        case _:
            return known.results


def _shown(
    alerts: Alerts, rule: Rule, written: Mapping[str, Any] | None, found: Sequence[Subject]
) -> AlertRule:
    names = list(dict.fromkeys(each.endpoint for each in found if each.endpoint))
    subjects = [
        ", ".join(filter(None, (each.endpoint, each.application, each.result))) or each.function
        for each in found
    ]
    return AlertRule(
        rule.name, written is None, rule.enabled, in_words(rule.when), rule.severity,
        alerts.told_of(rule.name), written or {}, rule.called, tuple(names[:MOST_NAMED]),
        tuple(subjects[:MOST_NAMED]), len(names), len(subjects), _of(rule),
    )  # fmt: skip


def _of(rule: Rule) -> str:
    match rule.when:
        case FailedCondition():
            return "apps"
        case TimedCondition(measure=measure):
            return {ENDPOINT: "endpoints", FUNCTION: "functions"}.get(MEASURES[measure].of, PROJECT)
        case _:
            return "results"
