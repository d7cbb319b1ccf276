"""Incidents of the past: found in windows that had long ended when they were judged, and told to nobody.

What lies between the end of the newest bad window and the raising says so. So an incident that goes on into
the present is one of the past no longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from modelmon.ledger.incident_rows import KEY
from modelmon.ledger.incident_schema import incident_windows, incidents
from modelmon.ledger.notify_settings import NotifySettings
from modelmon.model import DAY_US, ResultKindApp
from modelmon.settings import Settings
from modelmon.sql.statements import chunks

LATE_KINDS = ResultKindApp.concept_drift, ResultKindApp.model_performance
"""Judged by actuals, which may come long after the predictions."""
LAST_END = (
    select(func.max(incident_windows.c.end_us))
    .where(
        *(incident_windows.c[name] == incidents.c[name] for name in KEY),
        incident_windows.c.start_us == incidents.c.last_us,
    )
    .correlate(incidents)
    .scalar_subquery()
    .label("last_end_us")
)
"""When the newest bad window of an incident ended; null where its evidence is not kept."""


def is_historical(settings: Settings, row: Row[Any]) -> bool:
    """Of a row of incidents with `LAST_END`."""
    limit_us = _limits_us(settings)[row.kind in LATE_KINDS]
    ended_us = row.last_us if row.last_end_us is None else row.last_end_us
    return bool(limit_us) and row.raised_us - ended_us > limit_us


def is_of_now(settings: Settings) -> ColumnElement[bool]:
    """The condition that an incident is not one of the past."""
    soon_us, late_us = (each or 2**62 for each in _limits_us(settings))
    limit_us = case((incidents.c.kind.in_([int(each) for each in LATE_KINDS]), late_us), else_=soon_us)
    return incidents.c.raised_us - func.coalesce(LAST_END.element, incidents.c.last_us) <= limit_us


def historical(connection: Connection, settings: Settings, incident_ids: Iterable[int]) -> set[int]:
    """Which of these incidents are of the past."""
    found: set[int] = set()
    for some in chunks(sorted(set(incident_ids))):
        query = select(incidents, LAST_END).where(incidents.c.incident_id.in_(some))
        found |= {row.incident_id for row in connection.execute(query) if is_historical(settings, row)}
    return found


def _limits_us(settings: Settings) -> tuple[int, int]:
    """After how long a window is of the past, and after how long one that is judged by actuals; 0: never."""
    notify = settings.of(NotifySettings)
    return round(notify.historical_days * DAY_US), round(notify.historical_actuals_days * DAY_US)
