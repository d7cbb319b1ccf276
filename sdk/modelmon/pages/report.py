"""A report: one window of an endpoint as one HTML file that loads nothing, to send, keep or print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from modelmon.charts import overlay
from modelmon.charts.markup import Svg
from modelmon.model import from_us
from modelmon.pages.assets import assets
from modelmon.pages.metric_boxes import Box, Happenings, box_of
from modelmon.pages.rendering import render
from modelmon.pages.words import number, verdict
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.bin_shares import bin_shares
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoint_overview import EndpointOverview, read_endpoint_overview
from modelmon.views.endpoints import find_endpoint
from modelmon.views.feature_page import FeaturePage, JudgedResult, read_feature_page
from modelmon.views.feature_words import in_words
from modelmon.views.features import FeatureView
from modelmon.views.metric_lines import read_metric_lines
from modelmon.views.window_spans import read_window_spans
from modelmon.views.windows import WindowView

WORST = 4
"""Features with a big picture."""
WINDOWS = 60
"""So many windows' length back reach the lines."""


@dataclass(frozen=True, slots=True)
class Report:
    """Of the window [start, end); `html` is the whole file."""

    endpoint_name: str
    start: datetime
    end: datetime
    html: str

    @property
    def file_name(self) -> str:
        """What it is called where nobody says otherwise; a name's other characters become "-"."""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", self.endpoint_name)
        return f"{name}-{self.start:%Y-%m-%dT%H%M}.html"


@dataclass(frozen=True, slots=True)
class ReportedFeature:
    feature: FeatureView
    histogram: Svg
    words: str
    rows: int | None


def make_report(
    database: Database, series: SeriesStore, looking: Looking, name: str, moment: datetime | None = None
) -> Report:
    """Of the endpoint of this name or id the window that holds `moment`, without one the newest that was
    judged whole, as `read_feature_page` finds it. Columns that are private are not in it.

    Raises ConfigError for a name that nothing or several things have, and where there is no such window.
    """
    page = read_feature_page(database, series, looking.settings, name, looking.now_us, moment)
    window, features = page.features.window, page.features.features
    with database.read() as connection:
        one = find_endpoint(connection, looking, page.features.endpoint_id)
    end = window.end_infer_time
    start = end - WINDOWS * max(end - window.start_infer_time, timedelta(minutes=1))
    found = read_endpoint_overview(database, series, looking, one.endpoint_id, start, end)
    results = [each for each in page.results if each.kind is not None]
    boxes = _boxes(database, series, looking.settings, page, found, start)
    html = render(
        "report.html", one=one, of={"endpoint": one}, page=page, window=window, results=results,
        state=_state(window, results), reason=_reason(results, features), found=found,
        worst=[_feature(each, big=True) for each in features[:WORST] if each.score is not None],
        rows=[_feature(each) for each in features], boxes=boxes,
        min_rows=looking.settings.app_min_rows, has_reference=any(each.reference for each in features),
        newer=page.newer if moment is None else None, latest="",
        project=looking.settings.project, made_at=from_us(looking.now_us), style=_style(),
    )  # fmt: skip
    return Report(one.endpoint_name, window.start_infer_time, end, html)


def _feature(feature: FeatureView, *, big: bool = False) -> ReportedFeature:
    shares = bin_shares(feature.reference, feature.sample)
    picture = overlay(
        shares.names, shares.reference, shares.current, label=feature.feature, big=big, hover=big
    )
    rows = None if feature.sample is None else feature.sample.get("count")
    return ReportedFeature(feature, picture, in_words(feature), rows)


def _state(window: WindowView, results: Sequence[JudgedResult]) -> str:
    """The worst that was said of the window; of one without an answer where it stands."""
    said = [each.status for each in results if each.status is not None]
    return verdict(max(said)) if said else next(iter(window.states), window.state.value)


def _reason(results: Sequence[JudgedResult], features: Sequence[FeatureView]) -> str:
    """By which rule: the worst result beside its threshold, and the feature that changed most."""
    bad = [each for each in results if each.status in (1, 2)]
    if not bad:
        return ""
    worst = max(bad, key=lambda each: each.status or 0)
    limit = worst.thresholds.detected if worst.status == 2 else worst.thresholds.potential
    rule = f" ≥ {number(limit)}" if limit is not None and worst.value >= limit else ""
    scored = next((each for each in features if each.score is not None), None)
    most = f"; {scored.feature} changed most, {number(scored.score)}" if scored else ""
    return f"{worst.name} {number(worst.value)}{rule}{most}"


def _boxes(
    database: Database,
    series: SeriesStore,
    settings: Settings,
    page: FeaturePage,
    found: EndpointOverview,
    start: datetime,
) -> list[Box]:
    window, endpoint_id = page.features.window, page.features.endpoint_id
    names = [each.name for each in page.results if each.kind is not None]
    end, app = window.end_infer_time, window.application_name
    lines = read_metric_lines(database, series, endpoint_id, app, names, start, end) if names else ()
    with database.read() as connection:
        spans = read_window_spans(connection, settings, endpoint_id, app, start, end)
    known = Happenings(start, end, found.incidents, spans, found.deployments)
    return [box_of(line, known) for line in lines]


def _style() -> Markup:
    """Our own style sheet: nothing in it is anyone's text."""
    return Markup(assets()["modelmon.css"].decode())  # noqa: S704
