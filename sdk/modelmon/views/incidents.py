"""Incidents as they are shown, and the history of one; `incident_lists.py` reads many."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Select, select

from modelmon.incidents import APP_FAILED, IncidentKey, IncidentState, event_kind, severity
from modelmon.ledger.incident_schema import incident_events, incident_windows, incidents
from modelmon.ledger.schema import endpoints
from modelmon.model import from_us, to_us
from modelmon.private_columns import shown_extra, without_private
from modelmon.settings import Settings
from modelmon.views.results_in_words import extra_data, first_line, words
from modelmon.views.selection import of_endpoints
from modelmon.views.verdicts import PARTLY
from modelmon.windows import FAILED

MOST = 1000
"""So many incidents, or windows of one, are read at once."""
STATUS = {0: "", 1: "suspected", 2: "detected"}


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble, however many windows it lasts.

    `kind` is MLRun's name of it and `severity` how bad it was, by its worst window, which `result_value` and
    `detail` (the result's extra data, as JSON, or the app's error) are of; `status` is the newest word:
    suspected or detected. `first`, `first_detected` and `last` are starts of windows that were found bad,
    `ended` the start of the calm one; `windows` counts the bad ones, `detected_windows` those that were
    detected. `raised`, `changed` and `resolved` are moments of the wall clock.
    """

    incident_id: int
    rule: str
    kind: str
    severity: str
    state: str
    reason: str
    status: str
    endpoint_id: str
    endpoint_name: str
    application_name: str
    result_name: str
    result_value: float | None
    detail: str
    first: datetime
    first_detected: datetime | None
    last: datetime
    ended: datetime | None
    windows: int
    detected_windows: int
    raised: datetime
    changed: datetime
    resolved: datetime | None

    @property
    def worst(self) -> str:
        """What was found in its worst window: suspected, detected, or failed where an app failed."""
        if self.rule == APP_FAILED:
            return FAILED
        return STATUS[2] if self.detected_windows else STATUS[1]

    @property
    def words(self) -> str:
        """What was found in its worst window, what it is about first, and whether that is a partial one."""
        return _words(self.result_name, self.result_value, self.detail)


class Alarm(NamedTuple):
    """An open incident, as far as it says in which state its endpoint is: detected, suspected or failed."""

    application_name: str
    result_name: str
    state: str
    value: float | None
    detail: str
    result_kind: int = 0
    incident_id: int = 0
    first_us: int = 0

    def words(self, *marks: str) -> str:
        """As an incident's, with marks."""
        return _words(self.result_name, self.value, self.detail, *marks)


@dataclass(frozen=True, slots=True)
class IncidentWindow:
    """What one window of an incident said when it was last judged: suspected, detected, partial (suspected,
    on a part of the window), failing, calm or silent. `has_histograms`: whole ones are kept of it."""

    start_infer_time: datetime
    end_infer_time: datetime
    said: str
    result_value: float | None
    rows: int
    window_revision: int
    detail: str
    has_histograms: bool


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """That an incident went from one state to another (`before` "": there was none), and why, where that has
    to be said; `window` is the start of the window that it came of."""

    at: datetime
    before: str
    after: str
    status: str
    window: datetime
    why: str


@dataclass(frozen=True, slots=True)
class IncidentHistory:
    """One incident with its events in order, and its newest windows, the newest first."""

    incident: Incident
    events: tuple[IncidentEvent, ...]
    windows: tuple[IncidentWindow, ...]


def open_alarms(
    connection: Connection, settings: Settings, endpoint_ids: Collection[str] | None
) -> dict[str, list[Alarm]]:
    """Of each of these endpoints (None: all) what is open and was raised, the oldest first."""
    names = (
        "endpoint_id", "application_name", "result_name", "status", "value", "detail", "kind", "incident_id",
        "first_us",
    )  # fmt: skip
    query = (
        select(*(incidents.c[name] for name in names))
        .where(incidents.c.resolved_us.is_(None), incidents.c.state != IncidentState.PENDING.value)
        .order_by(incidents.c.incident_id)
    )
    found: dict[str, list[Alarm]] = {}
    for part in of_endpoints(query, incidents.c.endpoint_id, endpoint_ids):
        for row in connection.execute(part):
            state = STATUS[row.status] if row.result_name else FAILED
            alarm = Alarm(
                row.application_name, row.result_name, state, row.value,
                shown_extra(settings, row.detail), row.kind, row.incident_id, row.first_us,
            )  # fmt: skip
            found.setdefault(row.endpoint_id, []).append(alarm)
    return found


def history_of(
    connection: Connection, settings: Settings, incident_id: int, limit: int = MOST
) -> IncidentHistory | None:
    """One incident with its history; None when there is none of this number."""
    row = connection.execute(joined().where(incidents.c.incident_id == incident_id)).one_or_none()
    if row is None:
        return None
    events = (
        select(incident_events)
        .where(incident_events.c.incident_id == incident_id)
        .order_by(incident_events.c.event_id.desc())
        .limit(limit)
    )
    windows = _windows(row).order_by(incident_windows.c.start_us.desc()).limit(limit)
    return IncidentHistory(
        as_shown(settings, row),
        tuple(map(_event, reversed(connection.execute(events).all()))),
        tuple(_window(settings, each) for each in connection.execute(windows)),
    )


def histograms_of(
    connection: Connection, settings: Settings, incident_id: int, start: datetime
) -> dict[str, Any]:
    """The statistics, by name, that are kept of one window of an incident; {} where none are. For the
    page of an incident, which draws what raised it."""
    row = connection.execute(joined().where(incidents.c.incident_id == incident_id)).one_or_none()
    if row is None:
        return {}
    query = _windows(row).where(incident_windows.c.start_us == to_us(start))
    found = connection.execute(query.with_only_columns(incident_windows.c.stats)).scalar_one_or_none()
    kept: dict[str, Any] = msgspec.json.decode(found) if found else {}
    return {name: without_private(settings, each) for name, each in kept.items()}


def joined() -> Select[Any]:
    """The rows of incidents, each with the name of its endpoint; `as_shown` makes one of a row."""
    same = endpoints.c.endpoint_id == incidents.c.endpoint_id
    return select(incidents, endpoints.c.name).outerjoin(endpoints, same)


def _windows(row: Row[Any]) -> Select[Any]:
    is_key = (incident_windows.c[name] == getattr(row, name) for name in IncidentKey._fields)
    return select(incident_windows).where(
        *is_key, incident_windows.c.start_us.between(row.first_us, row.last_us)
    )


def as_shown(settings: Settings, row: Row[Any]) -> Incident:
    """An incident of a row of `joined`, without the names and scores of private columns."""
    worst = 2 if row.detected or row.rule == APP_FAILED else 1
    return Incident(
        row.incident_id, row.rule, event_kind(row.rule, row.kind, worst), severity(worst), row.state,
        row.reason, STATUS[row.status], row.endpoint_id, row.name or row.endpoint_id, row.application_name,
        row.result_name, row.value, shown_extra(settings, row.detail), from_us(row.first_us),
        _moment(row.detected_us), from_us(row.last_us), _moment(row.ended_us), row.windows, row.detected,
        from_us(row.raised_us), from_us(row.changed_us), _moment(row.resolved_us),
    )  # fmt: skip


def _window(settings: Settings, row: Row[Any]) -> IncidentWindow:
    said = "partial" if row.said == "partly" else row.said
    return IncidentWindow(
        from_us(row.start_us), from_us(row.end_us), said, row.value, row.rows, row.revision,
        shown_extra(settings, row.detail), bool(row.stats),
    )  # fmt: skip


def _event(row: Row[Any]) -> IncidentEvent:
    return IncidentEvent(
        from_us(row.at_us), row.before, row.after, STATUS[row.status], from_us(row.window_us), row.why
    )


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else from_us(microseconds)


def _words(name: str, value: float | None, detail: str, *marks: str) -> str:
    if not name or value is None:  # an app that failed
        return first_line(detail)
    partly = [PARTLY] * (extra_data(detail).get("state") == PARTLY)
    return words(name, value, detail, *partly, *marks)
