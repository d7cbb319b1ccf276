"""The demo's last page: the year of each endpoint as lines, what was found, and the features to blame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from modelmon.demo.accuracy_words import (
    alarms,
    known,
    least_accurate,
    most_drifted,
    of_week,
    off_by,
    reference_accuracy,
)
from modelmon.demo.outcome import FEATURE, GENERAL, Outcome, Week
from modelmon.demo.verdicts import ACCURACY, CONCEPT, DRIFT, ESTIMATED, PERFORMANCE
from modelmon.model import ResultStatusApp

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

BARS = "▁▂▃▄▅▆▇█"
NOT_JUDGED = "·"
SHOWN_FEATURES = 3
NEVER = "never"
COLOURS = {
    ResultStatusApp.irrelevant: "dim",
    ResultStatusApp.no_detection: "green",
    ResultStatusApp.potential_detection: "yellow",
    ResultStatusApp.detected: "red",
}


def findings(outcomes: Sequence[Outcome]) -> Table:
    """A column an endpoint: what each app first alarmed over."""
    from rich.table import Table

    facts: dict[str, Callable[[Outcome], str]] = {
        "rows received": lambda outcome: f"{outcome.received:,}",
        "weeks judged": _weeks,
        f"{FEATURE}: suspected": lambda outcome: _first(outcome, ResultStatusApp.potential_detection),
        f"{FEATURE}: detected": lambda outcome: _first(outcome, ResultStatusApp.detected),
        f"{FEATURE}: highest": lambda outcome: _highest(outcome.judged, lambda week: week.feature_drift),
        f"{GENERAL}": lambda outcome: _alarms_of_the_mean(outcome.judged),
        "drift": lambda outcome: alarms(outcome.judged_as(DRIFT)),
        "performance": lambda outcome: alarms(outcome.judged_as(PERFORMANCE)),
        "concept_drift": lambda outcome: alarms(outcome.judged_as(CONCEPT)),
        "actuals came for": lambda outcome: known(outcome.verdicts.get(PERFORMANCE, ())),
        "the estimate was off by": off_by,
    }
    table = Table("", *(outcome.endpoint_name for outcome in outcomes), title="What was found")
    for name, fact in facts.items():
        table.add_row(name, *(fact(outcome) for outcome in outcomes))
    return table


def still_right(outcomes: Sequence[Outcome]) -> Table:
    """Of each endpoint three lines: training, the week of most drift, the worst, and what scores expected."""
    from rich import box
    from rich.table import Table

    table = Table(title="Is the model still right?", padding=(0, 1, 0, 0), box=box.SIMPLE_HEAD)
    for column in ("endpoint", "", "week of", "accuracy", "estimated before", "what made it worse"):
        table.add_column(column)
    for outcome in outcomes:
        table.add_row(outcome.endpoint_name, "training", "", reference_accuracy(outcome))
        weeks = {"most drift": most_drifted(outcome), "worst": least_accurate(outcome)}
        for name, week in weeks.items():
            if week is not None:
                table.add_row(outcome.endpoint_name, name, *of_week(outcome, week))
        table.add_section()
    return table


def worst_features(outcomes: Sequence[Outcome]) -> Table:
    """The features furthest from training, each in its worst week."""
    from rich import box
    from rich.table import Table

    distances = list(
        dict.fromkeys(
            name for outcome in outcomes for found in outcome.worst_features() for name in found.distances
        )
    )
    table = Table(
        title=f"Worst features by {FEATURE}, each in its worst week",
        padding=(0, 1, 0, 0),
        box=box.SIMPLE_HEAD,
    )
    for column in ("endpoint", "feature", "score", *distances, "week of", "rows"):
        table.add_column(column, justify="left" if column in ("endpoint", "feature") else "right")
    for outcome in outcomes:
        rows = {week.start: week.rows for week in outcome.weeks}
        for found in outcome.worst_features()[:SHOWN_FEATURES]:
            values = (found.score, *(found.distances.get(name, float("nan")) for name in distances))
            table.add_row(
                outcome.endpoint_name, found.feature, *(f"{value:.2f}" for value in values),
                f"{found.week:%d %b}", f"{rows[found.week]:,}",
            )  # fmt: skip
        table.add_section()
    return table


def year(outcome: Outcome) -> Text:
    """Drift and accuracy of an endpoint, a bar a week in the colour of its verdict, over the months."""
    from rich.text import Text

    lines = {
        FEATURE: [(week.feature_drift, week.status) for week in outcome.weeks],
        DRIFT: [(each.value / 2, each.status) for each in outcome.verdicts.get(DRIFT, ())],
        ACCURACY: _accuracies(outcome, PERFORMANCE),
        "estimated": _accuracies(outcome, ESTIMATED),
    }
    return Text("\n").join(
        [
            Text(outcome.endpoint_name, "bold"),
            *(Text(f"  {name:14}").append(line(values)) for name, values in lines.items() if values),
            Text(f"  {'':14}{_months(outcome.weeks)}", "dim"),
        ]
    )


def _accuracies(outcome: Outcome, result_name: str) -> list[tuple[float, ResultStatusApp]]:
    """From 0 for a half right, as a coin is, to 1 for all right."""
    return [
        (2 * each.accuracy.get("value", 0.0) - 1, each.status)
        for each in outcome.verdicts.get(result_name, ())
    ]


def line(values: Sequence[tuple[float, ResultStatusApp]]) -> Text:
    """One bar a value, from 0 to 1 and what lies beyond; a dot where there was no verdict."""
    from rich.text import Text

    text = Text()
    for value, status in values:
        bar = NOT_JUDGED if status == ResultStatusApp.irrelevant else BARS[max(0, min(int(value * 8), 7))]
        text.append(bar, COLOURS[status])
    return text


def _weeks(outcome: Outcome) -> str:
    states = [week.state for week in outcome.weeks if not week.is_judged]
    counted = {state: states.count(state) for state in dict.fromkeys(states)} | {"failed": outcome.failed}
    others = [f"{count} {state}" for state, count in counted.items() if count]
    return " + ".join([str(len(outcome.judged)), *others])


def _first(outcome: Outcome, status: ResultStatusApp) -> str:
    week = outcome.first(status)
    if week is None:
        return NEVER
    worst = f"{week.features[0].feature} {week.feature_drift:.2f}"
    return f"week of {week.start:%d %b}: {worst}, on {week.rows:,} rows"


def _highest(weeks: Sequence[Week], value: Callable[[Week], float]) -> str:
    week = max(weeks, key=value, default=None)
    return NEVER if week is None else f"{value(week):.2f}, week of {week.start:%d %b}"


def _alarms_of_the_mean(weeks: Sequence[Week]) -> str:
    alarms = sum(week.general_status >= ResultStatusApp.potential_detection for week in weeks)
    return f"{alarms} of {len(weeks)} weeks" if alarms else NEVER


def _months(weeks: Sequence[Week]) -> str:
    """The first letter of each month under the first week that starts in it."""
    letters = ""
    for before, week in zip([None, *weeks], weeks, strict=False):
        is_new = before is not None and before.start.month != week.start.month
        letters += f"{week.start:%b}"[0] if is_new else " "
    return letters
