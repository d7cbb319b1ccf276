"""A project at one look: how many endpoints are how, what comes in, what is open and what is behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, case, func, or_, select

from modelmon.incidents import IncidentState
from modelmon.ledger import dead_letters
from modelmon.ledger.incident_schema import incidents
from modelmon.model import from_us, to_us
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.drift_over_time import DriftBin, read_drift_over_time
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoint_rows import EndpointRows, read_endpoint_rows
from modelmon.views.endpoints import EndpointPage, EndpointQuery, list_endpoints
from modelmon.views.lag import Lagging, UnknownLag, read_lag
from modelmon.views.recent_traffic import RecentTraffic, read_recent_of_all
from modelmon.views.silence import Silence, read_silence


@dataclass(frozen=True, slots=True)
class Overview:
    """What stands above the list. `by_state` counts endpoints, the worst state first; `recent`: the traffic
    of the last minutes before the end of the time shown; `drift`: the endpoints suspected and detected over
    that time; `lag_messages`: not read yet by who reads them, without the streams that are `unavailable`;
    `dead_letters`: not sent again yet; `alerts`: incidents with bad windows in that time, ended or not;
    `silence`: nobody at all is heard, though some are expected."""

    project: str
    now: datetime
    endpoints: int
    by_state: Mapping[str, int]
    open_incidents: int
    recent: RecentTraffic
    drift: tuple[DriftBin, ...]
    lag_messages: int
    unavailable: tuple[UnknownLag, ...]
    dead_letters: int
    alerts: int
    silence: Silence | None = None


def read_overview(
    database: Database,
    series: SeriesStore,
    streams: Mapping[str, Lagging],
    looking: Looking,
    start: datetime,
    end: datetime,
) -> Overview:
    """The whole project; the time shown is `[start, end)`. `streams` is consumer group to the stream it
    reads."""
    with database.read() as connection:
        page = list_endpoints(connection, looking, EndpointQuery(limit=1))
    return _overview(database, series, streams, looking, (start, end), page)


def read_home(
    database: Database,
    series: SeriesStore,
    streams: Mapping[str, Lagging],
    looking: Looking,
    query: EndpointQuery,
    start: datetime,
    end: datetime,
) -> tuple[Overview, EndpointRows]:
    """The overview and a page of the list, for one reading of the endpoints: `by_state` counts those that the
    filters on anything but the state let through."""
    rows = read_endpoint_rows(database, series, looking, query, end)
    return _overview(database, series, streams, looking, (start, end), rows.page), rows


def _overview(
    database: Database,
    series: SeriesStore,
    streams: Mapping[str, Lagging],
    looking: Looking,
    span: tuple[datetime, datetime],
    page: EndpointPage,
) -> Overview:
    with database.read() as connection:
        drift = read_drift_over_time(connection, *span)
        still, alerts = _count_alerts(connection, *map(to_us, span))
        letters = dead_letters.count(connection, dead_letters.Chosen(resent=False))
        silence = read_silence(connection)
    lags, unknown = read_lag(streams, looking.settings)
    return Overview(
        looking.settings.project, from_us(looking.now_us), page.total, page.chips, still,
        read_recent_of_all(database, series, span[1]), drift, sum(each.lag for each in lags), unknown,
        letters, alerts, silence,
    )  # fmt: skip


def _count_alerts(connection: Connection, start_us: int, end_us: int) -> tuple[int, int]:
    """Those that are open, and those of this time. One ends after its last window: what was resolved before
    has none in this time."""
    is_open = incidents.c.resolved_us.is_(None)
    is_then = and_(incidents.c.first_us < end_us, incidents.c.last_us >= start_us)
    query = select(*(func.sum(case((each, 1), else_=0)) for each in (is_open, is_then))).where(
        incidents.c.state != IncidentState.PENDING.value, or_(is_open, incidents.c.resolved_us >= start_us)
    )
    found = connection.execute(query).one()
    return int(found[0] or 0), int(found[1] or 0)
