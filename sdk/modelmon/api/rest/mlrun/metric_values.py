"""Values of metrics and results over time, in the shapes that MLRun's client parses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from modelmon.api.asked import Asked
from modelmon.api.problems import Problem
from modelmon.api.rest.bodies import read_body
from modelmon.api.rest.known_endpoint import known_endpoint
from modelmon.api.rest.mlrun.endpoints import BASE
from modelmon.api.rest.mlrun.metrics import INFRA_APP, INVOCATIONS
from modelmon.api.routes import Route
from modelmon.model import ValuePoint, from_us, to_us
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.views.traffic import read_traffic_buckets

MOST_NAMES, MOST_VALUES = 100, 50_000
DAY = timedelta(days=1)
_FULL = re.compile(
    r"(?P<project>[a-z0-9-]+)\.(?P<app>[a-zA-Z0-9_-]+)\.(?P<type>metric|result)\.(?P<name>[a-zA-Z_]\w*)"
)


class Between(msgspec.Struct, kw_only=True, frozen=True):
    """Windows that start from `start` on until `end`: the 24 hours before `end`, and `end` is now, unless
    they are given."""

    start: datetime | None = None
    end: datetime | None = None


class NamedBetween(Between, kw_only=True, frozen=True):
    """`name`: full names, project.app.metric.name or project.app.result.name."""

    name: tuple[str, ...] = ()


class Names(msgspec.Struct, frozen=True):
    """Full names, for platforms that lose repeated parameters."""

    names: tuple[str, ...]


class FullName(NamedTuple):
    """What asks for the values of one metric or result."""

    text: str
    app: str
    type: str
    name: str


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


# The schemas of the document know no union of dataclasses, so both say Any.
def asked_for(asked: Asked, wanted: NamedBetween) -> list[Any]:
    return _read(asked, wanted.name, *span_asked(asked, wanted))


def sent_names(asked: Asked, wanted: Between) -> list[Any]:
    names = read_body(asked, Names).names
    return _read(asked, names, *span_asked(asked, wanted))


def span_asked(asked: Asked, wanted: Between) -> tuple[datetime, datetime]:
    """Start and end. Raises Problem 400 for one that ends before it starts."""
    try:
        end = wanted.end or from_us(asked.now_us)
        start = wanted.start or end - DAY
    except OverflowError:
        raise Problem(400, f"end: nothing lies a day before {wanted.end}", "end") from None
    if start >= end:
        raise Problem(
            400, f"start: {start:%Y-%m-%d %H:%M} is not before the end, {end:%Y-%m-%d %H:%M}", "start"
        )
    return start, end


def _read(asked: Asked, texts: Sequence[str], start: datetime, end: datetime) -> list[Values]:
    with asked.database.read() as connection:
        uid = known_endpoint(asked, connection).endpoint_id
    names = [_full_name(asked.settings.project, text) for text in dict.fromkeys(texts)]
    if not 1 <= len(names) <= MOST_NAMES:
        raise Problem(400, f"name: give 1 to {MOST_NAMES} full names, got {len(names)}", "name")
    points: dict[tuple[str, str], list[ValuePoint]] = {}
    for app in dict.fromkeys(each.app for each in names):
        of_app = [each.name for each in names if each.app == app]
        found = read_all_values(asked.database, asked.series, [uid], to_us(start), to_us(end), app, of_app)
        for point in _bounded(found, sum(map(len, points.values()))):
            points.setdefault((app, point.name), []).append(point)
    return [
        _calls(asked, each, uid, start, end) if (each.app, each.name) == (INFRA_APP, INVOCATIONS)
        else _values(asked.settings, each, points.get((each.app, each.name), []))
        for each in names
    ]  # fmt: skip


def _bounded(found: Iterable[ValuePoint], already: int) -> list[ValuePoint]:
    points = list(islice(found, MOST_VALUES - already + 1))
    if len(points) + already > MOST_VALUES:
        raise Problem(
            400, f"start: more than {MOST_VALUES:,} values; ask for a shorter time or fewer names", "start"
        )
    return points


def _full_name(project: str, text: str) -> FullName:
    match = _FULL.fullmatch(text)
    if match is None:
        example = f"{project}.histogram-data-drift.result.general_drift"
        raise Problem(400, f"name: {text!r} is no full name; write it as {example}", "name")
    if match["project"] != project:
        raise Problem(400, f"name: {text!r} is of project {match['project']!r}, this is {project!r}", "name")
    return FullName(text, match["app"], match["type"], match["name"])


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


def _calls(asked: Asked, name: FullName, uid: str, start: datetime, end: datetime) -> Values:
    buckets = read_traffic_buckets(asked.database, asked.series, uid, start, end)
    if not buckets:
        return NoValues(name.text, name.type)
    return MetricValues(name.text, [(each.start, float(each.requests)) for each in buckets])


_PATH = f"{BASE}/{{uid}}/metrics-values"
ROUTES = (
    Route("GET", _PATH, asked_for, "The values of metrics and results over time.", NamedBetween),
    Route(
        "POST", _PATH, sent_names, "The values of metrics and results over time, their names in the body.",
        Between, Names,
    ),
)  # fmt: skip
