"""What came in during a window, and during the windows like it: the same hours of past weeks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from modelmon.ledger import schema
from modelmon.ledger.lost_events import lost_between
from modelmon.model import DAY_US, HOUR_US, TrafficPoint, Window, from_us, to_us, wall_clock_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stats.frames import columns
from modelmon.stores.series.acknowledged_points import read_traffic
from modelmon.stores.series.base import SeriesStore
from modelmon.views.traffic import percentile_us

if TYPE_CHECKING:
    import pyarrow as pa

WEEK_US = 7 * DAY_US
_BESIDE = ((HOUR_US, 2), (3 * HOUR_US, 1))
"""Up to which length of a window how many beside it are like it, too: an hour is like the next one."""
WEEKS, WEEKS_ALONE = 4, 8


@dataclass(frozen=True, slots=True)
class WindowTraffic:
    """Requests of one span [start, end): those that were answered, those that failed, and how long they took.

    `estimated_requests` has those that sampling left out, by the share of the rows that it took.
    `latency_us_histogram` counts requests by the bit length of their latency in microseconds: index i holds
    those in [2**(i-1), 2**i), index 0 the zeros. `lost` events were noticed to be missing by their
    publishers' numbers; None: nobody numbers them, or nobody asked.
    """

    start: datetime
    end: datetime
    requests: int = 0
    rows: int = 0
    errors: int = 0
    estimated_requests: float = 0.0
    latency_us_histogram: tuple[int, ...] = ()
    latency_us_max: int = 0
    lost: int | None = None

    @property
    def attempts(self) -> int:
        """Requests, whatever came of them."""
        return self.requests + self.errors

    def percentile_ms(self, share: float) -> float | None:
        """The latency that a share of the requests does not exceed, right to its half or double; None where
        none told its own."""
        if not any(self.latency_us_histogram):
            return None
        return percentile_us(self.latency_us_histogram, share, self.latency_us_max) / 1_000

    def timed(self) -> int:
        """Requests that told how long they took."""
        return sum(self.latency_us_histogram)

    def slower_than(self, bits: int) -> int:
        """Requests that took 2**bits microseconds or longer."""
        return sum(self.latency_us_histogram[bits + 1 :])


class TrafficReader:
    """Reads the traffic of one endpoint; the series are opened when they are first needed."""

    def __init__(
        self, database: Database, open_series: Callable[[], SeriesStore], settings: Settings
    ) -> None:
        self._database = database
        self._open = open_series
        self._series: SeriesStore | None = None
        self._settings = settings

    def close(self) -> None:
        """Release the series, where they were opened."""
        if self._series is not None:
            self._series.close()

    def of(self, endpoint_id: str, window: Window) -> WindowTraffic:
        """With the events that are lost. Raises UnavailableError."""
        span = _span(window)
        with self._database.read() as connection:
            lost = lost_between(connection, endpoint_id, *span)
        return replace(self._read(endpoint_id, [span])[0], lost=lost)

    def like(self, endpoint_id: str, window: Window) -> tuple[WindowTraffic, ...]:
        """At most 20 spans as long as the window: the same time of each of the last four weeks with what lies
        beside it, of windows longer than three hours of the last eight weeks alone. Those before the
        endpoint's first request, and those that are not kept any more, are left out. Raises UnavailableError.
        """
        since_us = self._since(endpoint_id)
        if since_us is None:
            return ()
        wanted = [span for span in like_spans(*_span(window)) if span[0] >= since_us]
        return tuple(self._read(endpoint_id, wanted))

    def _since(self, endpoint_id: str) -> int | None:
        """From when on all traffic of the endpoint is there."""
        query = select(schema.traffic.c.first_request_us).where(schema.traffic.c.endpoint_id == endpoint_id)
        with self._database.read() as connection:
            first_us: int | None = connection.scalar(query)
        kept_us = round(self._settings.retention_days * DAY_US)
        if first_us is None or not kept_us:
            return first_us
        return max(first_us, wall_clock_us() - kept_us)

    def _read(self, endpoint_id: str, spans: Sequence[tuple[int, int]]) -> list[WindowTraffic]:
        """Spans that follow each other are read at once."""
        series = self._series = self._series or self._open()
        found: list[WindowTraffic] = []
        for group in _joined(spans):
            bucket_us = math.gcd(*(edge for span in group for edge in span), WEEK_US)
            points = read_traffic(self._database, series, [endpoint_id], group[0][0], group[-1][1], bucket_us)
            found += [_summed(span, points) for span in group]
        return found


def traffic_of_rows(table: pa.Table, window: Window) -> WindowTraffic:
    """What rows at hand tell of the requests they came in: each row is one, answered, with its `latency`."""
    found = columns(table)
    times = found["latency"].numbers[0].tolist() if "latency" in found else []
    known = [int(value) for value in times if 0 <= value < 2**62]
    histogram = [0] * (1 + max((value.bit_length() for value in known), default=0))
    for value in known:
        histogram[value.bit_length()] += 1
    rows = len(table)
    return WindowTraffic(
        window.start, window.end, rows, rows, 0, float(rows), tuple(histogram), max(known, default=0)
    )


def like_spans(start_us: int, end_us: int) -> list[tuple[int, int]]:
    """The spans like this one, in order.

    >>> spans = like_spans(100 * HOUR_US * 24, 100 * HOUR_US * 24 + HOUR_US)
    >>> len(spans), [(100 * 24 * HOUR_US - start) // HOUR_US for start, _ in spans[-5:]]
    (20, [170, 169, 168, 167, 166])
    """
    length = end_us - start_us
    beside = next((many for most, many in _BESIDE if length <= most), 0)
    step = -(-length // WEEK_US) * WEEK_US
    weeks = range(WEEKS if beside else WEEKS_ALONE, 0, -1)
    places = [(week, place) for week in weeks for place in range(-beside, beside + 1)]
    starts = (start_us - week * step + place * length for week, place in places)
    return [(start, start + length) for start in starts if start >= 0]


def _joined(spans: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    groups: list[list[tuple[int, int]]] = []
    for span in spans:
        if groups and groups[-1][-1][1] == span[0]:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups


def _summed(span: tuple[int, int], points: Sequence[TrafficPoint]) -> WindowTraffic:
    inside = [point for point in points if span[0] <= point.start_us < span[1]]
    width = max((len(point.latency_us_histogram) for point in inside), default=0)
    padded = [
        (*point.latency_us_histogram, *[0] * (width - len(point.latency_us_histogram))) for point in inside
    ]
    requests, rows = (sum(getattr(point, name) for point in inside) for name in ("predictions", "rows"))
    # The estimate is of rows, and a request may have many.
    estimated = sum(point.estimated_predictions for point in inside) / rows * requests if rows else 0.0
    return WindowTraffic(
        from_us(span[0]), from_us(span[1]), requests, rows,
        sum(point.errors for point in inside),
        estimated,
        tuple(map(sum, zip(*padded, strict=True))),
        max((point.latency_us_max for point in inside), default=0),
    )  # fmt: skip


def _span(window: Window) -> tuple[int, int]:
    return to_us(window.start), to_us(window.end)
