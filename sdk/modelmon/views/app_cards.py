"""What each app says of one endpoint now: its state with the reason, and every result with its thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from modelmon.model import from_us
from modelmon.views.endpoint_facts import AppStanding, Facts, Looking, read_facts
from modelmon.views.endpoint_states import standing_of
from modelmon.views.incidents import Alarm
from modelmon.views.result_evidence import Evidence, evidence_of
from modelmon.views.results_in_words import extra_data
from modelmon.views.thresholds import Thresholds, thresholds_of
from modelmon.views.verdicts import NO_DATA, Verdict


@dataclass(frozen=True, slots=True)
class ResultCard:
    """The newest word on one result. `status` is the one to show: calm that is stale is no verdict; `since`
    and `incident_id` are those of its open incident."""

    name: str
    value: float
    status: int
    thresholds: Thresholds
    feature: str
    rows: int | None
    start: datetime
    end: datetime
    states: tuple[str, ...]
    stale: bool
    revision: int
    since: datetime | None
    incident_id: int | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class AppCard:
    """One app: `why` it is in this state; `incident_id` of the first incident of it that is open. `quiet`: it
    raises none, for another app judges the same within the alarm budget."""

    application_name: str
    state: str
    why: str
    last_analyzed: datetime | None
    error: str
    results: tuple[ResultCard, ...]
    incident_id: int | None
    since: datetime | None
    quiet: bool = False


def read_app_cards(connection: Connection, looking: Looking, endpoint_id: str) -> tuple[AppCard, ...]:
    """By name; an app that has judged nothing of the endpoint yet has none."""
    found = read_facts(connection, looking, [endpoint_id], whole=True)
    return tuple(_card(found[0], app) for app in found[0].apps) if found else ()


def _card(facts: Facts, app: AppStanding) -> AppCard:
    """The endpoint as it would be if this app were the only one."""
    verdicts = [
        each
        for each in facts.verdicts
        if isinstance(each, Verdict) and each.application_name == app.application_name
    ]
    alarms = [each for each in facts.alarms if each.application_name == app.application_name]
    states = frozenset(app.states) | (facts.states & {NO_DATA})
    standing = standing_of(replace(facts, apps=(app,), verdicts=verdicts, alarms=alarms, states=states))
    first = alarms[0] if alarms else None
    return AppCard(
        app.application_name, standing.state, standing.why(), app.last_analyzed, app.error,
        tuple(_result(each, alarms) for each in verdicts),
        first.incident_id if first else None, from_us(first.first_us) if first else None,
        app.application_name in facts.quiet and len(facts.apps) > 1,
    )  # fmt: skip


def _result(verdict: Verdict, alarms: Sequence[Alarm]) -> ResultCard:
    detail = extra_data(verdict.result_extra_data)
    rows = detail.get("rows")
    alarm = next((each for each in alarms if each.result_name == verdict.result_name), None)
    return ResultCard(
        verdict.result_name, verdict.result_value, verdict.shown_status,
        thresholds_of(verdict.result_extra_data), str(detail.get("feature") or ""),
        rows if isinstance(rows, int) and not isinstance(rows, bool) else None,
        verdict.start_infer_time, verdict.end_infer_time, verdict.states, verdict.stale,
        verdict.window_revision, from_us(alarm.first_us) if alarm else None,
        alarm.incident_id if alarm else None, evidence_of(detail),
    )  # fmt: skip
