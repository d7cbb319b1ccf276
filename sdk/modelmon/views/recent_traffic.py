"""What came in a short while ago, summed up: of each endpoint, or of all together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from modelmon.ledger.schema import traffic
from modelmon.model import MINUTE_US, TrafficPoint, from_us, to_us
from modelmon.sql.database import Database
from modelmon.stores.series.acknowledged_points import read_traffic
from modelmon.stores.series.base import SeriesStore
from modelmon.views.traffic import percentile_us

MINUTES, OF_ALL = 10, 5
"""So many are summed up of each endpoint of a page, and of all endpoints."""


@dataclass(frozen=True, slots=True)
class RecentTraffic:
    """What came in from `start` on until `end`: `requests` were answered, `errors` were not; both are in
    `requests_per_minute`. `error_share` is None where there was neither, `p95_ms` where no request told how
    long it took."""

    start: datetime
    end: datetime
    requests: int
    rows: int
    errors: int
    requests_per_minute: float
    error_share: float | None
    p95_ms: float | None


def read_recent(
    database: Database,
    series: SeriesStore,
    endpoint_ids: Collection[str] | None,
    end: datetime,
    minutes: int = MINUTES,
) -> dict[str, RecentTraffic]:
    """Of these endpoints (None: all), those with traffic in the `minutes` before `end`, which count whole."""
    start_us, end_us = _span(end, minutes)
    ids = _with_requests(database, start_us) if endpoint_ids is None else endpoint_ids
    points: dict[str, list[TrafficPoint]] = {}
    for point in read_traffic(database, series, ids, start_us, end_us):
        points.setdefault(point.endpoint_id, []).append(point)
    return {each: _summed(some, start_us, end_us) for each, some in points.items()}


def read_recent_of_all(
    database: Database, series: SeriesStore, end: datetime, minutes: int = OF_ALL
) -> RecentTraffic:
    """Of the whole project."""
    start_us, end_us = _span(end, minutes)
    ids = _with_requests(database, start_us)
    return _summed(read_traffic(database, series, ids, start_us, end_us), start_us, end_us)


def _span(end: datetime, minutes: int) -> tuple[int, int]:
    end_us = -(-to_us(end) // MINUTE_US) * MINUTE_US
    return end_us - minutes * MINUTE_US, end_us


def _with_requests(database: Database, since_us: int) -> list[str]:
    query = select(traffic.c.endpoint_id).where(traffic.c.last_request_us >= since_us)
    with database.read() as connection:
        return [*connection.scalars(query)]


def _summed(points: Iterable[TrafficPoint], start_us: int, end_us: int) -> RecentTraffic:
    requests = rows = errors = timed = highest_us = 0
    bins: list[int] = []
    for point in points:
        requests += point.predictions
        rows += point.rows
        errors += point.errors
        timed += point.latency_count
        highest_us = max(highest_us, point.latency_us_max)
        bins += [0] * (len(point.latency_us_histogram) - len(bins))
        for place, many in enumerate(point.latency_us_histogram):
            bins[place] += many
    every = requests + errors
    return RecentTraffic(
        from_us(start_us), from_us(end_us), requests, rows, errors,
        every / ((end_us - start_us) / MINUTE_US), errors / every if every else None,
        percentile_us(bins, 0.95, highest_us) / 1_000 if timed else None,
    )  # fmt: skip
