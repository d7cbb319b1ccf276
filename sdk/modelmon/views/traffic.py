"""Traffic of an endpoint over time: requests, rows, errors, latencies, in as many buckets as are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.model import TrafficPoint, from_us, to_us
from modelmon.sql.database import Database
from modelmon.stores.series.acknowledged_points import read_traffic
from modelmon.stores.series.base import SeriesStore
from modelmon.views.buckets import bucket_us

MOST = 300


@dataclass(frozen=True, slots=True)
class Latency:
    """Of the requests of a bucket, in milliseconds. Percentiles are read from counts by powers of two, so
    they are right to their half or double at worst; mean and highest are exact."""

    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    highest_ms: float


@dataclass(frozen=True, slots=True)
class TrafficBucket:
    """What came in from `start` on until `end`. `estimated_rows`: with those that sampling left out;
    `latency`: None where no request told its own."""

    start: datetime
    end: datetime
    requests: int
    rows: int
    errors: int
    estimated_rows: float
    latency: Latency | None


def read_traffic_buckets(
    database: Database,
    series: SeriesStore,
    endpoint_id: str,
    start: datetime,
    end: datetime,
    most: int = MOST,
) -> tuple[TrafficBucket, ...]:
    """The buckets with traffic in [start, end), in order; at most `most`, a minute or longer."""
    start_us, end_us = to_us(start), to_us(end)
    length_us = bucket_us(start_us, end_us, most)
    points = read_traffic(database, series, [endpoint_id], start_us, end_us, length_us)
    return tuple(_bucket(point, length_us) for point in points)


def _bucket(point: TrafficPoint, length_us: int) -> TrafficBucket:
    return TrafficBucket(
        from_us(point.start_us), from_us(point.start_us + length_us), point.predictions, point.rows,
        point.errors, point.estimated_predictions, _latency(point),
    )  # fmt: skip


def _latency(point: TrafficPoint) -> Latency | None:
    if not point.latency_count:
        return None
    histogram, highest_us = point.latency_us_histogram, point.latency_us_max
    p50, p95, p99 = (percentile_us(histogram, share, highest_us) / 1_000 for share in (0.5, 0.95, 0.99))
    mean = point.latency_us_sum / point.latency_count / 1_000
    return Latency(mean, p50, p95, p99, highest_us / 1_000)


def percentile_us(histogram: Sequence[int], share: float, highest_us: int) -> float:
    """The latency that a `share` of the requests does not exceed, evenly spread within each bin; index i of
    the histogram counts latencies in [2**(i-1), 2**i), index 0 the zeros. 0.0 of an empty one.

    >>> percentile_us([0, 0, 0, 4], 0.5, 7), percentile_us([1, 0, 0, 1], 0.5, 7)
    (6.0, 0.0)
    """
    wanted, seen = share * sum(histogram), 0
    for place, many in enumerate(histogram):
        if many and seen + many >= wanted:
            low = 2 ** (place - 1) if place else 0
            high = 2**place if place else 0
            return float(min(highest_us, low + (high - low) * (wanted - seen) / many))
        seen += many
    return 0.0
