"""One feature in one window: both distributions, bin by bin, and how it went over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from modelmon.api.asked import Asked
from modelmon.api.csv_answers import csv_answer
from modelmon.api.frame import kept
from modelmon.api.problems import Problem
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.features import (
    FeaturesShown,
    beside,
    middle,
    thresholds_of_features,
    window_of,
    written,
)
from modelmon.api.screens.of_endpoint import OfEndpoint, of_endpoint, tab_address
from modelmon.charts import Mark, Sample, band, overlay, timeline
from modelmon.charts.markup import Svg
from modelmon.errors import no_such
from modelmon.pages.marks import marks_of_deployments
from modelmon.views.bin_shares import BinShares, bin_shares
from modelmon.views.csv_text import csv_text
from modelmon.views.deployments import Deployment, read_deployments
from modelmon.views.feature_page import FeaturePage
from modelmon.views.feature_words import in_words, missing_share
from modelmon.views.features import FeatureView

HEADS = ("bin", "reference_rows", "reference_share", "rows", "share")


class FeatureShown(FeaturesShown, kw_only=True, frozen=True):
    """`name` of the feature; `window` as of the page of all features."""

    name: str


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a feature; None where the reference or the window is not known by bins."""

    name: str
    reference_rows: int | None
    reference_share: float | None
    rows: int | None
    share: float | None

    @property
    def more(self) -> float | None:
        """By how much its share has grown."""
        known = self.share is not None and self.reference_share is not None
        return self.share - self.reference_share if known else None  # type: ignore[operator]


def feature(asked: Asked, shown: FeatureShown) -> Page:
    """One feature of a window, large."""
    of, page, found = _found(asked, shown)
    shares, window = bin_shares(found.reference, found.sample), page.features.window
    moment = written(window.start_infer_time)
    query = {"name": found.feature, "window": moment}
    deployments = _deployments(asked, of, page, found)
    marks = [*marks_of_deployments(deployments)]
    values = {
        "of": of, "page": page, "window": window, "feature": found, "bins": [*bins_of(shares)],
        "words": in_words(found), "min_rows": asked.settings.app_min_rows,
        "has_reference": found.reference is not None, "missing": missing_share(found.sample),
        "missing_before": missing_share(found.reference), "now_middle": middle(found, "sample"),
        "before_middle": middle(found, "reference"), "kept": {**kept(asked), "name": found.feature},
        "histogram": overlay(shares.names, shares.reference, shares.current, label=found.feature, big=True),
        "deployments": deployments, "scores": _scores(page, found, marks),
        "over_time": _over_time(page, found, marks),
        "has_mean": bool(found.sample and found.sample.get("mean") is not None),
        "thresholds": thresholds_of_features(page),
        "all": tab_address(asked, of.endpoint, "features", window=moment),
        "csv": tab_address(asked, of.endpoint, "feature.csv", **query),
        "behind": tab_address(asked, of.endpoint, "rows", feature=found.feature, window=moment),
        **beside(asked, shown, page),
    }  # fmt: skip
    return Page("feature.html", values)


def feature_csv(asked: Asked, shown: FeatureShown) -> Response:
    of, page, found = _found(asked, shown)
    rows = (
        (each.name, each.reference_rows, each.reference_share, each.rows, each.share)
        for each in bins_of(bin_shares(found.reference, found.sample))
    )
    start = page.features.window.start_infer_time
    name = f"{of.endpoint.endpoint_name}-{found.feature}-{start:%Y-%m-%dT%H%M}.csv"
    return csv_answer(name, csv_text(HEADS, rows))


def bins_of(shares: BinShares) -> Iterator[Bin]:
    """Each bin with both counts.

    >>> [*bins_of(BinShares(("a", "b"), (), (1, 3)))][1]
    Bin(name='b', reference_rows=None, reference_share=None, rows=3, share=0.75)
    """
    for place, name in enumerate(shares.names):
        before = shares.reference_rows[place] if shares.reference_rows else None
        now = shares.current_rows[place] if shares.current_rows else None
        yield Bin(
            name, before, shares.reference[place] if shares.reference else None,
            now, shares.current[place] if shares.current else None,
        )  # fmt: skip


def _found(asked: Asked, shown: FeatureShown) -> tuple[OfEndpoint, FeaturePage, FeatureView]:
    """Raises Problem 404 for a feature that the endpoint does not have."""
    of = of_endpoint(asked, shown, "features")
    page = window_of(asked, of, shown.window)
    known = {each.feature: each for each in page.features.features} if page else {}
    if page is None or shown.name not in known:
        where = f"endpoint {of.endpoint.endpoint_name!r} has no feature {shown.name!r}"
        raise Problem(404, str(no_such(where, shown.name, known)), "name")
    return of, page, known[shown.name]


def _deployments(
    asked: Asked, of: OfEndpoint, page: FeaturePage, feature: FeatureView
) -> Sequence[Deployment]:
    """In the time that the lines reach over."""
    points = page.lines.get(feature.feature, ())
    if not points:
        return ()
    end = page.features.window.end_infer_time
    with asked.database.read() as connection:
        return read_deployments(connection, of.endpoint.endpoint_id, points[0].start, end)


def _scores(page: FeaturePage, feature: FeatureView, marks: Sequence[Mark]) -> Svg | None:
    points, window = page.lines.get(feature.feature, ()), page.features.window
    if not points:
        return None
    limits, length = thresholds_of_features(page), window.end_infer_time - window.start_infer_time
    samples = [
        Sample(
            each.start, each.start + length, each.score, _status(each.score, *limits), limits.potential,
            limits.detected,
        )
        for each in points
    ]  # fmt: skip
    label = f"score of {feature.feature}"
    return timeline(samples, points[0].start, window.end_infer_time, label=label, marks=marks)


def _status(score: float | None, potential: float | None, detected: float | None) -> int:
    if score is None or detected is None:
        return -1
    return 2 if score >= detected else 1 if potential is not None and score >= potential else 0


def _over_time(page: FeaturePage, feature: FeatureView, marks: Sequence[Mark]) -> Svg | None:
    """The mean, before what the reference is most of the time; of categories the share of the most frequent
    one. Nothing where neither is known."""
    points, reference = page.lines.get(feature.feature, ()), feature.reference or {}
    times, means = [each.start for each in points], [each.mean for each in points]
    if any(mean is not None for mean in means):
        low, mean, high = _spread_of(reference)
        label = f"mean of {feature.feature}"
        return band(times, means, label=label, low=low, mean=mean, high=high, marks=marks)
    shares = [each.share for each in points]
    if all(share is None for share in shares):
        return None
    most = max(bin_shares(reference, None).reference, default=None)
    label = f"share of the most frequent {feature.feature}"
    return band(times, shares, label=label, mean=most, marks=marks)


def _spread_of(reference: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Where the middle half of the reference lies, around its mean; without quartiles a deviation to each
    side."""
    mean, std = reference.get("mean"), reference.get("std")
    low, high = reference.get("25%"), reference.get("75%")
    if low is None and mean is not None and std is not None:
        low, high = mean - std, mean + std
    return low, mean, high


ROUTES = (
    Route(
        "GET", "/projects/{project}/endpoints/{uid}/feature", feature,
        "One feature of an endpoint in one window.", FeatureShown, kind=Kind.PAGE,
    ),
    Route(
        "GET", "/projects/{project}/endpoints/{uid}/feature.csv", feature_csv,
        "The bins of a feature as CSV: rows of the reference and of the window.", FeatureShown, kind=Kind.RAW,
    ),
)  # fmt: skip
