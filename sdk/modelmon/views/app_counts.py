"""What each app found in a time, counted over all endpoints; and what it found last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, case, func, or_, select

from modelmon.incidents import RESULT_STATUS
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.schema import endpoint_apps
from modelmon.model import ValuePoint, to_us
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.newest_windows import newest_done, values_of


@dataclass(frozen=True, slots=True)
class AppCounts:
    """Incidents that had bad windows in the time, by what they were at worst in it, and endpoints with a
    window that was judged since its start."""

    detected: int = 0
    suspected: int = 0
    endpoints: int = 0


def count_by_app(connection: Connection, start: datetime, end: datetime) -> dict[str, AppCounts]:
    """Of windows that start in `[start, end)`, by app; one that did nothing in this time is not there."""
    start_us, end_us = to_us(start), to_us(end)
    was_detected = and_(incidents.c.detected_us.is_not(None), incidents.c.detected_us < end_us)
    bad = select(
        incidents.c.application_name, func.sum(case((was_detected, 1), else_=0)), func.count()
    ).where(
        incidents.c.rule == RESULT_STATUS,
        # An incident ends after its last window: what was ended before has none in this time.
        or_(incidents.c.resolved_us.is_(None), incidents.c.resolved_us >= start_us),
        incidents.c.last_us >= start_us,
        incidents.c.first_us < end_us,
    )
    app = endpoint_apps.c.application_name
    done = select(app, func.count()).where(endpoint_apps.c.analyzed_us > start_us).group_by(app)
    found = {
        name: (int(detected), int(every))
        for name, detected, every in connection.execute(bad.group_by(incidents.c.application_name))
    }
    judged = {name: int(many) for name, many in connection.execute(done)}
    return {name: _counts(*found.get(name, (0, 0)), judged.get(name, 0)) for name in {*found, *judged}}


def _counts(detected: int, every: int, endpoints: int) -> AppCounts:
    return AppCounts(detected, every - detected, endpoints)


def newest_of_app(database: Database, series: SeriesStore, app: str) -> Sequence[ValuePoint]:
    """The metrics and results of the newest window that the app has judged, of whichever endpoint."""
    newest = (
        select(endpoint_apps.c.endpoint_id)
        .where(endpoint_apps.c.application_name == app, endpoint_apps.c.analyzed_us.is_not(None))
        .order_by(endpoint_apps.c.analyzed_us.desc(), endpoint_apps.c.endpoint_id)
        .limit(1)
    )
    with database.read() as connection:
        endpoint_id = connection.scalar(newest)
        found = [] if endpoint_id is None else newest_done(connection, [endpoint_id], 1)
    return values_of(series, [each for each in found if each.key.application_name == app])
