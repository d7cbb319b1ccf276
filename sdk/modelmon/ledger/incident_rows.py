"""Rows of the ledger as the incidents' pure values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from modelmon.incidents import (
    Course,
    Episode,
    IncidentChange,
    IncidentKey,
    IncidentState,
    NumberedEpisode,
    Reason,
    Standing,
    Watch,
)
from modelmon.incidents.course import Run
from modelmon.ledger.handling import NOT_ACKNOWLEDGED
from modelmon.ledger.incident_schema import incidents

KEY = IncidentKey._fields
_SPAN = ("first_us", "last_us", "detected_us", "ended_us", "flapping_us", "status", "windows", "detected")


def key_of(row: Row[Any]) -> IncidentKey:
    """The key of a row of any of the tables."""
    return IncidentKey(row.rule, row.endpoint_id, row.application_name, row.result_name)


def read_watch(row: Row[Any]) -> Watch:
    """The watch of a row, without its incidents."""
    runs = msgspec.json.decode(row.runs, type=list[Run])
    carried = msgspec.json.decode(row.carried, type=Episode) if row.carried else None
    standing = msgspec.json.decode(row.standing, type=Standing) if row.standing else None
    return Watch(Course(tuple(runs)), row.horizon_us, carried, standing=standing)


def watch_values(key: IncidentKey, watch: Watch) -> dict[str, Any]:
    """The row of a watch."""
    carried = "" if watch.carried is None else msgspec.json.encode(watch.carried).decode()
    runs = msgspec.json.encode(watch.course.runs).decode()
    standing = None if watch.standing is None else msgspec.json.encode(watch.standing).decode()
    horizon_us = watch.horizon_us
    return {**key._asdict(), "runs": runs, "horizon_us": horizon_us, "carried": carried, "standing": standing}


def read_incident(row: Row[Any]) -> NumberedEpisode:
    """The incident of a row."""
    state = IncidentState(row.state)
    reason = Reason(row.reason) if row.reason else None
    episode = Episode(state=state, **{name: getattr(row, name) for name in _SPAN})
    return NumberedEpisode(row.incident_id, episode, state, reason)


def incident_values(incident: NumberedEpisode) -> dict[str, Any]:
    """What the row of an incident takes from it."""
    reason = "" if incident.reason is None else incident.reason.value
    spans = {name: getattr(incident.episode, name) for name in _SPAN}
    return {"state": incident.state.value, "reason": reason, **spans}


def changed_values(change: IncidentChange, now_us: int) -> dict[str, Any]:
    """What the row of an incident takes from what became of it, but for its worst window."""
    incident = change.after
    assert incident is not None, "what is gone is forgotten"
    values = incident_values(incident)
    raised = [event for event in change.events if event.after is IncidentState.RAISED]
    if change.before is None or (change.before.state is IncidentState.PENDING and raised):
        values["raised_us"] = now_us
    if any(event.after is IncidentState.ESCALATED and not event.flaps for event in change.events):
        values |= NOT_ACKNOWLEDGED  # whoever was at it was at something less bad
    if change.events:
        values |= {"changed_us": now_us, "resolved_us": now_us if incident.reason else None}
    return values


def insert_incident(connection: Connection, values: Mapping[str, Any]) -> int:
    """Insert an incident; returns its number."""
    added = connection.execute(incidents.insert().values(values)).inserted_primary_key
    assert added is not None, "a single row was inserted"
    number: int = added[0]
    return number
