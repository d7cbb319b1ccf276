"""A report: one window of an endpoint as one HTML file that loads nothing, to send, keep or print."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from markupsafe import Markup

from modelmon.charts import overlay
from modelmon.charts.markup import Svg
from modelmon.errors import ConfigError
from modelmon.model import ValuePoint, from_us
from modelmon.pages.assets import assets
from modelmon.pages.metric_boxes import Box, Happenings, box_of
from modelmon.pages.notebook import in_notebook
from modelmon.pages.rendering import render
from modelmon.pages.words import number, verdict
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.bin_shares import bin_shares
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoint_overview import EndpointOverview, read_endpoint_overview
from modelmon.views.endpoints import EndpointSummary, find_endpoint
from modelmon.views.feature_page import FeaturePage, JudgedResult, read_feature_page
from modelmon.views.feature_words import in_words
from modelmon.views.features import FeatureView
from modelmon.views.metric_lines import read_metric_lines
from modelmon.views.window_spans import read_window_spans
from modelmon.views.windows import WindowView

WORST = 4
"""Features with a big picture."""
ROWS = (200, 50, 10)
"""So many features are in the table, those that changed most: the first of these with which it is small."""
RESULTS = 30
"""So many results of a window, the worst of more."""
MOST_BYTES = 600_000
WINDOWS = 60
"""So many windows' length back reach the lines."""
GENERATOR = "ModelMon report"
"""What a file says that it is, so that a newer report may take its place."""


@dataclass(frozen=True, slots=True)
class Report:
    """Of the window [start, end) of an endpoint; `content` is what it says, as markup."""

    endpoint_name: str
    start: datetime
    end: datetime
    content: Markup = field(repr=False)

    @property
    def html(self) -> str:
        """The whole file."""
        return html_file(f"{self.endpoint_name} · {self.start:%Y-%m-%d %H:%M} · ModelMon", self.content)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.html.encode())

    @property
    def file_name(self) -> str:
        """What it is called where nobody says otherwise; a name's other characters become "-"."""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", self.endpoint_name)
        return f"{name}-{self.start:%Y-%m-%dT%H%M}.html"

    def save(self, path: str | Path = "") -> Path:
        """Write the file, here under `file_name` where no path is given; returns where it is.

        A report that is there already is replaced. Raises ConfigError for a place that can't be written, and
        for a file there that is something else.
        """
        return save_report(self.html, Path(path or self.file_name))

    def _repr_html_(self) -> str:
        return in_notebook(self.content)


def html_file(title: str, body: Markup) -> str:
    """A page of ours with this content as a file that loads nothing and runs nothing."""
    return render("report_file.html", title=title, generator=GENERATOR, style=_style(), body=body)


def save_report(html: str, place: Path) -> Path:
    """As `Report.save`."""
    hidden = place.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        if place.exists() and not is_report(place):
            raise ConfigError(f"{place} is there already and is no report; name another file, or delete it")
        hidden.write_text(html, encoding="utf-8")
        hidden.replace(place)
    except OSError as error:
        raise ConfigError(f"{place} can't be written: {error.strerror}; name a file that can") from None
    finally:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)
    return place


def is_report(place: Path) -> bool:
    """Whether the file there is a report."""
    with place.open("rb") as file:
        return f'content="{GENERATOR}"'.encode() in file.read(2_000)


@dataclass(frozen=True, slots=True)
class Known:
    """What the records and series know beside the window itself: `one` counts and says how the endpoint
    stands, None where there are no records; `boxes` are results over time."""

    found: EndpointOverview
    one: EndpointSummary | None = None
    boxes: Sequence[Box] = ()


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report says. `newer`: the start of a newer window that was not judged whole; `stands`: whether
    it says how the endpoint stands now."""

    page: FeaturePage
    known: Known
    made_at: datetime
    newer: datetime | None = None
    stands: bool = True


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
    window = page.features.window
    known = read_known(database, series, looking, page.features.endpoint_id, window, reported_names(page))
    newer = page.newer if moment is None else None
    return report_of(Reported(page, known, from_us(looking.now_us), newer), looking.settings)


def read_known(
    database: Database,
    series: SeriesStore,
    looking: Looking,
    endpoint_id: str,
    window: WindowView,
    names: Sequence[str],
    points: Sequence[ValuePoint] = (),
) -> Known:
    """Results of these names over the time before the window and in it, and what else is known of the
    endpoint. `points`: what is said of the window and not stored yet."""
    end = window.end_infer_time
    start = end - WINDOWS * max(end - window.start_infer_time, timedelta(minutes=1))
    with database.read() as connection:
        one = find_endpoint(connection, looking, endpoint_id)
    found = read_endpoint_overview(database, series, looking, endpoint_id, start, end)
    place = (endpoint_id, window.application_name)
    lines = read_metric_lines(database, series, *place, names, start, end, points=points) if names else ()
    with database.read() as connection:
        spans = read_window_spans(connection, looking.settings, *place, start, end)
    known = Happenings(start, end, found.incidents, spans, found.deployments)
    return Known(found, one, [box_of(line, known) for line in lines])


def reported_names(page: FeaturePage) -> list[str]:
    """Which results are in a report on this."""
    return [each.name for each in _results(page)]


def _results(page: FeaturePage) -> list[JudgedResult]:
    """In their order; of too many the worst."""
    found = [each for each in page.results if each.kind is not None]
    worst = sorted(found, key=lambda each: -1 if each.status is None else each.status, reverse=True)[:RESULTS]
    return [each for each in found if each in worst] if len(found) > RESULTS else found


def report_of(reported: Reported, settings: Settings) -> Report:
    """The report that says this, in at most MOST_BYTES."""
    for many in ROWS:
        content = _content(reported, settings, many)
        if len(content.encode()) + len(_style().encode()) < MOST_BYTES:
            break
    found, window = reported.page.features, reported.page.features.window
    markup = Markup(content)  # noqa: S704 - of our own template
    return Report(found.endpoint_name, window.start_infer_time, window.end_infer_time, markup)


def _content(reported: Reported, settings: Settings, many: int) -> str:
    page, features = reported.page, reported.page.features.features
    window, results = page.features.window, _results(page)
    return render(
        "report.html", one=reported.known.one, page=page, window=window, results=results,
        state=_state(window, results), reason=_reason(results, features), found=reported.known.found,
        worst=[_feature(each, big=True) for each in features[:WORST] if each.score is not None],
        rows=[_feature(each) for each in features[:many]], left_out=len(features[many:]),
        boxes=reported.known.boxes, stands=reported.stands, newer=reported.newer, latest="",
        min_rows=settings.app_min_rows, has_reference=any(each.reference for each in features),
        project=settings.project, made_at=reported.made_at,
    )  # fmt: skip


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


def _style() -> Markup:
    """Our own style sheet: nothing in it is anyone's text."""
    return Markup(assets()["modelmon.css"].decode())  # noqa: S704
