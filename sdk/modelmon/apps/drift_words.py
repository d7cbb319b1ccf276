"""What the drift app says of its thresholds, and what to look at next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelmon.apps.drift_reference import LEARNING, RECENT, SEASON, TRAINING
from modelmon.counting import count

if TYPE_CHECKING:
    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.drift_choosing import Chosen
    from modelmon.stats import Judgement
    from modelmon.stats.calibration import How

STRETCHES = {
    TRAINING: "stretches of the training set",
    SEASON: "like windows of past weeks",
    RECENT: "windows of the weeks before",
}
RARE = 1e-3
"""Of the budget: a threshold was raised by the self-check where it allows less than this of it less."""

LACKING: Mapping[How, str] = {
    "assumed independent": "log the model with a time_column and enough of its past",
    "too little reference": "take shorter windows, or log the model with more of its past",
}
"""What would make more of an alarm than a suspicion."""


def threshold_words(found: Judgement, budget: BudgetShare, reference: str, chosen: Chosen) -> str:
    """Why the threshold is where it is: budget, part, features and their weights, calibration."""
    most = " (a window may spend a tenth at most)" if budget.is_capped else ""
    whole = f"the alarm budget {budget.words!r}{most}"
    share = found.budget / budget.probability * budget.share
    part = whole if share > 1 - RARE else f"{percent_of(share)} of {whole}"
    raised = (
        ""
        if found.allowed > found.budget * (1 - RARE)
        else f", raised because {STRETCHES[reference]} vary more than their variance says"
    )
    weighted = " by their weights" if any(weight for weight in chosen.weights.values()) else ""
    return (
        f"1 is the least that alarms: {part} lets 1 of {1 / found.budget:,.0f} windows alarm falsely, over "
        f"{count(len(found.least_changes), 'feature')}{weighted} and all questions{raised}; "
        f"{found.calibration.why}"
    )


def next_words(found: Judgement, state: str, reference: str) -> str:
    """What whoever reads the result should look at."""
    if state == "incomplete":
        return "wait for the rest of the window, which is judged again then"
    if state == LEARNING:
        return (
            "wait until there are enough windows of past weeks without an alarm, or have the last five weeks "
            "judged again with `modelmon judge`"
        )
    if state:
        return "judge longer windows, or a longer training set: there are too few rows"
    said = []
    if found.alarm:
        said.append("compare the features that are named with the reference, on the page Features Analysis")
    if found.is_coarse:
        said.append("log the model with its training_set: statistics alone are coarse")
    elif not found.may_detect and reference != TRAINING:
        said.append("choose shorter windows: until then drift is suspected at most")
    elif found.calibration.how in LACKING:
        said.append(f"{LACKING[found.calibration.how]}, until then drift is suspected at most")
    return "; ".join(said) or "nothing: what could have been seen stands in least_changes"


def percent_of(share: float) -> str:
    """A part of a whole.

    >>> percent_of(0.5), percent_of(0.125)
    ('50 %', '12.5 %')
    """
    return f"{100 * share:.3g} %"
