"""How the features of an endpoint looked in any window, and how one feature looked in many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from modelmon.errors import ConfigError, no_such
from modelmon.ledger import endpoints, registry
from modelmon.ledger.schema import windows
from modelmon.model import Endpoint, FeatureNumbers, WindowFeatures, from_us, to_us
from modelmon.private_columns import is_private, without_private
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.samples import open_samples
from modelmon.stores.series.acknowledged_points import read_feature_history
from modelmon.stores.series.base import SeriesStore
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import find_endpoint
from modelmon.views.features import FeatureView, reported_stats
from modelmon.views.history import Line, Point
from modelmon.views.windows import WindowView, list_windows, window_of

Stats = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WindowFeaturesView:
    """The features in one `window`, the most changed first.

    `numbers` are kept of every window of an app that reports statistics. The `sample` of each feature is what
    the app reported where that is kept: of the newest window, and of those that raised an incident. Of others
    it is counted again from the samples; of a window whose samples were deleted it is what the numbers say,
    without histograms, and `is_counted` is False.
    """

    endpoint_id: str
    endpoint_name: str
    window: WindowView
    numbers: Mapping[str, FeatureNumbers]
    is_counted: bool
    features: tuple[FeatureView, ...]


@dataclass(frozen=True, slots=True)
class FeatureHistoryView:
    """One feature in the windows shown: a line for its score, its mean or the share of its most frequent
    category, its missing share and its rows, of each app that reports statistics."""

    endpoint_id: str
    endpoint_name: str
    feature: str
    lines: tuple[Line, ...]


def read_window_features(
    database: Database, series: SeriesStore, settings: Settings, name: str, moment: datetime, now_us: int
) -> WindowFeaturesView:
    """How features looked in the window of the endpoint `name` that holds this moment; of several apps the
    one whose statistics are known.

    Raises ConfigError for a name that nothing or several things have, and where no window holds the moment.
    """
    with database.read() as connection:
        record = _record(connection, settings, name, now_us)
        found = _holding(connection, record, to_us(moment))
    pairs = [(row, _numbers(database, series, row)) for row in found]
    row, numbers = next((pair for pair in pairs if pair[1]), pairs[0])
    with database.read() as connection:
        counted, scores = reported_stats(connection, row.endpoint_id, row.application_name, row.start_us)
    if not counted:
        counted, scores = _counted(database, settings, record, row)
    samples = counted or {name: _as_stats(each) for name, each in numbers.items()}
    features = [
        FeatureView(
            each, each in record.label_names, row.application_name, from_us(row.start_us),
            numbers[each].score if each in numbers else scores.get(each),
            record.feature_stats.get(each), samples.get(each),
        )
        for each in dict.fromkeys([*record.feature_stats, *samples])
        if not is_private(settings, each)
    ]  # fmt: skip
    features.sort(key=lambda each: -1.0 if each.score is None else each.score, reverse=True)
    return WindowFeaturesView(
        record.endpoint_id, record.name, window_of(row, settings), without_private(settings, numbers),
        bool(counted), tuple(features),
    )  # fmt: skip


def read_one_feature(
    database: Database,
    series: SeriesStore,
    settings: Settings,
    name: str,
    feature: str,
    now_us: int,
    limit: int,
) -> FeatureHistoryView:
    """How `feature` looked in the newest `limit` windows of each app.

    Raises ConfigError for a name that nothing or several things have, and for a feature that no window has.
    """
    with database.read() as connection:
        record = _record(connection, settings, name, now_us)
        shown = [
            list_windows(connection, settings, record.endpoint_id, app.name, limit=limit).windows
            for app in registry.active_apps(connection)
        ]
    known = {*record.feature_stats, *record.feature_names, *record.label_names}
    lines: list[Line] = []
    for some in filter(None, shown):
        start_us, end_us = to_us(some[-1].start_infer_time), to_us(some[0].end_infer_time)
        page = read_feature_history(
            database, series, record.endpoint_id, some[0].application_name, start_us, end_us, limit=limit
        )
        known.update(*(each.features for each in page.windows))
        lines += _lines(some[0].application_name, feature, page.windows)
    known = {each for each in known if not is_private(settings, each)}
    if feature not in known:
        raise no_such(f"endpoint {record.name!r} has no feature {feature!r}", feature, sorted(known))
    return FeatureHistoryView(record.endpoint_id, record.name, feature, tuple(lines))


def _record(connection: Connection, settings: Settings, name: str, now_us: int) -> Endpoint:
    found = find_endpoint(connection, Looking(now_us, settings), name)
    record = endpoints.get(connection, found.endpoint_id)
    if record is None:
        raise ConfigError(f"endpoint {name!r} is not registered: nothing is known of its features")
    return record


def _holding(connection: Connection, record: Endpoint, moment_us: int) -> list[Row[Any]]:
    """Of each app the window that holds the moment; a ConfigError says which windows there are."""
    columns, found = windows.c, []
    for app in registry.active_apps(connection):
        query = select(windows).where(
            columns.endpoint_id == record.endpoint_id, columns.application_name == app.name,
            columns.start_us <= moment_us,
        )  # fmt: skip
        row = connection.execute(query.order_by(columns.start_us.desc()).limit(1)).first()
        if row is not None and moment_us < row.end_us:
            found.append(row)
    if found:
        return found
    span = select(func.min(columns.start_us), func.max(columns.end_us)).where(
        columns.endpoint_id == record.endpoint_id
    )
    first_us, last_us = connection.execute(span).one()
    there = "it has none yet"
    if first_us is not None:
        there = f"they reach from {_minute(first_us)} to {_minute(last_us)} UTC"
    raise ConfigError(f"endpoint {record.name!r} has no window at {_minute(moment_us)} UTC; {there}")


def _minute(moment_us: int) -> str:
    return f"{from_us(moment_us):%Y-%m-%d %H:%M}"


def _numbers(database: Database, series: SeriesStore, row: Row[Any]) -> Mapping[str, FeatureNumbers]:
    page = read_feature_history(
        database, series, row.endpoint_id, row.application_name, row.start_us, row.start_us + 1, limit=1
    )
    return page.windows[0].features if page.windows else {}


def _counted(
    database: Database, settings: Settings, record: Endpoint, row: Row[Any]
) -> tuple[Stats, Mapping[str, float]]:
    """Statistics and scores of the window's rows on the bins of the reference; nothing without rows."""
    from modelmon.stats import compare, describe  # these and the next load pyarrow
    from modelmon.stores.samples_reading import read_sample

    rows = read_sample(database, open_samples(settings), row.endpoint_id, row.start_us, row.end_us)
    if not rows.num_rows:
        return {}, {}
    if not record.feature_stats:
        names = [*record.feature_names, *record.label_names]
        return describe(rows, [each for each in names if each in rows.column_names]), {}
    found = compare(rows, record.feature_stats)
    return found.sample_stats, dict(zip(found.features, found.scores.tolist(), strict=True))


def _as_stats(numbers: FeatureNumbers) -> Stats:
    return {"count": numbers.rows, "missing": numbers.missing, "mean": numbers.mean}


def _lines(application_name: str, feature: str, some: Iterable[WindowFeatures]) -> list[Line]:
    points: dict[str, list[Point]] = {}
    for each in some:
        if feature not in each.features:
            continue
        for what, value in _values(each.features[feature]).items():
            if value is not None:
                points.setdefault(what, []).append(Point(from_us(each.key.start_us), value, None))
    return [Line(application_name, what, None, tuple(line)) for what, line in points.items()]


def _values(numbers: FeatureNumbers) -> dict[str, float | None]:
    every = numbers.rows + numbers.missing
    return {
        "score": numbers.score, "mean": numbers.mean, "share": numbers.share,
        "missing": numbers.missing / every if every else None, "rows": float(numbers.rows),
    }  # fmt: skip
