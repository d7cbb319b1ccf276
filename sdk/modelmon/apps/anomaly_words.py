"""What the app anomalies says: of the rows it found, of its threshold, of what it compares with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelmon.apps.drift_words import percent_of
from modelmon.counting import are, count
from modelmon.stats.finding_words import percent

if TYPE_CHECKING:
    from modelmon.apps.budget import BudgetShare
    from modelmon.stats.oddness import OddnessModel

ALONE, TOGETHER = "rare by itself", "not beside the others"
TOO_FEW = "so few rows would tell nothing"


def found_words(hits: int, looked_at: int, model: OddnessModel) -> str:
    """How many rows are odd.

    The share of the reference's own rows stands beside it.
    """
    return (
        f"{hits:,} of {looked_at:,} rows are unlike the reference ({percent(hits / max(looked_at, 1))}); "
        f"of its own {percent(model.hits / max(model.rows, 1))} are"
    )


def compared_words(model: OddnessModel, what: str, left_out: int) -> str:
    """What was compared with what."""
    troubled = f"; {_left_out(left_out)}" if left_out else ""
    return f"each row with {count(model.rows, 'row')} of {what}{troubled}"


def _left_out(number: int) -> str:
    return f"{count(number, 'stretch')} with an incident {are(number)} left out"


def threshold_words(least: int, looked_at: int, budget: BudgetShare, floor: float, lacking: str) -> str:
    """Why the threshold is where it is."""
    part = "" if budget.share == 1 else f"{percent_of(budget.share)} of "
    said = f"{least:,} or more of {looked_at:,}" if least <= looked_at else TOO_FEW
    return (
        f"{said}: {part}the alarm budget {budget.words!r} lets 1 of {1 / budget.probability:,.0f} windows "
        f"alarm falsely, where {percent(floor)} more than in the reference are no alarm"
        + (f"; suspected at most: {lacking}" if lacking else "")
    )


def power_words(share: float | None) -> str:
    """What would have been seen."""
    return TOO_FEW if share is None else f"{percent(share)} of odd rows would have been seen with 90 %"


def cause_words(feature: str, rows: int, odd: int, how: str) -> str:
    """What a feature has to do with it.

    >>> cause_words("age", 12, 30, TOGETHER)
    '`age` stands out most in 12 of 30 odd rows: not beside the others'
    """
    return f"`{feature}` stands out most in {rows:,} of {odd:,} odd rows: {how}"


def learning_words(left_out: int) -> str:
    """What is waited for, while usual rows are learned, with the stretches that teach nothing.

    >>> learning_words(0).partition(": ")[0], learning_words(3).rpartition("; ")[2]
    ('wait', '3 stretches with an incident are left out')
    """
    wait = "wait: usual rows are learned from the first calm days of serving, from the first whole day on"
    never = "what comes during an incident teaches nothing"
    return f"{wait}; {_left_out(left_out) if left_out else never}"


def next_words(state: str, is_alarm: bool) -> str:
    """What whoever reads the result should look at."""
    if state == "incomplete":
        return "wait for the rest of the window, which is judged again then"
    if state:
        return "judge longer windows: there are too few rows"
    if is_alarm:
        return "look at the example rows: where do they come from, and should the model answer them?"
    return "nothing: the oddest rows stand here all the same"
