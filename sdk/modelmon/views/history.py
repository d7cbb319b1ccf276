"""Lines over time of one endpoint: the points of its metrics and results, one a window or summed up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from modelmon.model import ValuePoint, from_us, to_us
from modelmon.sql.database import Database
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.stores.series.base import SeriesStore
from modelmon.views.buckets import bucket_us

MOST = 300


@dataclass(frozen=True, slots=True)
class Point:
    """What one window gave; `status` is None of a metric."""

    start: datetime
    value: float
    status: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """A metric or result over time; `kind` is None of a metric."""

    application_name: str
    name: str
    kind: int | None
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class PointBucket:
    """What the windows gave that start from `start` on until `end`. `status` is the worst of a result."""

    start: datetime
    end: datetime
    windows: int
    lowest: float
    mean: float
    highest: float
    last: float
    status: int | None


def lines_of(points: Iterable[ValuePoint]) -> tuple[Line, ...]:
    """Points by app and name; of windows without one there is none."""
    found: dict[tuple[str, str], list[ValuePoint]] = {}
    for point in points:
        found.setdefault((point.application_name, point.name), []).append(point)
    return tuple(
        Line(name, what, some[-1].kind, tuple(_point(each) for each in some))
        for (name, what), some in found.items()
    )


def read_point_buckets(
    database: Database,
    series: SeriesStore,
    endpoint_id: str,
    application_name: str,
    name: str,
    start: datetime,
    end: datetime,
    most: int = MOST,
) -> tuple[PointBucket, ...]:
    """A metric or result in the windows that start in [start, end): buckets in order, at most `most`; where
    the windows are few enough each has a bucket of its own. For a page
    of an endpoint that draws a line over any time."""
    start_us, end_us = to_us(start), to_us(end)
    length_us = bucket_us(start_us, end_us, most)
    points = read_all_values(database, series, [endpoint_id], start_us, end_us, application_name, [name])
    grouped = groupby(points, key=lambda point: point.start_us // length_us)
    return tuple(_bucket(place * length_us, length_us, list(some)) for place, some in grouped)


def _point(point: ValuePoint) -> Point:
    return Point(from_us(point.start_us), point.value, point.status)


def _bucket(start_us: int, length_us: int, points: list[ValuePoint]) -> PointBucket:
    values = [point.value for point in points]
    return PointBucket(
        from_us(start_us), from_us(start_us + length_us), len(values),
        min(values), sum(value / len(values) for value in values), max(values), values[-1],
        max((point.status for point in points if point.status is not None), default=None),
    )  # fmt: skip
