"""Metrics: what apps gave of an endpoint over the time shown, grouped under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from modelmon.api.asked import Asked
from modelmon.api.frame import address, here, kept
from modelmon.api.routes import Kind, Page, Route
from modelmon.api.screens.of_endpoint import OfEndpoint, of_endpoint
from modelmon.api.time_range import Ranged
from modelmon.charts import bars
from modelmon.charts.markup import Svg
from modelmon.model import to_us
from modelmon.pages.marks import marks_of_deployments
from modelmon.pages.metric_boxes import Box, Happenings, box_of
from modelmon.views.deployments import Deployment, read_deployments
from modelmon.views.endpoint_calls import Calls, read_calls
from modelmon.views.incident_lists import ended_incidents, open_incidents
from modelmon.views.metric_lines import MetricName, read_metric_lines, read_metric_names
from modelmon.views.window_spans import read_window_spans

MOST = 24
"""So many boxes are shown; of more one chooses."""
NONE = "none"


class MetricsShown(Ranged, kw_only=True, frozen=True):
    """`metric`: app/name, any number of them; without one all, `none`: none. `q`: what names contain."""

    metric: tuple[str, ...] = ()
    q: str = ""


def metrics(asked: Asked, shown: MetricsShown) -> Page:
    """A box for each metric and result that is chosen."""
    of = of_endpoint(asked, shown, "metrics")
    known = read_metric_names(asked.database, asked.series, of.endpoint.endpoint_id)
    found = [each for each in known if shown.q.lower() in label(each).lower()]
    chosen = [each for each in found if not shown.metric or label(each) in shown.metric]
    span = of.frame.span
    calls = read_calls(asked.database, asked.series, of.endpoint.endpoint_id, span.start, span.end)
    with asked.database.read() as connection:
        deployments = read_deployments(connection, of.endpoint.endpoint_id, span.start, span.end)
    boxes = _boxes(asked, of, chosen[:MOST], deployments)
    values = {
        "of": of, "shown": shown, "kept": kept(asked), "known": known,
        "choices": {app: [*some] for app, some in groupby(found, key=lambda each: each.application_name)},
        "chosen": {label(each) for each in chosen}, "label": label, "boxes": boxes,
        "silent": [label(each) for each in chosen[:MOST] if not _has_box(each, boxes)],
        "left": max(0, len(chosen) - MOST), "calls": calls, "calls_chart": _calls_chart(calls, deployments),
        "deployments": deployments,
        "all": here(asked, metric=None, q=None), "nothing": here(asked, metric=NONE),
        "longer": here(asked, range="1y", **{"from": None, "to": None}),
        "incident_of": lambda number: address(asked, "incidents", str(number)),
    }  # fmt: skip
    return Page("metrics.html", values)


def label(metric: MetricName) -> str:
    """As an address names it."""
    return f"{metric.application_name}/{metric.name}"


def _boxes(
    asked: Asked, of: OfEndpoint, chosen: Sequence[MetricName], deployments: Sequence[Deployment]
) -> Mapping[str, list[Box]]:
    """By app; without those that no window has in the time shown."""
    by_app = {app: [*some] for app, some in groupby(chosen, key=lambda each: each.application_name)}
    known = _happenings(asked, of, [*by_app], deployments)
    return {
        app: [box_of(line, known) for line in _lines(asked, of, app, [each.name for each in some])]
        for app, some in by_app.items()
    }


def _lines(asked: Asked, of: OfEndpoint, app: str, names: Sequence[str]) -> Sequence[Any]:
    span = of.frame.span
    return read_metric_lines(
        asked.database, asked.series, of.endpoint.endpoint_id, app, names, span.start, span.end
    )


def _happenings(
    asked: Asked, of: OfEndpoint, apps: Sequence[str], deployments: Sequence[Deployment]
) -> Happenings:
    span, endpoint_id = of.frame.span, of.endpoint.endpoint_id
    with asked.database.read() as connection:
        spans = [
            each for app in apps
            for each in read_window_spans(connection, asked.settings, endpoint_id, app, span.start, span.end)
        ]  # fmt: skip
        incidents = [
            *open_incidents(connection, asked.settings, [endpoint_id]),
            *ended_incidents(connection, asked.settings, [endpoint_id], since_us=to_us(span.start)),
        ]
    return Happenings(
        span.start,
        span.end,
        [each for each in incidents if each.first < span.end],
        spans,
        deployments,
    )


def _has_box(metric: MetricName, boxes: Mapping[str, list[Box]]) -> bool:
    return metric.name in {box.line.name for box in boxes.get(metric.application_name, ())}


def _calls_chart(calls: Calls, deployments: Sequence[Deployment]) -> Svg | None:
    if not calls.buckets:
        return None
    requests, errors = zip(*((each.requests, each.errors) for each in calls.buckets), strict=True)
    times = [each.start for each in calls.buckets]
    stacks = {"requests": requests, "errors": errors}
    marks = [*marks_of_deployments(deployments)]
    return bars(times, stacks, times[0], calls.buckets[-1].end, label="calls", marks=marks)


ROUTES = (
    Route(
        "GET", "/projects/{project}/endpoints/{uid}/metrics", metrics,
        "Metrics and results of an endpoint over time, grouped under their apps.", MetricsShown,
        kind=Kind.PAGE,
    ),
)  # fmt: skip
