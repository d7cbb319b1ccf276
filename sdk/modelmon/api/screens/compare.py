"""Two endpoints side by side: two versions of a model, or any two, on the same windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from modelmon.api.asked import Asked
from modelmon.api.frame import address, frame_of, here, kept
from modelmon.api.problems import Problem
from modelmon.api.rest.compare import compared
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.time_range import Ranged
from modelmon.charts import Mark, Sample, overlay, pair
from modelmon.charts.markup import Svg
from modelmon.ledger import endpoints
from modelmon.pages.marks import marks_of_deployments
from modelmon.views.bin_shares import bin_shares
from modelmon.views.comparison import Comparison, FeaturePair, MetricPair
from modelmon.views.deployments import Deployment, read_deployments
from modelmon.views.endpoints import EndpointQuery, EndpointSummary, list_endpoints
from modelmon.views.feature_words import in_words
from modelmon.views.features import FeatureView
from modelmon.views.metric_lines import MetricLine
from modelmon.views.traffic import TrafficBucket

CHOICES = 100
"""So many endpoints are offered."""


class CompareShown(Ranged, kw_only=True, frozen=True):
    """Parameters: `endpoint` twice, names or ids; `window`: a moment in the window whose features are
    compared."""

    endpoint: tuple[str, ...] = ()
    window: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A feature of one side: its picture against its own reference, and what changed."""

    feature: FeatureView
    histogram: Svg
    words: str


def compare(asked: Asked, shown: CompareShown) -> Page:
    """The comparison; while two are not chosen, or can't be compared, what there is to choose from."""
    names = tuple(filter(None, shown.endpoint))
    with asked.database.read() as connection:
        frame = frame_of(connection, asked, "models", shown)
        choices = _choices(connection, asked, names)
        typed = [_typed(connection, each) for each in names]
    found, problem = None, None
    if len(names) > 1:
        try:
            found = compared(asked, names, frame.span.start, frame.span.end, shown.window)
        except Problem as error:
            problem = error
    values = {
        "frame": frame, "kept": kept(asked), "names": typed, "problem": str(problem) if problem else "",
        "choices": choices, "found": found, "models": address(asked, "models"),
        **(_drawn(asked, found) if found else {}),
    }  # fmt: skip
    return Page("compare.html", values, problem.status if problem else 200)


def _typed(connection: Connection, text: str) -> str:
    """Of an id the name, where no other endpoint has it."""
    known = endpoints.get(connection, text)
    is_only = known is not None and len(endpoints.find(connection, name=known.name)) == 1
    return known.name if known is not None and is_only else text


def _choices(connection: Connection, asked: Asked, names: Sequence[str]) -> Sequence[EndpointSummary]:
    """Those of the model that the first one is a version of; all of them where it is the only one."""
    text = names[0].partition(":")[0] if names else ""
    query = EndpointQuery(text=text, sort="name", limit=CHOICES)
    found = list_endpoints(connection, asked.looking, query).endpoints
    if text and len(found) < 2:
        found = list_endpoints(connection, asked.looking, replace(query, text="")).endpoints
    return found


def _drawn(asked: Asked, found: Comparison) -> dict[str, object]:
    sides = found.first, found.second
    deployments = [_deployments(asked, each, found) for each in sides]
    marks = [*_marks(sides, deployments)]
    names = found.first.endpoint_name, found.second.endpoint_name
    return {
        "sides": [(each, address(asked, "endpoints", each.endpoint_id)) for each in sides],
        "boxes": [(each, _chart(each, found, names, marks)) for each in found.metrics],
        "features": [(each, *_of(each)) for each in found.features],
        "traffic": [*_traffic(found, names, marks)], "deployments": [*zip(sides, deployments, strict=True)],
        "swapped": here(asked, endpoint=[found.second.endpoint_id, found.first.endpoint_id]),
    }  # fmt: skip


def _deployments(asked: Asked, side: EndpointSummary, found: Comparison) -> Sequence[Deployment]:
    with asked.database.read() as connection:
        return read_deployments(connection, side.endpoint_id, found.start, found.end)


def _marks(sides: Sequence[EndpointSummary], of: Sequence[Sequence[Deployment]]) -> Iterator[Mark]:
    for side, deployments in zip(sides, of, strict=True):
        for mark in marks_of_deployments(deployments):
            name = side.endpoint_name
            yield Mark(mark.at, f"{name}: {mark.words}", mark.kind, f"{name}: {mark.short}")


def _chart(metric: MetricPair, found: Comparison, names: tuple[str, str], marks: Sequence[Mark]) -> Svg:
    first, second = (_samples(each) for each in (metric.first, metric.second))
    return pair(first, second, found.start, found.end, label=metric.name, names=names, marks=marks)


def _samples(line: MetricLine | None) -> list[Sample]:
    return [Sample(each.start, each.end, each.value) for each in line.points] if line else []


def _of(features: FeaturePair) -> tuple[Drawn | None, Drawn | None]:
    return _feature(features.first), _feature(features.second)


def _feature(feature: FeatureView | None) -> Drawn | None:
    if feature is None:
        return None
    shares = bin_shares(feature.reference, feature.sample)
    picture = overlay(shares.names, shares.reference, shares.current, label=feature.feature, hover=False)
    return Drawn(feature, picture, in_words(feature))


def _traffic(found: Comparison, names: tuple[str, str], marks: Sequence[Mark]) -> Iterator[tuple[str, Svg]]:
    if not any(found.traffic):
        return
    wanted = (
        ("Requests", lambda each: float(each.requests)),
        ("Latency, 95 % are faster, in ms", lambda each: each.latency.p95_ms if each.latency else None),
        ("Share of errors", lambda each: each.errors / max(1, each.requests + each.errors)),
    )
    for label, value in wanted:
        first, second = (
            [Sample(each.start, each.end, value(each)) for each in buckets] for buckets in found.traffic
        )
        yield label, pair(first, second, *_reach(found), label=label, names=names, marks=marks)


def _reach(found: Comparison) -> tuple[datetime, datetime]:
    buckets: list[TrafficBucket] = [*found.traffic[0], *found.traffic[1]]
    return min([found.start, *(each.start for each in buckets)]), max(
        [found.end, *(each.end for each in buckets)]
    )


ROUTES = (
    Route(
        "GET", "/projects/{project}/compare", compare,
        "Two endpoints side by side on the same windows.", CompareShown, kind=Kind.PAGE,
    ),
)  # fmt: skip
