"""How often an endpoint was asked in some time, and in the time of the same length before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.traffic import TrafficBucket, read_traffic_buckets

BUCKETS = 120


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests that were answered, and errors, in the time shown; `before`: in the time of the same length
    before it. `change` of both together, None where there was nothing before."""

    buckets: tuple[TrafficBucket, ...]
    requests: int
    errors: int
    before: int

    @property
    def all(self) -> int:
        return self.requests + self.errors

    @property
    def change(self) -> float | None:
        return self.all / self.before - 1 if self.before else None


def read_calls(
    database: Database, series: SeriesStore, endpoint_id: str, start: datetime, end: datetime
) -> Calls:
    """In [start, end), in at most BUCKETS buckets without a gap between them."""
    found = read_traffic_buckets(database, series, endpoint_id, start, end, BUCKETS)
    earlier = read_traffic_buckets(database, series, endpoint_id, start - (end - start), start, 2)
    return Calls(
        _without_gaps(found), sum(each.requests for each in found), sum(each.errors for each in found),
        sum(each.requests + each.errors for each in earlier),
    )  # fmt: skip


def _without_gaps(found: tuple[TrafficBucket, ...]) -> tuple[TrafficBucket, ...]:
    """From the first bucket to the last, those without traffic too."""
    if not found:
        return ()
    by_start, length = {each.start: each for each in found}, found[0].end - found[0].start
    many = (found[-1].start - found[0].start) // length + 1
    starts = [found[0].start + place * length for place in range(many)]
    return tuple(by_start.get(at) or TrafficBucket(at, at + length, 0, 0, 0, 0.0, None) for at in starts)
