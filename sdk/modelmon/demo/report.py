"""The demo's last page: a table of what was found, and the year of each endpoint as a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from modelmon.demo.outcome import FEATURE, GENERAL, Outcome, Week
from modelmon.model import ResultStatusApp

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

BARS = "▁▂▃▄▅▆▇█"
NOT_JUDGED = "·"
SHOWN_FEATURES = 3
COLOURS = {
    ResultStatusApp.irrelevant: "dim",
    ResultStatusApp.no_detection: "green",
    ResultStatusApp.potential_detection: "yellow",
    ResultStatusApp.detected: "red",
}


def findings(outcomes: Sequence[Outcome]) -> Table:
    """A row a fact, a column an endpoint."""
    from rich.table import Table

    table = Table(title="What was found in the year")
    table.add_column("")
    for outcome in outcomes:
        table.add_column(outcome.endpoint_name)
    facts: dict[str, Callable[[Outcome], str]] = {
        "rows received": lambda outcome: f"{outcome.received:,}",
        "weeks judged": _windows,
        f"{FEATURE}: highest": lambda outcome: _highest(outcome, lambda week: week.feature_drift),
        f"{GENERAL}: highest": lambda outcome: _highest(outcome, lambda week: week.general_drift),
        "first suspected": lambda outcome: _first(outcome, ResultStatusApp.potential_detection),
        "first detected": lambda outcome: _first(outcome, ResultStatusApp.detected),
        "detected by the mean alone": _detected_by_mean,
        "worst features": _worst,
    }
    for name, fact in facts.items():
        table.add_row(name, *(fact(outcome) for outcome in outcomes))
    return table


def lines_of_the_year(outcomes: Sequence[Outcome]) -> Table:
    """Both scores of each endpoint, a bar a week from 0 to 1, in the colour of the verdict."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("endpoint", "result", "January … December, one bar a week (▁ is 0, █ is 1)"):
        table.add_column(title, no_wrap=True)
    for outcome in outcomes:
        feature = [(week.feature_drift, week.status) for week in outcome.weeks]
        general = [(week.general_drift, week.general_status) for week in outcome.weeks]
        table.add_row(outcome.endpoint_name, FEATURE, line(feature))
        table.add_row("", GENERAL, line(general))
    return table


def line(values: Sequence[tuple[float, ResultStatusApp]]) -> Text:
    """One bar a value in [0, 1]; a dot where there was no verdict."""
    from rich.text import Text

    text = Text()
    for value, status in values:
        bar = NOT_JUDGED if status == ResultStatusApp.irrelevant else BARS[min(int(value * 8), 7)]
        text.append(bar, COLOURS[status])
    return text


def _windows(outcome: Outcome) -> str:
    unjudged = [week for week in outcome.weeks if not week.is_judged]
    states = ", ".join(f"{sum(week.state == state for week in unjudged)} {state}" for state in
                       dict.fromkeys(week.state for week in unjudged))  # fmt: skip
    return f"{len(outcome.judged)}" + (f" (and {states})" if states else "")


def _highest(outcome: Outcome, value: Callable[[Week], float]) -> str:
    week = max(outcome.judged, key=value, default=None)
    return "-" if week is None else f"{value(week):.2f} in the week of {week.start:%d %b}"


def _first(outcome: Outcome, status: ResultStatusApp) -> str:
    week = outcome.first(status)
    if week is None:
        return "never"
    return (
        f"week of {week.start:%d %b}: {week.features[0].feature} {week.feature_drift:.2f}, on {week.rows:,} rows"
    )


def _detected_by_mean(outcome: Outcome) -> str:
    weeks = sum(week.general_status == ResultStatusApp.detected for week in outcome.judged)
    return f"{weeks} of {len(outcome.judged)} weeks"


def _worst(outcome: Outcome) -> str:
    return "\n".join(
        f"{found.feature} {found.score:.2f} ({_distances(found.distances)}), week of {found.week:%d %b}"
        for found in outcome.worst_features()[:SHOWN_FEATURES]
    )


def _distances(distances: dict[str, float] | object) -> str:
    assert isinstance(distances, dict)
    return ", ".join(f"{name} {value:.2f}" for name, value in distances.items())
