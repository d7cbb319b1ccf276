"""Incidents of rules that are looked at by the clock: each minute that one judges is a window of its watch.

A minute that says what is known already is written nowhere unless something of an incident changes with it:
what is calm for good stays as it is, and a subject that never was bad has no row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, or_, select, update

from modelmon.alerting.measures import MEASURES
from modelmon.incidents import (
    FUNCTION,
    IncidentChange,
    IncidentKey,
    IncidentState,
    NumberedEpisode,
    Policy,
    Reason,
    Said,
    Watch,
    WindowFinding,
    follow,
    function_of,
    is_calm_for_good,
)
from modelmon.ledger.incident_rows import (
    changed_values,
    insert_incident,
    key_of,
    read_incident,
    read_watch,
    watch_values,
)
from modelmon.ledger.incident_schema import incidents, watches
from modelmon.ledger.incidents import Told, end_rule, forget_pending, note_events
from modelmon.model import MINUTE_US, ResultKindApp
from modelmon.sql.statements import upsert

_CHANGED = (
    "state", "reason", "first_us", "last_us", "detected_us", "ended_us", "flapping_us", "status", "windows",
    "detected", "worst_us", "value", "detail",
)  # fmt: skip
_GO_ON = (
    update(incidents)
    .where(incidents.c.incident_id == bindparam("an_id"))
    .values({name: bindparam(f"a_{name}") for name in _CHANGED})
)


@dataclass(frozen=True, slots=True)
class TimedFinding:
    """What a rule says of its subject in this minute, and of which value. `high_is_bad`: of two values the
    higher one is the worse."""

    key: IncidentKey
    said: Said
    value: float | None = None
    detail: str = ""
    policy: Policy = field(default_factory=Policy)
    severity: str = ""
    high_is_bad: bool = True


@dataclass(slots=True)
class _Known:
    """What there was before this minute."""

    watches: Mapping[IncidentKey, Watch]
    open: Mapping[IncidentKey, Any]


def settle_minute(
    connection: Connection,
    found: Sequence[TimedFinding],
    now_us: int,
    gone: Collection[str] = (),
    functions: Collection[str] = (),
    *,
    resumed: bool,
) -> list[Told]:
    """Change the incidents that this minute speaks of; returns what there is to tell. What is of a rule, or
    of a subject, that is not among `found` is over; `gone` are the endpoints that nobody waits for any
    more, `functions` those that should run.
    `resumed`: nobody has looked for some time, so what was not yet enough to raise an incident counts no
    more."""
    known = _lock(connection)
    looked = {each.key for each in found}
    over = sorted(key for key in known.watches if key not in looked)
    told = [each for key in over for each in end_rule(connection, key, now_us, _why(key, gone, functions))]
    if resumed:
        known = _without_pending(connection, known)
    changed: dict[IncidentKey, Watch] = {}
    going_on: list[dict[str, Any]] = []
    for each in found:
        before = known.watches.get(each.key, Watch())
        if not _says_something(each, before):
            continue
        start_us = _slot(before, now_us)
        finding = WindowFinding(start_us, start_us + MINUTE_US, each.said)
        changed[each.key], changes = follow(before, finding, each.policy)
        for change in changes:
            told += _change(connection, each, change, known.open.get(each.key), start_us, now_us, going_on)
    upsert(connection, watches, [watch_values(key, watch) for key, watch in changed.items()])
    if going_on:
        connection.execute(_GO_ON, going_on)
    return told


def _why(key: IncidentKey, gone: Collection[str], functions: Collection[str]) -> Reason:
    function = function_of(key.application_name)
    if function and function not in functions:
        return Reason.FUNCTION_GONE
    return Reason.ENDPOINT_GONE if key.endpoint_id in gone else Reason.RULE_GONE


def _lock(connection: Connection) -> _Known:
    """All watches of measures, kept as they are until the transaction ends, and what is open of them."""
    of_measures = _of_no_app(watches), watches.c.result_name.in_(MEASURES)
    rows = connection.execute(select(watches).where(*of_measures).with_for_update()).all()
    of_no_app = _of_no_app(incidents), incidents.c.resolved_us.is_(None)
    still = {key_of(row): row for row in connection.execute(select(incidents).where(*of_no_app))}
    read = {
        key_of(row): replace(read_watch(row), incidents=_numbered(still.get(key_of(row)))) for row in rows
    }
    return _Known(read, still)


def _of_no_app(table: Table) -> ColumnElement[bool]:
    name = table.c.application_name
    return or_(name == "", name.startswith(FUNCTION))


def _numbered(row: Any) -> tuple[NumberedEpisode, ...]:
    return () if row is None else (read_incident(row),)


def _without_pending(connection: Connection, known: _Known) -> _Known:
    """Of those that nobody was told of, what was found before the gap is forgotten: `2 of 3` minutes are
    minutes that follow each other."""
    raised = {key for key, row in known.open.items() if row.state != IncidentState.PENDING.value}
    for row in known.open.values():
        if row.state == IncidentState.PENDING.value:
            forget_pending(connection, read_incident(row))
    gone = [key for key, watch in known.watches.items() if key not in raised and _is_unsure(watch)]
    for key in gone:
        is_key = (watches.c[name] == value for name, value in key._asdict().items())
        connection.execute(delete(watches).where(*is_key))
    kept = {key: watch for key, watch in known.watches.items() if key not in gone}
    return _Known(kept, {key: known.open[key] for key in raised})


def _is_unsure(watch: Watch) -> bool:
    return bool(watch.course.runs) and watch.course.runs[-1].said is not Said.CALM


def _says_something(found: TimedFinding, before: Watch) -> bool:
    if found.said is Said.SILENT:
        return False
    if _is_ended_by_hand(before):  # the next minute is no news to whoever has ended it
        return found.said is Said.CALM
    if found.said is not Said.CALM:
        return True
    is_known = bool(before.course.runs)
    return is_known and (bool(before.incidents) or not is_calm_for_good(found.policy, before.course))


def _is_ended_by_hand(watch: Watch) -> bool:
    return not watch.course.runs and watch.horizon_us > 0 and watch.carried is None


def _slot(watch: Watch, now_us: int) -> int:
    """The minute that is judged; after the last one that was, also where the clock went back."""
    minute_us = now_us - now_us % MINUTE_US
    runs = watch.course.runs
    return max(minute_us, watch.horizon_us, runs[-1].end_us if runs else 0)


def _change(
    connection: Connection, found: TimedFinding, change: IncidentChange, row: Any, start_us: int, now_us: int,
    going_on: list[dict[str, Any]],
) -> list[Told]:  # fmt: skip
    if change.after is None:
        if change.before is not None:
            forget_pending(connection, change.before)
        return []
    values = changed_values(change, now_us)
    if row is None or (found.said.is_bad and _is_worse(found, row.value)):
        values |= {"worst_us": start_us, "value": found.value, "detail": found.detail}
    else:
        values |= {"worst_us": row.worst_us, "value": row.value, "detail": row.detail}
    if not change.events and change.before is not None:
        number = change.after.number
        going_on.append({"an_id": number, **{f"a_{name}": values[name] for name in _CHANGED}})
        return []
    return _write(connection, found, change, values, now_us)


def _write(
    connection: Connection, found: TimedFinding, change: IncidentChange, values: dict[str, Any], now_us: int
) -> list[Told]:
    if found.said.is_bad or change.before is None:
        values |= {"kind": ResultKindApp.system_performance.value, "severity": found.severity}
    number = change.after.number if change.after is not None else None
    if number is None:
        number = insert_incident(connection, {**found.key._asdict(), **values})
    else:
        connection.execute(update(incidents).where(incidents.c.incident_id == number).values(values))
    row = connection.execute(select(incidents).where(incidents.c.incident_id == number)).one()
    return note_events(connection, row, change.events, now_us)


def _is_worse(found: TimedFinding, known: float | None) -> bool:
    if known is None or found.value is None:
        return found.value is not None
    return found.value > known if found.high_is_bad else found.value < known
