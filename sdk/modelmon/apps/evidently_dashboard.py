"""A project of Evidently's as a page without scripts: its panels, each metric's values over the runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from modelmon.charts.band import band
from modelmon.charts.markup import Svg
from modelmon.errors import ConfigError
from modelmon.pages.rendering import render
from modelmon.pages.report import html_file

PARTS = ("values", "counts", "shares", "count", "share", "mean", "std")
"""Where Evidently's results of several numbers have them."""
ALIAS = "evidently:metric_v2:"
MOST_LINES = 50
"""So many lines of a panel are drawn: a metric of every column may have thousands."""


@dataclass(frozen=True, slots=True)
class Point:
    """One number of a run: the metric it is of, its labels (column, method, which part), and when."""

    metric: str
    labels: Mapping[str, str]
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a panel: its words, its last value, its chart."""

    name: str
    last: float
    chart: Svg


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: its lines, and how many more there are."""

    title: str
    subtitle: str
    lines: Sequence[Line]
    left_out: int


def dashboard_page(workspace: Any, project: Any, start: datetime, end: datetime) -> str:
    """The panels of the project, of its runs in [start, end); naive times are UTC. A run that can't be read,
    left half written, is counted. Raises ConfigError for a project without panels, and for no span."""
    start, end = _utc(start), _utc(end)
    if start >= end:
        raise ConfigError(f"timestamp_end: must be after timestamp_start, got {start} and {end}")
    model = project.dashboard.model()
    if not model.panels:
        raise ConfigError(
            f"Evidently's project {project.name!r} has no panels; add them by project.dashboard.add_panel"
        )
    runs, unread = _runs(workspace, project.id, start, end)
    panels = [_panel(each, runs) for each in model.panels]
    body = render(
        "evidently_body.html", title=project.name, about=project.description or "", panels=panels,
        start=start, end=end, runs=len(runs), unread=unread,
    )  # fmt: skip
    return html_file(project.name, Markup(body))  # noqa: S704 - rendered, so escaped


def _runs(workspace: Any, project_id: Any, start: datetime, end: datetime) -> tuple[list[Any], int]:
    found, unread = [], 0
    for run_id in workspace.list_runs(project_id):
        try:
            run = workspace.get_run(project_id, run_id)
        except (ValueError, FileNotFoundError):  # of JSON and of pydantic
            unread += 1
            continue
        if start <= _utc(run.timestamp) < end:
            found.append(run)
    return sorted(found, key=lambda run: _utc(run.timestamp)), unread


def _panel(panel: Any, runs: Sequence[Any]) -> Panel:
    found: dict[str, list[Point]] = {}
    for metric in panel.values:
        for run in runs:
            if set(run.tags) >= set(metric.tags) and run.metadata.items() >= metric.metadata.items():
                for point in _points(run):
                    if point.metric == metric.metric and point.labels.items() >= metric.metric_labels.items():
                        found.setdefault(_name(metric, point), []).append(point)
    lines = [_line(name, points) for name, points in list(found.items())[:MOST_LINES]]
    return Panel(panel.title, panel.subtitle or "", lines, max(0, len(found) - MOST_LINES))


def _points(run: Any) -> Iterator[Point]:
    for result in run.metric_results.values():
        for single in _singles(result):
            place = single.metric_value_location
            params = {name: str(value) for name, value in place.metric.params.items() if name != "type"}
            labels = {**params, **{name: str(value) for name, value in place.param.items()}}
            yield Point(str(place.metric.params["type"]), labels, _utc(run.timestamp), _number(single.value))


def _singles(result: Any) -> Iterator[Any]:
    """Every single number of a result, whatever it is made of."""
    if hasattr(result, "iter_single_values"):
        yield from result.iter_single_values()
    elif hasattr(result, "value"):
        yield result
    else:
        for part in (getattr(result, name) for name in PARTS if hasattr(result, name)):
            yield from part.values() if isinstance(part, dict) else [part]


def _name(metric: Any, point: Point) -> str:
    """The legend, and what tells this line from others of the same one."""
    more = [
        value
        for name, value in point.labels.items()
        if name not in metric.metric_labels and name in ("column", "label", "value_type")
    ]
    return " · ".join([metric.legend or point.metric.removeprefix(ALIAS), *more])


def _line(name: str, points: Sequence[Point]) -> Line:
    chart = band([each.at for each in points], [each.value for each in points], label=name)
    return Line(name, points[-1].value, chart)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
