"""Values of metrics and results over time, in the shapes that MLRun's client parses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from modelmon.errors import ConfigError
from modelmon.model import ValuePoint, from_us, to_us
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.stores.series.base import SeriesStore
from modelmon.views.full_names import INFRA_APP, INVOCATIONS, FullName, full_name
from modelmon.views.traffic import read_traffic_buckets

MOST_NAMES, MOST_VALUES = 100, 50_000


@dataclass(frozen=True, slots=True)
class MetricValues:
    """A metric: (end of the window, value) in order; of the calls (start of the bucket, requests)."""

    full_name: str
    values: Sequence[tuple[datetime, float]]
    type: str = "metric"
    data: bool = True


@dataclass(frozen=True, slots=True)
class ResultValues:
    """A result: (end of the window, value, status, extra data as JSON) in order."""

    full_name: str
    result_kind: int
    values: Sequence[tuple[datetime, float, int, str]]
    type: str = "result"
    data: bool = True


@dataclass(frozen=True, slots=True)
class NoValues:
    """No window in this time has it."""

    full_name: str
    type: str
    data: bool = False


Values = MetricValues | ResultValues | NoValues


def read_metric_values(
    database: Database,
    series: SeriesStore,
    settings: Settings,
    endpoint_id: str,
    full_names: Sequence[str],
    start: datetime,
    end: datetime,
) -> list[Values]:
    """Of each name, in their order, the windows that start in [start, end).

    Raises ConfigError for a name that is none, for none or more than MOST_NAMES of them, and where there are
    more than MOST_VALUES values.
    """
    names = [full_name(settings.project, text) for text in dict.fromkeys(full_names)]
    if not 1 <= len(names) <= MOST_NAMES:
        raise ConfigError(f"name: give 1 to {MOST_NAMES} full names, got {len(names)}")
    points: dict[tuple[str, str], list[ValuePoint]] = {}
    for app in dict.fromkeys(each.app for each in names):
        of_app = [each.name for each in names if each.app == app]
        found = read_all_values(database, series, [endpoint_id], to_us(start), to_us(end), app, of_app)
        for point in _bounded(found, sum(map(len, points.values()))):
            points.setdefault((app, point.name), []).append(point)
    return [
        _calls(database, series, each, endpoint_id, start, end)
        if (each.app, each.name) == (INFRA_APP, INVOCATIONS)
        else _values(settings, each, points.get((each.app, each.name), []))
        for each in names
    ]


def _bounded(found: Iterable[ValuePoint], already: int) -> list[ValuePoint]:
    points = list(islice(found, MOST_VALUES - already + 1))
    if len(points) + already > MOST_VALUES:
        raise ConfigError(f"start: more than {MOST_VALUES:,} values; ask for a shorter time or fewer names")
    return points


def _values(settings: Settings, name: FullName, points: Sequence[ValuePoint]) -> Values:
    kinds = [point.kind for point in points if point.kind is not None]
    if name.type == "metric" and points and not kinds:
        return MetricValues(name.text, [(from_us(each.end_us), each.value) for each in points])
    if name.type == "result" and kinds:
        return ResultValues(name.text, kinds[-1], [_row(settings, each) for each in points])
    return NoValues(name.text, name.type)


def _row(settings: Settings, point: ValuePoint) -> tuple[datetime, float, int, str]:
    status = -1 if point.status is None else point.status
    return from_us(point.end_us), point.value, status, shown_extra(settings, point.extra_data)


def _calls(
    database: Database, series: SeriesStore, name: FullName, endpoint_id: str, start: datetime, end: datetime
) -> Values:
    buckets = read_traffic_buckets(database, series, endpoint_id, start, end)
    if not buckets:
        return NoValues(name.text, name.type)
    return MetricValues(name.text, [(each.start, float(each.requests)) for each in buckets])
