"""The report on a window from what an app has just said of it, before anyone has stored that."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec

from modelmon.apps.results import (
    ModelMonitoringApplicationMetric,
    ModelMonitoringApplicationResult,
    ModelMonitoringApplicationStats,
    Output,
)
from modelmon.model import ValuePoint, from_us, to_us, wall_clock_us
from modelmon.pages.report import Known, Report, Reported, read_known, report_of, reported_names
from modelmon.private_columns import is_private
from modelmon.sql.database import Database
from modelmon.stores.series import open_series
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoint_overview import unread_overview
from modelmon.views.feature_page import FeaturePage, JudgedResult
from modelmon.views.features import CURRENT, MEASURES, features_of
from modelmon.views.thresholds import NONE, thresholds_of
from modelmon.views.verdicts import states_of_rows
from modelmon.views.window_features import WindowFeaturesView
from modelmon.views.windows import WindowView
from modelmon.windows import WindowState

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext


def window_report(
    context: MonitoringApplicationContext, outputs: Sequence[Output], database: Database | None
) -> Report:
    """What `outputs` say of the context's window, with what the records know of the endpoint until then; of
    one that is judged without records that is nothing.

    Raises UnavailableError when a store does not answer.
    """
    now_us, window = wall_clock_us(), _window(context)
    points = [
        _point(context, each) for each in outputs if not isinstance(each, ModelMonitoringApplicationStats)
    ]
    results = tuple(JudgedResult(p.name, p.value, p.kind, p.status, _limits(p)) for p in points)
    page = FeaturePage(_features(context, window, outputs), {}, results, None, None, None)
    known = Known(unread_overview(context.model_endpoint))
    if database is not None:
        looking = Looking(now_us, context.settings)
        with closing(open_series(context.settings)) as series:
            names = reported_names(page)
            known = read_known(database, series, looking, context.endpoint_id, window, names, points)
    return report_of(Reported(page, known, from_us(now_us), stands=False), context.settings)


def _window(context: MonitoringApplicationContext) -> WindowView:
    rows, window = context.rows, context.window
    beside = states_of_rows(rows, context.window_incomplete, context.settings.app_min_rows)
    return WindowView(
        context.application_name, window.start, window.end, WindowState.DONE, tuple(sorted(beside)), rows, 0,
        max(1, context.window_revision), "",
    )  # fmt: skip


def _point(
    context: MonitoringApplicationContext,
    output: ModelMonitoringApplicationResult | ModelMonitoringApplicationMetric,
) -> ValuePoint:
    window = context.window
    said: tuple[Any, ...] = ()
    if isinstance(output, ModelMonitoringApplicationResult):
        extra_data = msgspec.json.encode(output.extra_data).decode()
        said = (int(output.kind), int(output.status), extra_data)
    return ValuePoint(
        context.endpoint_id, context.application_name, to_us(window.start), to_us(window.end), output.name,
        output.value, max(1, context.window_revision), *said,
    )  # fmt: skip


def _limits(point: ValuePoint) -> Any:
    return NONE if point.kind is None else thresholds_of(point.extra_data)


def _features(
    context: MonitoringApplicationContext, window: WindowView, outputs: Sequence[Output]
) -> WindowFeaturesView:
    stats = {each.name: each.stats for each in outputs if isinstance(each, ModelMonitoringApplicationStats)}
    found = features_of(
        stats.get(CURRENT, {}), stats.get(MEASURES, {}), context.model_endpoint, context.application_name,
        context.window.start,
    )  # fmt: skip
    shown = tuple(each for each in found if not is_private(context.settings, each.feature))
    return WindowFeaturesView(context.endpoint_id, context.endpoint_name, window, {}, bool(stats), shown)
