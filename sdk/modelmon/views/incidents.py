"""Incidents as they are shown, and the history of one; `incident_lists.py` reads many."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, not_, or_, select

from modelmon.incidents import IncidentKey, IncidentState, event_kind, function_of, is_failure, severity
from modelmon.ledger.historical import LAST_END, is_historical
from modelmon.ledger.incident_schema import incident_events, incident_windows, incidents
from modelmon.ledger.schema import endpoints
from modelmon.model import from_us, to_us
from modelmon.private_columns import shown_extra, without_private
from modelmon.settings import Settings
from modelmon.views.results_in_words import beginning, extra_data, first_line, words
from modelmon.views.selection import of_endpoints
from modelmon.views.verdicts import PARTLY
from modelmon.windows import FAILED

MOST = 1000
"""So many incidents, or windows of one, are read at once."""
STATUS = {0: "", 1: "suspected", 2: "detected"}


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """That a person said of an incident that it was none, and why ("": they did not say)."""

    who: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """That somebody is at an incident, since when, until when at most (None: until it is over or worse)."""

    who: str
    at: datetime
    note: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble, however many windows it lasts.

    `kind` is MLRun's name of it and `severity` how bad it was, by its worst window, which `result_value` and
    `detail` (the result's extra data, as JSON, or the app's error) are of; `status` is the newest word:
    suspected or detected. `first`, `first_detected` and `last` are starts of windows that were found bad,
    `ended` the start of the calm one; `windows` counts the bad ones, `detected_windows` those that were
    detected. `raised`, `changed` and `resolved` are moments of the wall clock. `false_alarm`: None where
    nobody said that it was one; `acknowledged`: None where nobody is at it. `silenced` says who has silenced
    it now and what else that hits, where it is shown by itself or in a list; "" where nobody has.
    `historical`: its windows had long ended when they were judged, so nobody was told. `function_name` is
    the function that it is of, where it is of no endpoint.
    `flapping`: start of the window since which it comes and goes, and is held open until it is calm, or None.
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
    false_alarm: FalseAlarm | None = None
    acknowledged: Acknowledged | None = None
    silenced: str = ""
    historical: bool = False
    function_name: str = ""
    flapping: datetime | None = None

    @property
    def worst(self) -> str:
        """What was found in its worst window: suspected, detected, or failed where an app failed."""
        if is_failure(self.application_name, self.result_name):
            return FAILED
        return STATUS[2] if self.detected_windows else STATUS[1]

    @property
    def since(self) -> datetime:
        """Since when it is so: of a silence the newest request, of what an app has found its first window."""
        return beginning(extra_data(self.detail)) or self.first

    @property
    def stands(self) -> str:
        """Its state, and whether it comes and goes."""
        is_held = self.flapping is not None and self.resolved is None
        return f"{self.state}, flapping" if is_held else self.state

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


def is_worst(status: int) -> ColumnElement[bool]:
    """What an incident's worst window said: 2 detected, or that its app failed; 1 suspected."""
    detected = or_(incidents.c.detected > 0, of_failures())
    return detected if status == 2 else not_(detected)


def of_failures() -> ColumnElement[bool]:
    """Incidents of apps that failed."""
    return and_(incidents.c.application_name != "", incidents.c.result_name == "")


def joined() -> Select[Any]:
    """The rows of incidents, each with the name of its endpoint; `as_shown` makes one of a row."""
    same = endpoints.c.endpoint_id == incidents.c.endpoint_id
    return select(incidents, LAST_END, endpoints.c.name).outerjoin(endpoints, same)


def _windows(row: Row[Any]) -> Select[Any]:
    is_key = (incident_windows.c[name] == getattr(row, name) for name in IncidentKey._fields)
    return select(incident_windows).where(
        *is_key, incident_windows.c.start_us.between(row.first_us, row.last_us)
    )


def as_shown(settings: Settings, row: Row[Any]) -> Incident:
    """An incident of a row of `joined`, without the names and scores of private columns."""
    failure = is_failure(row.application_name, row.result_name)
    worst = 2 if row.detected or failure else 1
    function = function_of(row.application_name)
    return Incident(
        row.incident_id, row.rule, event_kind(failure, row.kind, worst), row.severity or severity(worst),
        row.state, row.reason, STATUS[row.status], row.endpoint_id,
        row.name or row.endpoint_id or row.application_name or f"project {settings.project}",
        "" if function else row.application_name, row.result_name, row.value,
        shown_extra(settings, row.detail),
        from_us(row.first_us),
        _moment(row.detected_us), from_us(row.last_us), _moment(row.ended_us), row.windows, row.detected,
        from_us(row.raised_us), from_us(row.changed_us), _moment(row.resolved_us),
        _false_alarm(row), _acknowledged(row), "", is_historical(settings, row), function,
        _moment(row.flapping_us),
    )  # fmt: skip


def _acknowledged(row: Row[Any]) -> Acknowledged | None:
    if row.acked_us is None:
        return None
    return Acknowledged(
        row.acked_by, from_us(row.acked_us), row.acked_note or "", _moment(row.acked_until_us)
    )


def _false_alarm(row: Row[Any]) -> FalseAlarm | None:
    marked_us = row.marked_us
    return None if marked_us is None else FalseAlarm(row.marked_by, from_us(marked_us), row.marked_note)


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
