"""What each app has done over all endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from modelmon.ledger import registry
from modelmon.ledger.endpoint_apps import COUNTERS
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.schema import endpoint_apps
from modelmon.ledger.window_ledger import project_period
from modelmon.model import from_us
from modelmon.settings import Settings


@dataclass(frozen=True, slots=True)
class AppWindows:
    """Windows that came to rest: `done` and `failed` ones; of those done how many stood on parts or too few
    rows. `base_period` is in minutes; `suspected`, `detected` and `failing`: open incidents."""

    name: str
    is_active: bool
    base_period: int
    endpoints: int
    done: int
    failed: int
    partial: int
    incomplete: int
    warming_up: int
    no_data: int
    last_analyzed: datetime | None
    suspected: int
    detected: int
    failing: int


def windows_by_state(connection: Connection, settings: Settings) -> tuple[AppWindows, ...]:
    """Every app that is registered or has windows, by name; a row of each endpoint and app is read."""
    minutes = project_period(connection, settings.base_period)
    active = {app.name: app.base_period or minutes for app in registry.active_apps(connection)}
    name = endpoint_apps.c.application_name
    sums = [func.coalesce(func.sum(endpoint_apps.c[each]), 0).label(each) for each in COUNTERS]
    query = select(name, func.count(), func.max(endpoint_apps.c.analyzed_us), *sums).group_by(name)
    found = {row[0]: row for row in connection.execute(query)}
    alarms = _open(connection)
    return tuple(
        _of(app, found.get(app), active.get(app), minutes, alarms.get(app, (0, 0, 0)))
        for app in sorted({*active, *found})
    )


def _of(
    app: str, row: tuple[object, ...] | None, period: int | None, minutes: int, alarms: tuple[int, int, int]
) -> AppWindows:
    endpoints, newest_us, *counts = row[1:] if row is not None else (0, None, *[0] * len(COUNTERS))
    analyzed = None if newest_us is None else from_us(int(str(newest_us)))
    done, failed, partial, incomplete, warming_up, no_data = (int(str(each)) for each in counts)
    return AppWindows(
        app, period is not None, period or minutes, int(str(endpoints)), done, failed, partial, incomplete,
        warming_up, no_data, analyzed, *alarms,
    )  # fmt: skip


def _open(connection: Connection) -> dict[str, tuple[int, int, int]]:
    """App to its open incidents: suspected, detected, and of the app itself."""
    keys = (incidents.c.application_name, incidents.c.status, incidents.c.result_name == "")
    query = select(*keys, func.count()).where(incidents.c.resolved_us.is_(None)).group_by(*keys)
    found: dict[str, list[int]] = {}
    for app, status, is_failure, many in connection.execute(query):
        counts = found.setdefault(app, [0, 0, 0])
        counts[2 if is_failure else max(0, status - 1)] += many
    return {app: (counts[0], counts[1], counts[2]) for app, counts in found.items()}
