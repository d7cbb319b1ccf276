"""Results and metrics as they are shown: of the newest windows, or of all since a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.errors import ConfigError
from modelmon.model import ValuePoint, WindowKey, from_us
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.acknowledged_points import read_values
from modelmon.stores.series.base import SeriesStore
from modelmon.views.endpoints import EndpointSummary
from modelmon.views.newest_windows import newest_done, values_of

WINDOWS = 2_000
NEWEST = 10  # windows of each app and endpoint, where no time is given
"""Windows whose results and metrics are read at a time: with all that JSON makes of them, some tens of MB."""
_FAR_US = 2**62


@dataclass(frozen=True, slots=True)
class Result:
    """What an app found in one window. `stale`: another word has taken its place, or it is too old."""

    endpoint_id: str
    endpoint_name: str
    application_name: str
    start_infer_time: datetime
    end_infer_time: datetime
    window_revision: int
    result_name: str
    result_value: float
    result_kind: int
    result_status: int
    result_extra_data: str
    stale: bool


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that an app gave of one window."""

    endpoint_id: str
    endpoint_name: str
    application_name: str
    start_infer_time: datetime
    end_infer_time: datetime
    window_revision: int
    metric_name: str
    metric_value: float


@dataclass(frozen=True, slots=True)
class Values:
    """Results and metrics by endpoint, app and time; `after`: what asks for the next page, or ""."""

    results: tuple[Result, ...] = ()
    metrics: tuple[Metric, ...] = ()
    after: str = ""


def newest_values(
    database: Database,
    series: SeriesStore,
    settings: Settings,
    shown: Sequence[EndpointSummary],
    app_names: Collection[str] = (),
    newest: int | None = None,
) -> Values:
    """Of each app (of these, where some are named) what it gave of the `newest` windows (None: NEWEST) it
    has judged."""
    with database.read() as connection:
        found = newest_done(connection, [each.endpoint_id for each in shown], newest or NEWEST)
    done = [each for each in found if not app_names or each.key.application_name in app_names]
    return _split(settings, values_of(series, done), shown)


def values_since(
    database: Database,
    series: SeriesStore,
    settings: Settings,
    shown: Sequence[EndpointSummary],
    since_us: int,
    app_names: Collection[str] = (),
    after: str = "",
) -> Values:
    """What apps gave of the windows of these endpoints that start at `since_us` or later: of the first
    WINDOWS after `after`, where the page before ended."""
    ids = [each.endpoint_id for each in shown]
    page = read_values(database, series, ids, since_us, _FAR_US, limit=WINDOWS, after=_read_place(after))
    points = [point for point in page.points if not app_names or point.application_name in app_names]
    return _split(settings, points, shown, "/".join(map(str, page.after or ())))


def _read_place(after: str) -> WindowKey | None:
    if not after:
        return None
    endpoint_id, app, start = ("", "", *after.rsplit("/", 2))[-3:]
    if not (endpoint_id and app and start.isdecimal()):
        raise ConfigError(
            f"results go on after a window, endpoint/app/start as `totals.values_after` has it, got {after!r}"
        )
    return WindowKey(endpoint_id, app, int(start))


def _split(
    settings: Settings, points: Iterable[ValuePoint], shown: Sequence[EndpointSummary], after: str = ""
) -> Values:
    names = {each.endpoint_id: each.endpoint_name for each in shown}
    believed = {
        (each.endpoint_id, verdict.application_name, verdict.start_infer_time, verdict.result_name)
        for each in shown
        for verdict in each.verdicts
        if not verdict.stale
    }
    points = list(points)
    return Values(
        tuple(_result(settings, point, names, believed) for point in points if point.kind is not None),
        tuple(_metric(point, names) for point in points if point.kind is None),
        after,
    )


def _result(
    settings: Settings,
    point: ValuePoint,
    names: Mapping[str, str],
    believed: Collection[tuple[str, str, datetime, str]],
) -> Result:
    assert point.kind is not None, "a metric is none"
    start, status = from_us(point.start_us), -1 if point.status is None else point.status
    key = (point.endpoint_id, point.application_name, start, point.name)
    return Result(
        point.endpoint_id, names[point.endpoint_id], point.application_name, start, from_us(point.end_us),
        point.revision, point.name, point.value, point.kind, status,
        shown_extra(settings, point.extra_data), key not in believed,
    )  # fmt: skip


def _metric(point: ValuePoint, names: Mapping[str, str]) -> Metric:
    return Metric(
        point.endpoint_id, names[point.endpoint_id], point.application_name, from_us(point.start_us),
        from_us(point.end_us), point.revision, point.name, point.value,
    )  # fmt: skip
