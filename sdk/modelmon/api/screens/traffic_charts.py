"""What came in to an endpoint, drawn: requests, how long they took, how many of them failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.api.time_range import Span
from modelmon.charts import Mark, Sample, bars, timeline
from modelmon.charts.markup import Svg
from modelmon.views.traffic import TrafficBucket


@dataclass(frozen=True, slots=True)
class TrafficCharts:
    """`requests` and `errors` in the whole span; `estimated_rows`: `rows` with those that sampling left
    out."""

    requests: int
    errors: int
    rows: int
    estimated_rows: float
    counts: Svg
    latency: Svg
    error_share: Svg


def traffic_charts(
    buckets: Sequence[TrafficBucket], span: Span, marks: Sequence[Mark]
) -> TrafficCharts | None:
    """None without traffic in the span."""
    if not buckets:
        return None
    start, end = min(span.start, buckets[0].start), max(span.end, buckets[-1].end)
    latency = [
        Sample(each.start, each.end, each.latency.p95_ms if each.latency else None) for each in buckets
    ]
    shares = [
        Sample(each.start, each.end, each.errors / max(1, each.requests + each.errors)) for each in buckets
    ]
    return TrafficCharts(
        sum(each.requests for each in buckets), sum(each.errors for each in buckets),
        sum(each.rows for each in buckets), sum(each.estimated_rows for each in buckets),
        _counts(buckets, start, end, marks),
        timeline(latency, start, end, label="95 % of the requests were faster, ms", marks=marks),
        timeline(shares, start, end, label="Share of requests that failed", marks=marks),
    )  # fmt: skip


def _counts(buckets: Sequence[TrafficBucket], start: datetime, end: datetime, marks: Sequence[Mark]) -> Svg:
    """With the buckets that nothing came in, since a bar reaches to the next one."""
    length = buckets[0].end - buckets[0].start
    found = {each.start: each for each in buckets}
    many = round((buckets[-1].end - buckets[0].start) / length)
    times = [buckets[0].start + n * length for n in range(many)]
    stacks = {
        "requests": [found[each].requests if each in found else 0 for each in times],
        "errors": [found[each].errors if each in found else 0 for each in times],
    }
    return bars(times, stacks, start, end, label="Requests", marks=marks)
