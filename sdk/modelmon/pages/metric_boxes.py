"""The box of one metric or result: its badge, its histogram, its line with everything that happened."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from modelmon.charts import Mark, Sample, spread, timeline
from modelmon.charts.markup import Svg
from modelmon.pages.marks import marks_of_deployments, marks_of_incidents
from modelmon.views.deployments import Deployment
from modelmon.views.incidents import Incident
from modelmon.views.metric_lines import MetricLine, MetricPoint, ThresholdStep
from modelmon.views.thresholds import NONE
from modelmon.views.window_spans import WindowSpan

Part = TypeVar("Part", ThresholdStep, WindowSpan)
JUDGED_MARKS = 20
"""So many windows that were judged again have a mark, the newest."""
LISTED = 50
"""So many windows are in the table under a chart, the newest."""


@dataclass(frozen=True, slots=True)
class Box:
    """One metric or result of an app. `incident`: the one that is open, else the newest that ended in the
    time shown, None where there is none."""

    line: MetricLine
    incident: Incident | None
    histogram: Svg
    timeline: Svg
    newest: tuple[MetricPoint, ...]
    judged_again: int


@dataclass(frozen=True, slots=True)
class Happenings:
    """What else is known of the time shown."""

    start: datetime
    end: datetime
    incidents: Sequence[Incident]
    spans: Sequence[WindowSpan]
    deployments: Sequence[Deployment]


def box_of(line: MetricLine, known: Happenings) -> Box:
    mine = [
        each for each in known.incidents
        if (each.application_name, each.result_name) == (line.application_name, line.name)
    ]  # fmt: skip
    again = [point for point in line.points if point.revision > 1]
    marks = [*marks_of_incidents(mine), *_judged(again), *marks_of_deployments(known.deployments)]
    samples = [
        *_samples(line, [each for each in known.spans if each.application_name == line.application_name])
    ]
    limits = [limit for limit in (line.steps[-1].thresholds if line.steps else NONE) if limit is not None]
    histogram = line.histogram
    return Box(
        line, next(iter(sorted(mine, key=lambda each: each.resolved is not None)), None),
        spread(histogram.edges, histogram.counts, label=f"values of {line.name}", thresholds=limits),
        timeline(samples, known.start, known.end, label=line.name, marks=marks),
        tuple(reversed(line.points[-LISTED:])), len(again),
    )  # fmt: skip


def _samples(line: MetricLine, spans: Sequence[WindowSpan]) -> Iterator[Sample]:
    """Each point with the thresholds stored with it; where there is none a window that has a state."""
    found, held = [], set()
    step_starts, span_starts = [each.start for each in line.steps], [each.start for each in spans]
    for point in line.points:
        step, span = _at(line.steps, step_starts, point.start), _at(spans, span_starts, point.start)
        limits = step.thresholds if step else NONE
        status, state = -1 if point.status is None else point.status, span.state if span else ""
        found.append(Sample(point.start, point.end, point.value, status, *limits, state))
        held.add(span.start if span else None)
    found += [
        Sample(each.start, each.end, None, state=each.state) for each in spans if each.start not in held
    ]
    yield from sorted(found, key=lambda sample: sample.start)


def _at(parts: Sequence[Part], starts: Sequence[datetime], moment: datetime) -> Part | None:
    """The one that holds the moment; they are in order."""
    place = bisect_right(starts, moment) - 1
    return parts[place] if place >= 0 and moment < parts[place].end else None


def _judged(again: Sequence[MetricPoint]) -> Iterator[Mark]:
    for point in again[-JUDGED_MARKS:]:
        yield Mark(point.start, f"judged again, revision {point.revision}", "judged")
