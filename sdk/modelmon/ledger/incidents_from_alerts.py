"""A step of the schema: the alerts of before, one a window, become the incidents that they were of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, MetaData, Row, Table, inspect, select

from modelmon.incidents import (
    APP_FAILED,
    RESULT_STATUS,
    Course,
    IncidentKey,
    IncidentState,
    Said,
    Watch,
    WindowFinding,
)
from modelmon.incidents.episodes import Episode, episodes
from modelmon.ledger.incident_rows import insert_incident, watch_values
from modelmon.ledger.incident_schema import incident_events, incident_windows, watches
from modelmon.model import ResultKindApp

_WINDOW_US = 600_000_000
"""How long a window is taken to be that the ledger has no more."""
_PLACE = ("endpoint_id", "application_name", "name")


def incidents_from_alerts(connection: Connection) -> None:
    """Turn the rows of the old table into incidents, open ones into open ones, and drop it."""
    if not inspect(connection).has_table("alerts"):
        return
    alerts = Table("alerts", MetaData(), autoload_with=connection)
    rows = connection.execute(select(alerts).order_by(*(alerts.c[name] for name in (*_PLACE, "start_us"))))
    for place, found in groupby(rows.all(), key=lambda row: tuple(getattr(row, name) for name in _PLACE)):
        rule = APP_FAILED if place[2] == "" else RESULT_STATUS
        _keep(connection, IncidentKey(rule, *place), [*_groups([*found])])
    alerts.drop(connection)


def _groups(rows: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
    """The alerts of one incident each: one goes on when the next was raised before the last was resolved."""
    group: list[Row[Any]] = []
    for row in rows:
        last = group[-1].resolved_us if group else None
        if group and last is not None and last < row.raised_us:
            yield group
            group = []
        group.append(row)
    yield group


def _keep(connection: Connection, key: IncidentKey, groups: Sequence[Sequence[Row[Any]]]) -> None:
    ends = _ends(connection, key)
    for group in groups:
        course = _course(group, ends)
        (episode,) = episodes(course.runs)
        is_open = any(row.resolved_us is None for row in group)
        _insert(connection, key, group, episode, is_open, ends)
    # What ended changes no more: of the calm windows that ended it nothing is known.
    watch = Watch(course if is_open else Course(), course.runs[0 if is_open else -1].first_us + (not is_open))
    connection.execute(watches.insert(), [watch_values(key, watch)])


def _ends(connection: Connection, key: IncidentKey) -> dict[int, int]:
    windows = Table("windows", MetaData(), autoload_with=connection)
    query = select(windows.c.start_us, windows.c.end_us).where(
        windows.c.endpoint_id == key.endpoint_id, windows.c.application_name == key.application_name
    )
    return {row.start_us: row.end_us for row in connection.execute(query)}


def _course(group: Sequence[Row[Any]], ends: dict[int, int]) -> Course:
    course = Course()
    for row in group:
        end_us = ends.get(row.start_us, row.start_us + _WINDOW_US)
        course = course.note(WindowFinding(row.start_us, end_us, _said(row), row.revision))
    return course


def _said(row: Row[Any]) -> Said:
    return Said.SUSPECTED if row.kind.endswith("-suspected") else Said.DETECTED


def _kind(row: Row[Any]) -> int:
    name = row.kind.rpartition("-")[0].replace("-", "_")
    return ResultKindApp[name] if name in ResultKindApp.__members__ else ResultKindApp.mm_app_anomaly


def _insert(
    connection: Connection,
    key: IncidentKey,
    group: Sequence[Row[Any]],
    episode: Episode,
    is_open: bool,
    ends: dict[int, int],
) -> None:
    worst = max(group, key=lambda row: (_said(row), row.value or 0.0))
    raised_us, state = (
        min(row.raised_us for row in group),
        episode.state if is_open else IncidentState.RESOLVED,
    )
    resolved_us = None if is_open else max(row.resolved_us for row in group)
    values = {
        **key._asdict(), "kind": _kind(worst), "state": state.value, "reason": "" if is_open else "calm",
        "status": episode.status, "first_us": episode.first_us, "last_us": episode.last_us,
        "detected_us": episode.detected_us, "ended_us": None, "windows": episode.windows,
        "detected": episode.detected, "worst_us": worst.start_us, "value": worst.value,
        "detail": worst.detail, "raised_us": raised_us, "changed_us": resolved_us or group[-1].raised_us,
        "resolved_us": resolved_us,
    }  # fmt: skip
    incident_id = insert_incident(connection, values)
    events = [("", "raised", raised_us, group[0].start_us, "")]
    if resolved_us is not None:
        events.append(("raised", "resolved", resolved_us, group[-1].start_us, "calm"))
    connection.execute(
        incident_events.insert(),
        [
            {
                "incident_id": incident_id, "at_us": at_us, "before": before,
                "after": after, "status": episode.status, "window_us": window_us, "why": why,
            }
            for before, after, at_us, window_us, why in events
        ],
    )  # fmt: skip
    connection.execute(
        incident_windows.insert(),
        [
            {
                **key._asdict(), "start_us": row.start_us,
                "end_us": ends.get(row.start_us, row.start_us + _WINDOW_US),
                "said": _said(row).name.lower(), "value": row.value, "rows": 0, "revision": row.revision,
                "detail": row.detail, "stats": "",
            }
            for row in group
        ],
    )  # fmt: skip
