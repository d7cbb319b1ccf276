"""Features Analysis: every feature of an endpoint in one window, beside its reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.api.asked import Asked
from modelmon.api.frame import here, kept
from modelmon.api.problems import refused
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.of_endpoint import OfEndpoint, of_endpoint, tab_address
from modelmon.api.time_range import Ranged
from modelmon.charts import bullet, overlay, sparkline
from modelmon.charts.markup import Svg
from modelmon.errors import ConfigError, StoreError
from modelmon.views.bin_shares import bin_shares
from modelmon.views.feature_page import LINE, FeaturePage, FeaturePoint, JudgedResult, read_feature_page
from modelmon.views.feature_words import in_words, missing_share
from modelmon.views.features import FeatureView
from modelmon.views.thresholds import NONE, Thresholds

SAME = 1e-3
"""How close a result is to the highest score that is that score: reports round."""
DISTANCES = {"tvd_mean": "TVD", "hellinger_mean": "Hellinger", "kld_mean": "KLD"}


class FeaturesShown(Ranged, kw_only=True, frozen=True):
    """`window`: a moment inside it; without one the newest window that was judged whole."""

    window: datetime | None = None


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One feature as the table has it. `now` and `before`: its mean, or the share of its most frequent
    category."""

    feature: FeatureView
    kind: str
    address: str
    histogram: Svg
    score: Svg
    line: Svg
    words: str
    rows: int | None
    missing: float | None
    missing_before: float | None
    now: str
    before: str


def features(asked: Asked, shown: FeaturesShown) -> Page:
    """All features of a window on one page, the most changed first."""
    of = of_endpoint(asked, shown, "features")
    page = window_of(asked, of, shown.window)
    if page is None:
        return Page("features_empty.html", {"of": of})
    window = page.features.window
    values = {
        "of": of, "page": page, "window": window, "rows": [*_rows(asked, of, page)],
        "distances": distances(page), "min_rows": asked.settings.app_min_rows,
        "has_reference": any(each.reference for each in page.features.features),
        "kept": kept(asked), "windows_shown": LINE,
        "results": [each for each in page.results if each.kind is not None],
        "thresholds": thresholds_of_features(page),
        "beside": sorted(filter(lambda each: each.evidence, page.beside), key=_status, reverse=True),
        **beside(asked, shown, page),
        "metrics": tab_address(asked, of.endpoint, "metrics"),
        "behind": tab_address(asked, of.endpoint, "rows", window=written(window.start_infer_time)),
    }  # fmt: skip
    return Page("features.html", values)


def window_of(asked: Asked, of: OfEndpoint, moment: datetime | None) -> FeaturePage | None:
    """The features in the window of this moment, None where no app has judged any. Raises Problem 404 for a
    moment that no window holds."""
    try:
        return read_feature_page(
            asked.database, asked.series, asked.settings, of.endpoint.endpoint_id, asked.now_us, moment
        )
    except ConfigError as error:
        if moment is None and not isinstance(error, StoreError):
            return None
        raise refused(error, 404, "window") from None


def thresholds_of_features(page: FeaturePage) -> Thresholds:
    """What each feature was judged by: the thresholds of the result that is the highest of their scores,
    whichever app gave it and however it is called; none where no result is."""
    highest = page.highest
    if highest is None:
        return NONE
    results = (each for each in page.results if each.kind is not None)
    return next((each.thresholds for each in results if abs(each.value - highest) <= SAME), NONE)


def distances(page: FeaturePage) -> list[tuple[str, float | None, float]]:
    """Name, sum and mean over the features that were scored, of the app's metrics; no sum where none was."""
    scored = sum(each.score is not None for each in page.features.features)
    found = {each.name: each.value for each in page.results}
    return [
        (title, found[name] * scored if scored else None, found[name])
        for name, title in DISTANCES.items()
        if name in found
    ]


def written(moment: datetime) -> str:
    """As an address has it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def middle(feature: FeatureView, stats_of: str) -> str:
    """The mean of a number; of categories the most frequent one with its share; "" where there is none."""
    stats = (feature.reference if stats_of == "reference" else feature.sample) or {}
    if stats.get("mean") is not None:
        return f"{stats['mean']:.4g}"
    categories = stats.get("categories") or {}
    if not categories or not stats.get("count"):
        return ""
    name = max(categories, key=lambda each: categories[each])
    return f"{name} {100 * categories[name] / stats['count']:.0f} %"


def _rows(asked: Asked, of: OfEndpoint, page: FeaturePage) -> Iterator[FeatureRow]:
    limits, window = thresholds_of_features(page), page.features.window
    for each in page.features.features:
        shares = bin_shares(each.reference, each.sample)
        query = {"name": each.feature, "window": written(window.start_infer_time)}
        yield FeatureRow(
            each, _kind(each), tab_address(asked, of.endpoint, "feature", **query),
            overlay(shares.names, shares.reference, shares.current, label=each.feature),
            bullet(each.score, label="score", suspected=limits.potential, detected=limits.detected),
            _line(each.feature, page.lines.get(each.feature, ()), limits), in_words(each),
            None if each.sample is None else each.sample.get("count"), missing_share(each.sample),
            missing_share(each.reference), middle(each, "sample"), middle(each, "reference"),
        )  # fmt: skip


def _line(name: str, points: Sequence[FeaturePoint], limits: Thresholds) -> Svg:
    return sparkline([each.score for each in points], label=f"score of {name}", threshold=limits.detected)


def _status(result: JudgedResult) -> int:
    return result.status or 0


def _kind(feature: FeatureView) -> str:
    stats = feature.reference or feature.sample or {}
    return str(stats.get("kind") or ("categorical" if "categories" in stats else "numeric"))


def beside(asked: Asked, shown: FeaturesShown, page: FeaturePage) -> dict[str, object]:
    """Where this page leads to with another window: those beside it, the newest that was judged whole, and
    where that is shown `latest`, the newest of all, if that is a `newer` one."""

    def of(start: datetime | None) -> str:
        return "" if start is None else here(asked, window=written(start))

    newer = page.newer if shown.window is None else None
    return {
        "before": of(page.before), "after": of(page.after), "newer": newer, "latest": of(newer),
        "newest": here(asked, window=None) if shown.window is not None and page.after else "",
    }  # fmt: skip


ROUTES = (
    Route(
        "GET", "/projects/{project}/endpoints/{uid}/features", features,
        "Every feature of an endpoint in one window, the most changed first.", FeaturesShown, kind=Kind.PAGE,
    ),
)  # fmt: skip
