"""An endpoint's alarm budget, and the part of it that one of its apps has: pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from modelmon.alarm_budget import MOST, AlarmBudget
from modelmon.errors import ConfigError
from modelmon.function_spec.own_apps import OWN_APPS


@dataclass(frozen=True, slots=True)
class BudgetShare:
    """What one app may spend of the endpoint's budget in one window.

    `probability` is that of a false alarm of this app in the window. `split` says which part of the budget
    each app has, 1 together. `is_capped`: the budget allows more than any window may spend.
    """

    words: str
    probability: float
    share: float
    split: Mapping[str, float]
    is_capped: bool = False

    def shown(self) -> dict[str, Any]:
        """As each result says it."""
        return {
            "words": self.words, "share": round(self.share, 4), "probability": self.probability,
            "split": {name: round(part, 4) for name, part in self.split.items()},
        }  # fmt: skip


def share_of(
    application_name: str,
    budget: AlarmBudget,
    window_seconds: float,
    apps: Collection[str] = (),
    endpoints: int = 1,
) -> BudgetShare:
    """The part of an app where these `apps` judge the endpoint; all of it where it is alone.

    Apps that come with ModelMon have a weight, and those that judge share the budget by it. An app that has
    none can't draw on it: ConfigError says to give it a budget of its own.

    >>> from modelmon.alarm_budget import read_budget
    >>> share_of("mine", read_budget("0.01"), 60).probability
    0.01
    """
    weights = {name: OWN_APPS[name].budget_weight for name in apps if name in OWN_APPS}
    weights = {name: weight for name, weight in sorted(weights.items()) if weight}
    if apps and set(apps) != {application_name} and not weights.get(application_name):
        raise ConfigError(
            f"alarm_budget: {application_name!r} has no part of the endpoint's budget, which is split among "
            f"{', '.join(weights) or 'no app'}; give it one of its own, as its argument alarm_budget"
        )
    whole = sum(weights.values())
    split = {name: weight / whole for name, weight in weights.items()} or {application_name: 1.0}
    share = split.get(application_name, 1.0)
    spent = budget.probability(window_seconds, endpoints)
    return BudgetShare(budget.words, spent * share, share, split, spent == MOST)
