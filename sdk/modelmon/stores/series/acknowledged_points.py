"""Reading series: the ledger says which revisions and batches count, the store has their points."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from modelmon.ledger.acknowledged import Acknowledged, acknowledged, acknowledged_between
from modelmon.ledger.batches import void_ranges
from modelmon.model import MINUTE_US, TrafficPoint, ValuePoint, WindowFeatures, WindowKey
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore

PAGE = 5_000
"""Windows of one page when nobody says how many."""


@dataclass(frozen=True, slots=True)
class ValuePage:
    """Points of some windows, and where the next page begins; None: there is none."""

    points: list[ValuePoint]
    after: WindowKey | None


@dataclass(frozen=True, slots=True)
class FeaturePage:
    """How features looked in some windows, and where the next page begins; None: there is none."""

    windows: list[WindowFeatures]
    after: WindowKey | None


def read_windows(
    database: Database,
    series: SeriesStore,
    keys: Iterable[WindowKey],
    names: Collection[str] | None = None,
) -> list[ValuePoint]:
    """Metrics and results of these windows, by endpoint, app, start and name."""
    with database.read() as connection:
        counting = acknowledged(connection, keys)
    return series.read_values(counting, names)


def read_values(
    database: Database,
    series: SeriesStore,
    endpoint_ids: Collection[str],
    start_us: int,
    end_us: int,
    application_name: str | None = None,
    names: Collection[str] | None = None,
    *,
    limit: int = PAGE,
    after: WindowKey | None = None,
) -> ValuePage:
    """Metrics and results of the first `limit` windows that start in [start, end), by endpoint, app, start
    and name; of those after `after`, where the page before ended."""
    with database.read() as connection:
        counting = acknowledged_between(
            connection, endpoint_ids, start_us, end_us, application_name, limit=limit, after=after
        )
    return ValuePage(series.read_values(counting, names), _next(counting, limit))


def read_all_values(
    database: Database,
    series: SeriesStore,
    endpoint_ids: Collection[str],
    start_us: int,
    end_us: int,
    application_name: str | None = None,
    names: Collection[str] | None = None,
) -> Iterator[ValuePoint]:
    """As `read_values`, page after page."""
    after = None
    while True:
        page = read_values(
            database, series, endpoint_ids, start_us, end_us, application_name, names, after=after
        )
        yield from page.points
        if (after := page.after) is None:
            return


def read_feature_history(
    database: Database,
    series: SeriesStore,
    endpoint_id: str,
    application_name: str,
    start_us: int,
    end_us: int,
    names: Collection[str] | None = None,
    *,
    limit: int = PAGE,
    after: WindowKey | None = None,
) -> FeaturePage:
    """How features (all, or those of `names`) looked in the first `limit` windows that start in
    [start, end), the oldest first; in those after `after`, where the page before ended."""
    with database.read() as connection:
        counting = acknowledged_between(
            connection, [endpoint_id], start_us, end_us, application_name, limit=limit, after=after
        )
    return FeaturePage(series.read_features(counting, names), _next(counting, limit))


def read_traffic(
    database: Database,
    series: SeriesStore,
    endpoint_ids: Collection[str],
    start_us: int,
    end_us: int,
    bucket_us: int = MINUTE_US,
) -> list[TrafficPoint]:
    """One point per endpoint and bucket with traffic in [start, end), without what batches wrote that were
    given up; by endpoint and time."""
    with database.read() as connection:
        void = void_ranges(connection)
    return series.read_traffic(endpoint_ids, start_us, end_us, bucket_us=bucket_us, void=void)


def _next(page: Acknowledged, limit: int) -> WindowKey | None:
    return next(reversed(page)) if len(page) >= limit else None
