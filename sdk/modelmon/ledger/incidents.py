"""The rows of the incidents: what an app reports changes them, in the transaction of its answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, select, union_all, update

from modelmon.alerting.rules import Rule
from modelmon.incidents import (
    IncidentChange,
    IncidentKey,
    IncidentState,
    NumberedEpisode,
    Policy,
    Reason,
    Said,
    Transition,
    Watch,
    WindowFinding,
    end,
    event_kind,
    follow,
    severity,
    what_failed,
)
from modelmon.ledger import evidence
from modelmon.ledger.incident_rows import (
    KEY,
    changed_values,
    insert_incident,
    key_of,
    read_incident,
    read_watch,
    watch_values,
)
from modelmon.ledger.incident_schema import incident_events, incidents, watches
from modelmon.ledger.reports import AppReport
from modelmon.ledger.rules_in_force import PLAIN, RulesInForce, what_is_found
from modelmon.ledger.schema import apps, endpoints
from modelmon.ledger.sum_schema import SLOW_DRIFT
from modelmon.ledger.window_keys import key_values
from modelmon.model import ResultKindApp, ValuePoint
from modelmon.sql.statements import chunks, insert_missing, upsert

_WORSE = {IncidentState.RAISED, IncidentState.ESCALATED}

# Built once: building a statement costs more than running it.
_WATCHES = (
    select(watches)
    .where(
        watches.c.endpoint_id == bindparam("an_endpoint"), watches.c.application_name == bindparam("an_app")
    )
    .order_by(watches.c.rule, watches.c.result_name)
    .with_for_update()
)
_OPEN = [state.value for state in IncidentState if state is not IncidentState.RESOLVED]
_OF_BOTH = select(incidents).where(
    incidents.c.endpoint_id == bindparam("an_endpoint"), incidents.c.application_name == bindparam("an_app")
)
_INCIDENTS = union_all(  # two ranges: those that are open, and those that a late window may change
    _OF_BOTH.where(incidents.c.state.in_(_OPEN)),
    _OF_BOTH.where(
        incidents.c.state == IncidentState.RESOLVED.value,
        incidents.c.ended_us >= bindparam("a_start"),
        incidents.c.reason == Reason.CALM.value,
    ),
)
_ONE = select(incidents).where(incidents.c.incident_id == bindparam("an_id"))
_IS_GONE = select(apps.c.name).where(apps.c.name == bindparam("an_app"), apps.c.active.is_(False))


@dataclass(frozen=True, slots=True)
class Told:
    """An event of an incident, and the incident's row as it is in the end. `window` is the one that it came
    of, None where it was ended by something else."""

    event: Transition
    incident: Row[Any]
    endpoint_name: str
    window: tuple[int, int] | None = None

    @property
    def kind(self) -> str:
        """What MLRun calls it, by how bad it is now."""
        return event_kind(key_of(self.incident).is_failure, self.incident.kind, self.event.status)

    @property
    def severity(self) -> str:
        return self.incident.severity or severity(self.event.status)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a rule found in the report's window, and its evidence."""

    said: Said
    kind: int = ResultKindApp.mm_app_anomaly
    value: float | None = None
    detail: str = ""
    policy: Policy = field(default_factory=Policy)
    severity: str = ""


def settle(
    connection: Connection,
    report: AppReport,
    *,
    final: bool,
    whole: bool,
    now_us: int,
    quiet: bool = False,
    rules: RulesInForce = PLAIN,
) -> list[Told]:
    """Change the incidents that a report speaks of, by these rules; returns what there is to tell.

    `final`: if the app failed, it will not be asked again. `whole`: the window is not a partial one. `quiet`:
    no result of it is bad, whatever it says. A report that comes again, or on a lower revision, changes
    nothing.
    """
    found = _found(report, final, whole, quiet, rules)
    if not found and not (report.done or report.failed):
        return []
    known = _lock(connection, report, found)
    told: list[Told] = []
    for key in _no_longer_looking(report, known, found):
        del known[key]
        told += end_rule(connection, key, now_us)
    gathered = SLOW_DRIFT if report.answer is not None and report.answer.sums is not None else None
    if report.done or (report.failed and final):  # the whole of what the app says of its window now
        # What is gathered over windows is told of once they are folded.
        silent = [key for key in known if key.result_name != gathered]
        found = {**dict.fromkeys(silent, _Found(Said.SILENT)), **found}
    changed: dict[IncidentKey, Watch] = {}
    for key, each in found.items():
        finding = WindowFinding(report.key.start_us, report.end_us, each.said, report.revision)
        changed[key], changes = follow(known[key], finding, each.policy)
        if changed[key] is known[key]:
            continue
        if any(change.before is None for change in changes) and _is_gone(connection, key):
            return []  # its app was removed while the report was on its way
        _keep_evidence(connection, report, key, each, known[key], changes)
        for change in changes:
            told += _change(connection, report, key, each, change, now_us)
    upsert(
        connection,
        watches,
        [watch_values(key, watch) for key, watch in changed.items() if watch is not known[key]],
    )
    return told


def resolve_app(connection: Connection, application_name: str, now_us: int) -> list[Told]:
    """Resolve what an app that is gone has open: nobody will say that it no longer holds."""
    told = _end(connection, incidents.c.application_name == application_name, Reason.APP_GONE, now_us)
    connection.execute(delete(watches).where(watches.c.application_name == application_name))
    return told


def resolve_endpoint(connection: Connection, endpoint_id: str, now_us: int) -> list[Told]:
    """Resolve what is open of an endpoint that is gone."""
    told = _end(connection, incidents.c.endpoint_id == endpoint_id, Reason.ENDPOINT_GONE, now_us)
    connection.execute(delete(watches).where(watches.c.endpoint_id == endpoint_id))
    return told


def reset(connection: Connection, incident_id: int, now_us: int) -> list[Told]:
    """Resolve an open incident because a person says so: what was found so far is done with, a window that
    comes after it raises a new one. Nothing changes where there is none, or it is pending or resolved."""
    row = connection.execute(_ONE, {"an_id": incident_id}).one_or_none()
    if row is None or row.state in (IncidentState.PENDING.value, IncidentState.RESOLVED.value):
        return []
    return end_by_hand(connection, row, Reason.RESET, now_us)


def end_by_hand(connection: Connection, row: Row[Any], reason: Reason, now_us: int) -> list[Told]:
    """Resolve an open incident for a reason that a person has."""
    key = key_of(row)
    watch = lock_watch(connection, key) or Watch()
    done_with, change = end(watch, read_incident(row), reason)
    assert change.after is not None, "it is over, not gone"
    values = {"state": change.after.state.value, "reason": reason.value}
    _update(connection, row.incident_id, {**values, "changed_us": now_us, "resolved_us": now_us})
    upsert(connection, watches, [watch_values(key, done_with)])
    return note_events(connection, row, change.events, now_us)


def lock_watch(connection: Connection, key: IncidentKey) -> Watch | None:
    """What is known of the subject, kept as it is until the transaction ends; None: nobody watches it."""
    same = and_(*(watches.c[name] == value for name, value in key._asdict().items()))
    row = connection.execute(select(watches).where(same).with_for_update()).one_or_none()
    return None if row is None else read_watch(row)


def note_events(
    connection: Connection, row: Row[Any], events: Iterable[Transition], now_us: int
) -> list[Told]:
    """Write into an incident's history what came of no window."""
    name = _names(connection, [row.endpoint_id]).get(row.endpoint_id, "")
    return _note(connection, row.incident_id, events, name, None, now_us)


def _found(
    report: AppReport, final: bool, whole: bool, quiet: bool, rules: RulesInForce
) -> dict[IncidentKey, _Found]:
    place = report.key.endpoint_id, report.key.application_name
    found = {
        IncidentKey(rule.name, *place, each.name): _of_result(rule, each, whole, quiet)
        for each in report.results
        for rule in rules.of_result(*place, each)
    }
    for rule in rules.of_failure(*place):
        key, policy = IncidentKey(rule.name, *place), rule.in_effect
        if report.done:
            found[key] = _Found(Said.CALM, policy=policy, severity=rule.severity)
        elif report.failed and report.answer is not None:
            said = what_failed(final=final)
            found[key] = _Found(said, detail=report.answer.error, policy=policy, severity=rule.severity)
    return found


def _of_result(rule: Rule, result: ValuePoint, whole: bool, quiet: bool) -> _Found:
    kind = ResultKindApp.mm_app_anomaly if result.kind is None else result.kind
    said = what_is_found(rule, result, whole=whole, quiet=quiet)
    return _Found(said, kind, result.value, result.extra_data, rule.in_effect, rule.severity)


def _no_longer_looking(
    report: AppReport, known: Iterable[IncidentKey], found: Collection[IncidentKey]
) -> list[IncidentKey]:
    """Subjects of rules that look no more at something which is reported."""
    reported = {each.name for each in report.results} | ({""} if report.done or report.failed else set())
    return [key for key in known if key.result_name in reported and key not in found]


def end_rule(
    connection: Connection, key: IncidentKey, now_us: int, why: Reason = Reason.RULE_GONE
) -> list[Told]:
    """Resolve what a rule has open that no longer looks at its subject, and forget what it knew."""
    same = [incidents.c[name] == value for name, value in key._asdict().items()]
    told = _end(connection, and_(*same), why, now_us)
    connection.execute(delete(watches).where(*(watches.c[name] == key._asdict()[name] for name in KEY)))
    return told


def _lock(
    connection: Connection, report: AppReport, found: Iterable[IncidentKey]
) -> dict[IncidentKey, Watch]:
    """The watches of the app and endpoint, kept from changing until the transaction ends; then their
    incidents, which nobody else can have changed since."""
    place = key_values(report.key)
    rows = {key_of(row): row for row in connection.execute(_WATCHES, place)}
    missing = [key for key in found if key not in rows]
    if missing:
        insert_missing(connection, watches, [watch_values(key, Watch()) for key in missing])
        rows = {key_of(row): row for row in connection.execute(_WATCHES, place)}
    known: dict[IncidentKey, list[NumberedEpisode]] = {key: [] for key in rows}
    for row in connection.execute(_INCIDENTS, place):
        known[key_of(row)].append(read_incident(row))
    return {key: replace(read_watch(row), incidents=tuple(known[key])) for key, row in rows.items()}


def _is_gone(connection: Connection, key: IncidentKey) -> bool:
    return connection.scalar(_IS_GONE, {"an_app": key.application_name}) is not None


def _keep_evidence(
    connection: Connection,
    report: AppReport,
    key: IncidentKey,
    found: _Found,
    before: Watch,
    changes: Iterable[IncidentChange],
) -> None:
    """Of windows that something was found in, now or when they were judged before."""
    known = before.course.at(report.key.start_us)
    if found.said.is_evidence or (known is not None and known.said.is_evidence):
        worse = {event.after for change in changes for event in change.events} & _WORSE
        stats = report.stats if worse and found.said.is_bad else ()
        evidence.write(connection, key, report, found.said, found.value, found.detail, stats)


def _change(
    connection: Connection,
    report: AppReport,
    key: IncidentKey,
    found: _Found,
    change: IncidentChange,
    now_us: int,
) -> list[Told]:
    if change.after is None:
        if change.before is not None:
            forget_pending(connection, change.before)
        return []
    incident_id = _store(connection, key, found, change, now_us)
    window = report.key.start_us, report.end_us
    return _note(connection, incident_id, change.events, report.endpoint_name, window, now_us)


def _store(
    connection: Connection, key: IncidentKey, found: _Found, change: IncidentChange, now_us: int
) -> int:
    """Write the incident's row; returns its number."""
    incident = change.after
    assert incident is not None, "what is gone is forgotten"
    values = changed_values(change, now_us)
    if incident.reason is not Reason.WITHDRAWN:
        values |= _worst(connection, key, incident)
    if found.said.is_bad or change.before is None:
        values |= {"kind": found.kind, "severity": found.severity}
    if change.before is None:
        return insert_incident(connection, {**key._asdict(), **values})
    assert incident.number is not None, "it was read"
    _update(connection, incident.number, values)
    return incident.number


def _worst(connection: Connection, key: IncidentKey, incident: NumberedEpisode) -> dict[str, Any]:
    row = evidence.worst(connection, key, incident.episode)
    if row is None:  # pruned
        return {} if incident.number else {"worst_us": incident.episode.first_us, "detail": ""}
    evidence.trim(connection, key, incident.episode, row.start_us)
    return {"worst_us": row.start_us, "value": row.value, "detail": row.detail}


def _note(
    connection: Connection,
    incident_id: int,
    events: Iterable[Transition],
    endpoint_name: str,
    window: tuple[int, int] | None,
    now_us: int,
) -> list[Told]:
    """Write the events into the incident's history; returns those that somebody may be told of."""
    rows = [
        {
            "incident_id": incident_id, "at_us": now_us, "after": event.word, "why": event.why,
            "before": event.before.value if event.before else "", "status": event.status,
            "window_us": event.window_us,
        }
        for event in events
    ]  # fmt: skip
    if not rows:
        return []
    connection.execute(incident_events.insert(), rows)
    row = connection.execute(_ONE, {"an_id": incident_id}).one()
    return [
        Told(event, row, endpoint_name, window)
        for event in events
        if event.after is not IncidentState.PENDING
    ]


def forget_pending(connection: Connection, pending: NumberedEpisode) -> None:
    """Delete what was pending and came right: nobody was told of it."""
    for table in (incident_events, incidents):
        connection.execute(delete(table).where(table.c.incident_id == pending.number))


def _update(connection: Connection, incident_id: int, values: dict[str, Any]) -> None:
    connection.execute(update(incidents).where(incidents.c.incident_id == incident_id).values(values))


def _end(connection: Connection, which: ColumnElement[bool], reason: Reason, now_us: int) -> list[Told]:
    """Resolve the open incidents among these; the pending ones are forgotten."""
    told = []
    rows = connection.execute(select(incidents).where(which, incidents.c.resolved_us.is_(None))).all()
    names = _names(connection, {row.endpoint_id for row in rows})
    for row in sorted(rows, key=lambda row: row.incident_id):
        incident = read_incident(row)
        if incident.state is IncidentState.PENDING:
            forget_pending(connection, incident)
            continue
        values = {"state": IncidentState.RESOLVED.value, "reason": reason.value}
        _update(connection, row.incident_id, {**values, "changed_us": now_us, "resolved_us": now_us})
        event = Transition(incident.state, IncidentState.RESOLVED, row.status, row.last_us, reason.value)
        told += _note(connection, row.incident_id, [event], names.get(row.endpoint_id, ""), None, now_us)
    return told


def _names(connection: Connection, endpoint_ids: Iterable[str]) -> dict[str, str]:
    columns = endpoints.c.endpoint_id, endpoints.c.name
    return {
        endpoint_id: name
        for chunk in chunks(endpoint_ids)
        for endpoint_id, name in connection.execute(select(*columns).where(columns[0].in_(chunk)))
    }
