"""What tests read of tables that no view and no reader of the ledger shows: who changes one changes this."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from modelmon.ledger.actuals_schema import actual_counts
from modelmon.ledger.endpoint_apps import COUNTERS
from modelmon.ledger.incident_schema import incident_events, incident_windows, incidents, watches
from modelmon.ledger.schema import app_stats, dirty, endpoint_apps, files, judged, traffic, verdicts, windows

Rows = Sequence[Row[Any]]


def listed_files(connection: Connection) -> Rows:
    """In the order of their hours."""
    return connection.execute(select(files).order_by(files.c.hour_us, files.c.path)).all()


def listed_paths(connection: Connection) -> list[str]:
    return sorted(row.path for row in listed_files(connection))


def news(connection: Connection) -> list[tuple[str, int]]:
    """Endpoints and minutes that the controller has not noticed."""
    query = select(dirty.c.endpoint_id, dirty.c.minute_us).order_by(dirty.c.endpoint_id, dirty.c.minute_us)
    return [tuple(row) for row in connection.execute(query)]


def all_windows(connection: Connection) -> Rows:
    key = (windows.c.endpoint_id, windows.c.application_name, windows.c.start_us)
    return connection.execute(select(windows).order_by(*key)).all()


def all_traffic(connection: Connection) -> Rows:
    return connection.execute(select(traffic).order_by(traffic.c.endpoint_id)).all()


def newest_verdicts(connection: Connection) -> Rows:
    return connection.execute(
        select(verdicts).order_by(verdicts.c.endpoint_id, verdicts.c.application_name, verdicts.c.name)
    ).all()


def newest_stats(connection: Connection) -> list[tuple[str, Any, int, int]]:
    """Name, statistics, start and time of each."""
    found = connection.execute(select(app_stats).order_by(app_stats.c.endpoint_id, app_stats.c.name))
    return [(row.name, json.loads(row.stats), row.start_us, row.timestamp_us) for row in found]


def apps_of_endpoints(connection: Connection) -> Rows:
    return connection.execute(select(endpoint_apps).order_by(endpoint_apps.c.endpoint_id)).all()


def counts_of_apps(connection: Connection) -> set[tuple[Any, ...]]:
    """Endpoint, app and its counts, where there are any."""
    columns = [endpoint_apps.c[name] for name in COUNTERS]
    query = select(endpoint_apps.c.endpoint_id, endpoint_apps.c.application_name, *columns)
    return {tuple(row) for row in connection.execute(query.where(or_(*(each != 0 for each in columns))))}


def all_judged(connection: Connection) -> Rows:
    return connection.execute(select(judged)).all()


def all_incident_events(connection: Connection) -> Rows:
    return connection.execute(select(incident_events).order_by(incident_events.c.event_id)).all()


def all_incidents(connection: Connection) -> Rows:
    return connection.execute(select(incidents).order_by(incidents.c.incident_id)).all()


def all_watches(connection: Connection) -> Rows:
    return connection.execute(select(watches)).all()


def evidence(connection: Connection) -> Rows:
    """Windows that incidents keep, in their order."""
    return connection.execute(select(incident_windows).order_by(incident_windows.c.start_us)).all()


def counts_of_actuals(connection: Connection) -> list[tuple[int, ...]]:
    """Received, stored, waiting and expired of each endpoint."""
    columns = (actual_counts.c[name] for name in ("received", "stored", "waiting", "expired"))
    return [tuple(row) for row in connection.execute(select(*columns).order_by(actual_counts.c.endpoint_id))]
