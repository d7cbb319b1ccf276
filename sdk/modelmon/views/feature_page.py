"""All features of an endpoint in one window, with what came before: what the page of features shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select

from modelmon.errors import ConfigError
from modelmon.ledger.registry import active_apps
from modelmon.ledger.schema import windows
from modelmon.model import ValuePoint, WindowFeatures, WindowKey, from_us, to_us
from modelmon.private_columns import shown_extra, without_private
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.acknowledged_points import read_feature_history, read_windows
from modelmon.stores.series.base import SeriesStore
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import find_endpoint
from modelmon.views.result_evidence import Evidence, evidence_of
from modelmon.views.results_in_words import extra_data
from modelmon.views.thresholds import Thresholds, thresholds_of
from modelmon.views.whole_windows import newest_judged
from modelmon.views.window_features import WindowFeaturesView, read_window_features
from modelmon.windows import DONE

LINE = 30
"""Windows of the small pictures."""


@dataclass(frozen=True, slots=True)
class FeaturePoint:
    """A feature in one window; `missing_share` is None where the window has no row."""

    start: datetime
    score: float | None
    mean: float | None
    share: float | None
    missing_share: float | None
    rows: int


@dataclass(frozen=True, slots=True)
class JudgedResult:
    """What the app said of the window: a result with its status, what it was judged by and what it stands on,
    or a metric."""

    name: str
    value: float
    kind: int | None
    status: int | None
    thresholds: Thresholds
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True, slots=True)
class FeaturePage:
    """The features in one window, the most changed first, and of each its line over the windows up to this
    one, the oldest first. `results`, and metrics, of the window by name; `beside`: the results of other apps
    on the same window. `before` and `after`: the starts of
    the windows next to it, None at the ends; `newer`: that of the newest one that was judged, where it is not
    this one. `highest` is the highest score of all features, of private ones too."""

    features: WindowFeaturesView
    lines: Mapping[str, tuple[FeaturePoint, ...]]
    results: tuple[JudgedResult, ...]
    before: datetime | None
    after: datetime | None
    newer: datetime | None
    highest: float | None = None
    beside: tuple[JudgedResult, ...] = ()


def read_feature_page(
    database: Database,
    series: SeriesStore,
    settings: Settings,
    name: str,
    now_us: int,
    moment: datetime | None = None,
) -> FeaturePage:
    """Of the endpoint of this name or id the window that holds `moment`; without one the newest that was
    judged whole: that has enough rows, and in which monitoring neither began nor ended. Where none was, the
    newest that was judged. Apps that give statistics go before those that give none.

    As many queries for a hundred features as for one. Raises ConfigError for a name that nothing or several
    things have, and where there is no such window.
    """
    if moment is None:
        with database.read() as connection:
            endpoint = find_endpoint(connection, Looking(now_us, settings), name)
            judged = newest_judged(connection, settings, endpoint.endpoint_id)
        if judged.shown_us is None:
            raise ConfigError(f"endpoint {endpoint.endpoint_name!r} has no window yet that an app has judged")
        moment = from_us(judged.shown_us)
    found = read_window_features(database, series, settings, name, moment, now_us)
    window = found.window
    key = WindowKey(found.endpoint_id, window.application_name, to_us(window.start_infer_time))
    with database.read() as connection:
        first_us, before_us, after_us = _neighbours(connection, key)
        newest_us = newest_judged(connection, settings, key.endpoint_id).newest_us or key.start_us
        others = _beside(connection, key, to_us(window.end_infer_time))
    page = read_feature_history(
        database, series, key.endpoint_id, key.application_name, first_us, key.start_us + 1, limit=LINE
    )
    return FeaturePage(
        found, without_private(settings, _lines(page.windows)),
        tuple(_judged(settings, each) for each in read_windows(database, series, [key])),
        None if before_us is None else from_us(before_us), None if after_us is None else from_us(after_us),
        from_us(newest_us) if newest_us > key.start_us else None,
        _highest(page.windows, key),
        tuple(
            _judged(settings, each)
            for each in read_windows(database, series, others)
            if each.kind is not None
        ),
    )  # fmt: skip


def _beside(connection: Connection, key: WindowKey, end_us: int) -> list[WindowKey]:
    """The same window of the other apps that are there."""
    query = select(windows.c.application_name).where(
        windows.c.endpoint_id == key.endpoint_id, windows.c.start_us == key.start_us,
        windows.c.end_us == end_us, windows.c.outcome == DONE,
        windows.c.application_name.in_([app.name for app in active_apps(connection)]),
        windows.c.application_name != key.application_name,
    )  # fmt: skip
    return [key._replace(application_name=name) for name in connection.scalars(query)]


def _highest(found: Sequence[WindowFeatures], key: WindowKey) -> float | None:
    of_window = [each for window in found if window.key == key for each in window.features.values()]
    return max((each.score for each in of_window if each.score is not None), default=None)


def _neighbours(connection: Connection, key: WindowKey) -> tuple[int, int | None, int | None]:
    """Where the line begins, and the windows before and after."""
    start = windows.c.start_us
    mine = (windows.c.endpoint_id == key.endpoint_id, windows.c.application_name == key.application_name)
    up_to = select(start).where(*mine, start <= key.start_us).order_by(start.desc()).limit(LINE)
    shown = [*connection.scalars(up_to)] or [key.start_us]
    after_us = connection.scalar(select(func.min(start)).where(*mine, start > key.start_us))
    return shown[-1], shown[1] if len(shown) > 1 else None, after_us


def _lines(found: Sequence[WindowFeatures]) -> dict[str, tuple[FeaturePoint, ...]]:
    lines: dict[str, list[FeaturePoint]] = {}
    for window in found:
        start = from_us(window.key.start_us)
        for name, each in window.features.items():
            every = each.rows + each.missing
            missing = each.missing / every if every else None
            point = FeaturePoint(start, each.score, each.mean, each.share, missing, each.rows)
            lines.setdefault(name, []).append(point)
    return {name: tuple(line) for name, line in lines.items()}


def _judged(settings: Settings, point: ValuePoint) -> JudgedResult:
    shown = shown_extra(settings, point.extra_data)
    return JudgedResult(
        point.name, point.value, point.kind, point.status, thresholds_of(point.extra_data),
        evidence_of(extra_data(shown)),
    )  # fmt: skip
