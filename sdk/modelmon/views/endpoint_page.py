"""One endpoint as a person looks at it: history, traffic, windows, its features before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from modelmon.ledger import registry
from modelmon.model import WindowKey, from_us, to_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.acknowledged_points import read_windows
from modelmon.stores.series.base import SeriesStore
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointSummary, find_endpoint
from modelmon.views.features import FeatureView
from modelmon.views.history import Line, lines_of
from modelmon.views.incident_lists import ended_incidents, open_incidents
from modelmon.views.incidents import Incident
from modelmon.views.newest_features import read_newest_features
from modelmon.views.traffic import TrafficBucket, read_traffic_buckets
from modelmon.views.windows import WindowView, list_windows

BUCKETS = 60


@dataclass(frozen=True, slots=True)
class EndpointView:
    """What `modelmon endpoint` shows. `windows`, the newest first; `history`, a line for each metric and
    result over these windows; `traffic` in the time from the first of them on; `features` in the newest
    window that was judged whole, the most changed first, and the start of a `newer` one that is not whole;
    `incidents`, open ones first."""

    project: str
    now: datetime
    endpoint: EndpointSummary
    history: tuple[Line, ...]
    traffic: tuple[TrafficBucket, ...]
    windows: tuple[WindowView, ...]
    features: tuple[FeatureView, ...]
    newer: datetime | None
    incidents: tuple[Incident, ...]


def read_endpoint(
    database: Database, series: SeriesStore, settings: Settings, name: str, now_us: int, limit: int
) -> EndpointView:
    """What there is of the endpoint of this name or id, of each app its newest `limit` windows.

    Raises ConfigError for a name that nothing or several things have.
    """
    with database.read() as connection:
        summary = find_endpoint(connection, Looking(now_us, settings), name)
        endpoint_id = summary.endpoint_id
        windows = [
            window
            for app in registry.active_apps(connection)
            for window in list_windows(connection, settings, endpoint_id, app.name, limit=limit).windows
        ]
        ids = [endpoint_id]
        incidents = (*open_incidents(connection, settings, ids), *ended_incidents(connection, settings, ids))
    now = read_newest_features(database, series, settings, endpoint_id, now_us)
    keys = [WindowKey(endpoint_id, each.application_name, to_us(each.start_infer_time)) for each in windows]
    windows.sort(key=lambda each: each.start_infer_time, reverse=True)
    return EndpointView(
        settings.project, from_us(now_us), summary,
        lines_of(read_windows(database, series, keys)), _traffic(database, series, summary, windows),
        tuple(windows), now.features, now.newer, incidents,
    )  # fmt: skip


def _traffic(
    database: Database, series: SeriesStore, endpoint: EndpointSummary, windows: Sequence[WindowView]
) -> tuple[TrafficBucket, ...]:
    if endpoint.first_request is None or endpoint.last_request is None:
        return ()
    starts = [window.start_infer_time for window in windows] or [endpoint.first_request]
    end = endpoint.last_request + timedelta(minutes=1)
    return read_traffic_buckets(database, series, endpoint.endpoint_id, min(starts), end, most=BUCKETS)
