"""The incidents of the demo: told as they are raised and grow worse, and each with its course at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from modelmon.counting import count
from modelmon.demo.verdicts import finding

if TYPE_CHECKING:
    from rich.table import Table

    from modelmon.views.incidents import Incident

TOLD = "incident "
NEVER, OPEN, FAILED = "never", "still open", "the app failed"


class IncidentLines:
    """Takes what the runner tells (from its thread) and prints what a spectator wants to read."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def tell(self, level: str, text: str) -> None:
        colour = "red" if level == "error" or "-detected" in text else "yellow"
        said = text[text.index(TOLD) :] if TOLD in text else text
        self._console.print(f"  [{colour}]{escape(said)}[/]", highlight=False)


def summary(incidents: Sequence[Incident]) -> str:
    """How many there were, and how many came to be detected: "3 incidents, 1 detected"."""
    detected = sum(each.first_detected is not None for each in incidents)
    return f"{count(len(incidents), 'incident')}, {detected} detected" if incidents else "no incident"


def courses(incidents: Sequence[Incident]) -> Table:
    """A line an incident, the oldest first: when it was suspected, detected and ended, and its worst."""
    from rich import box
    from rich.table import Table

    table = Table(title=f"What came of it: {summary(incidents)}", padding=(0, 1, 0, 0), box=box.SIMPLE_HEAD)
    for column in ("endpoint", "result", "suspected", "detected", "ended", "weeks", "worst"):
        table.add_column(column, justify="right" if column == "weeks" else "left")
    for each in sorted(incidents, key=lambda each: (each.first, each.endpoint_name, each.result_name)):
        table.add_row(
            each.endpoint_name, each.result_name or each.application_name,
            NEVER if each.first == each.first_detected else _day(each.first),
            _day(each.first_detected) if each.first_detected else NEVER,
            _day(each.ended) if each.ended else OPEN,
            str(each.windows), _worst(each),
        )  # fmt: skip
    return table


def _day(moment: datetime) -> str:
    return f"{moment:%d %b}"


def _worst(incident: Incident) -> str:
    from modelmon.views.results_in_words import extra_data

    if incident.result_value is None:
        return FAILED
    evidence = extra_data(incident.detail)
    said = finding(evidence)
    return said or f"{evidence.get('feature', incident.result_name)} {incident.result_value:.2f}"
