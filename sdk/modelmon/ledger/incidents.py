"""The rows of the incidents: what an app reports changes them, in the transaction of its answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, select, union_all, update

from modelmon.incidents import (
    APP_FAILED,
    RESULT_STATUS,
    IncidentChange,
    IncidentKey,
    IncidentState,
    NumberedEpisode,
    Reason,
    Said,
    Transition,
    Watch,
    WindowFinding,
    event_kind,
    follow,
    severity,
    what_failed,
    what_result,
)
from modelmon.ledger import evidence
from modelmon.ledger.incident_rows import (
    incident_values,
    insert_incident,
    key_of,
    read_incident,
    read_watch,
    watch_values,
)
from modelmon.ledger.incident_schema import incident_events, incidents, watches
from modelmon.ledger.reports import AppReport
from modelmon.ledger.schema import apps, endpoints
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
        return event_kind(self.incident.rule, self.incident.kind, self.event.status)

    @property
    def severity(self) -> str:
        return severity(self.event.status)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a rule found in the report's window, and its evidence."""

    said: Said
    kind: int = ResultKindApp.mm_app_anomaly
    value: float | None = None
    detail: str = ""


def settle(connection: Connection, report: AppReport, *, final: bool, whole: bool, now_us: int) -> list[Told]:
    """Change the incidents that a report speaks of; returns what there is to tell.

    `final`: if the app failed, it will not be asked again. `whole`: the window is not a partial one. A report
    that comes again, or on a lower revision, changes nothing.
    """
    found = _found(report, final, whole)
    if not found and not report.done:
        return []
    known = _lock(connection, report, found)
    if report.done or (report.failed and final):  # the whole of what the app says of its window now
        found = {**dict.fromkeys(known, _Found(Said.SILENT)), **found}
    told: list[Told] = []
    changed: dict[IncidentKey, Watch] = {}
    for key, each in found.items():
        finding = WindowFinding(report.key.start_us, report.end_us, each.said, report.revision)
        changed[key], changes = follow(known[key], finding)
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
    key = key_of(row)
    same = and_(*(watches.c[name] == value for name, value in key._asdict().items()))
    watch = read_watch(connection.execute(select(watches).where(same).with_for_update()).one())
    told = _end(connection, incidents.c.incident_id == incident_id, Reason.RESET, now_us)
    runs = watch.course.runs
    done_with = Watch(horizon_us=runs[-1].end_us if runs else watch.horizon_us)
    upsert(connection, watches, [watch_values(key, done_with)])
    return told


def _found(report: AppReport, final: bool, whole: bool) -> dict[IncidentKey, _Found]:
    place = report.key.endpoint_id, report.key.application_name
    found = {
        IncidentKey(RESULT_STATUS, *place, each.name): _of_result(each, whole) for each in report.results
    }
    failed = IncidentKey(APP_FAILED, *place)
    if report.done:
        found[failed] = _Found(Said.CALM)
    elif report.failed and report.answer is not None:
        found[failed] = _Found(what_failed(final=final), detail=report.answer.error)
    return found


def _of_result(result: ValuePoint, whole: bool) -> _Found:
    kind = ResultKindApp.mm_app_anomaly if result.kind is None else result.kind
    return _Found(what_result(result, whole=whole), kind, result.value, result.extra_data)


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
            _forget(connection, change.before)
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
    values = incident_values(incident)
    raised = [event for event in change.events if event.after is IncidentState.RAISED]
    if change.before is None or (change.before.state is IncidentState.PENDING and raised):
        values["raised_us"] = now_us
    if change.events:
        values |= {"changed_us": now_us, "resolved_us": now_us if incident.reason else None}
    if incident.reason is not Reason.WITHDRAWN:
        values |= _worst(connection, key, incident)
    if found.said.is_bad or change.before is None:
        values["kind"] = found.kind
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
            "incident_id": incident_id, "at_us": now_us, "after": event.after.value, "why": event.why,
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


def _forget(connection: Connection, pending: NumberedEpisode) -> None:
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
            _forget(connection, incident)
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
