"""What the settings say of verdicts that stand on an alarm budget."""

from __future__ import annotations

from dataclasses import dataclass

from modelmon.alarm_budget import read_budget
from modelmon.drift_choices.choices import REFERENCES
from modelmon.settings.declaring import check, setting


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """How many false alarms somebody will bear, and what is worth an alarm at all."""

    alarm_budget: str = setting(
        "1 a month",
        "False alarms that an endpoint may raise, over all its apps: `1 a month`, `2 a year`, `0.5 a week`. "
        "With `per project` behind it all endpoints share it; a number is the probability of a window.",
        section="Verdicts",
    )
    alarm_floor: float = setting(
        0.1,
        "Changes up to so many standard deviations of a feature are no alarm, however sure they are.",
        least=0,
        most=1.99,
    )
    drift_reference: str = setting(
        "training",
        "What `drift` compares a window with: training (the training set), season (the same time of the last "
        "four weeks) or recent (four weeks that end a week ago).",
        choices=REFERENCES,
    )
    histogram_incidents: str = setting(
        "alone",
        "When `histogram-data-drift` raises incidents: alone (where no `drift` judges the endpoint), always "
        "or never.",
        choices=("alone", "always", "never"),
    )

    def __post_init__(self) -> None:
        check(self)
        read_budget(self.alarm_budget)
