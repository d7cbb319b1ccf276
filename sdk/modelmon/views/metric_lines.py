"""Metrics and results of an endpoint over any time, as a page draws them: lines, thresholds, gaps, values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.model import ValuePoint, from_us, to_us
from modelmon.sql.database import Database
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.stores.series.base import SeriesStore
from modelmon.views.newest_windows import newest_done, values_of
from modelmon.views.thresholds import NONE, Thresholds, thresholds_of
from modelmon.views.value_histogram import ValueHistogram, histogram_of

COLUMNS = 400
"""A line has at most twice as many points: the lowest and the highest of each column of the picture."""
NAMED_BY = 10
"""The newest windows of an app, which say what it measures."""


@dataclass(frozen=True, slots=True)
class MetricName:
    """What an app gives of an endpoint: the `kind` is None of a metric; the newest value with its status."""

    application_name: str
    name: str
    kind: int | None
    newest: float
    status: int | None


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """What one window gave; `status` is None of a metric. `revision` above 1: it was judged again."""

    start: datetime
    end: datetime
    value: float
    status: int | None
    revision: int


@dataclass(frozen=True, slots=True)
class ThresholdStep:
    """What the windows from `start` on until `end` were judged by."""

    start: datetime
    end: datetime
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class MetricLine:
    """A metric or result in the windows that start in the time shown.

    `points` in order, all of them while they are few, else the lowest and the highest of each column, and the
    last one. `steps`: thresholds as they were stored with the windows. `windows`, `lowest`, `mean`, `highest`
    and `histogram` are of all windows; `worst_status` is None of a metric.
    """

    application_name: str
    name: str
    kind: int | None
    points: tuple[MetricPoint, ...]
    steps: tuple[ThresholdStep, ...]
    windows: int
    lowest: float
    mean: float
    highest: float
    last: MetricPoint
    worst_status: int | None
    histogram: ValueHistogram


def read_metric_names(database: Database, series: SeriesStore, endpoint_id: str) -> tuple[MetricName, ...]:
    """What apps gave of the newest windows they judged, by app and name."""
    with database.read() as connection:
        done = newest_done(connection, [endpoint_id], NAMED_BY)
    newest = {(each.application_name, each.name): each for each in values_of(series, done)}
    return tuple(
        MetricName(app, name, point.kind, point.value, point.status)
        for (app, name), point in sorted(newest.items())
    )


def read_metric_lines(
    database: Database,
    series: SeriesStore,
    endpoint_id: str,
    application_name: str,
    names: Collection[str],
    start: datetime,
    end: datetime,
    columns: int = COLUMNS,
    points: Sequence[ValuePoint] = (),
) -> tuple[MetricLine, ...]:
    """These metrics and results of an app in the windows that start in [start, end), by name; one that no
    window has is left out. A line has at most twice `columns` points, however long the time is.
    `points` of the newest window are taken as they are given, not as they are stored."""
    until_us = min((each.start_us for each in points), default=to_us(end))
    found = read_all_values(database, series, [endpoint_id], to_us(start), until_us, application_name, names)
    lines = {name: _Line(to_us(start), to_us(end), columns) for name in sorted(names)}
    for point in [*found, *(each for each in points if each.name in lines)]:
        lines[point.name].add(point)
    return tuple(line.done() for line in lines.values() if line.last is not None)


class _Line:
    """A line as its points come in order; what it keeps does not grow with them, but for the bare values."""

    def __init__(self, start_us: int, end_us: int, columns: int) -> None:
        self._start_us, self._columns = start_us, columns
        self._column_us = max(1, -(-(end_us - start_us) // columns))
        self._values: list[float] = []
        self._few: list[ValuePoint] | None = []
        self._of_column: dict[int, tuple[ValuePoint, ValuePoint]] = {}
        self._steps: list[tuple[int, int, Thresholds]] = []
        self._worst: int | None = None
        self.last: ValuePoint | None = None

    def add(self, point: ValuePoint) -> None:
        self.last = point
        self._values.append(point.value)
        if point.status is not None:
            self._worst = max(point.status, -1 if self._worst is None else self._worst)
        if self._few is not None:
            self._few.append(point)
            if len(self._few) > 2 * self._columns:
                self._few = None
        place = (point.start_us - self._start_us) // self._column_us
        low, high = self._of_column.get(place, (point, point))
        self._of_column[place] = (
            point if point.value < low.value else low, point if point.value > high.value else high,
        )  # fmt: skip
        self._step(point)

    def _step(self, point: ValuePoint) -> None:
        found = thresholds_of(point.extra_data) if point.kind is not None else NONE
        if self._steps and self._steps[-1][2] == found:
            self._steps[-1] = (self._steps[-1][0], point.end_us, found)
        else:
            self._steps.append((point.start_us, point.end_us, found))

    def done(self) -> MetricLine:
        last, values = self.last, self._values
        assert last is not None, "asked of lines with points"
        return MetricLine(
            last.application_name, last.name, last.kind, tuple(map(_point, self._shown(last))),
            tuple(_step_of(each) for each in self._steps if each[2] != NONE),
            len(values), min(values), sum(value / len(values) for value in values), max(values), _point(last),
            self._worst, histogram_of(values),
        )  # fmt: skip

    def _shown(self, last: ValuePoint) -> list[ValuePoint]:
        if self._few is not None:
            return self._few
        extremes = {id(each): each for pair in self._of_column.values() for each in pair} | {id(last): last}
        return sorted(extremes.values(), key=lambda point: point.start_us)


def _step_of(step: tuple[int, int, Thresholds]) -> ThresholdStep:
    return ThresholdStep(from_us(step[0]), from_us(step[1]), step[2])


def _point(point: ValuePoint) -> MetricPoint:
    return MetricPoint(
        from_us(point.start_us), from_us(point.end_us), point.value, point.status, point.revision
    )
