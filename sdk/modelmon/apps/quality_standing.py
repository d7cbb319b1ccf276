"""What judging a window by a contract stands on: how its rules varied over time in the training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelmon.contracts.clusters import Clusters, clusters_of
from modelmon.contracts.contract import Importance, Rule
from modelmon.contracts.judging import Finding
from modelmon.stats import Calibration, calibration

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.apps.contract_choice import ChosenContract

CERTAIN = frozenset({Rule.PRESENT, Rule.NEW_COLUMNS})
"""Rules of columns, which no cluster of rows breaks."""
INDEPENDENT = Calibration(
    "assumed independent", 0, "somebody has set the limits, and they are taken as meant"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Which rules have hits in clusters, and what is known of windows without trouble. `is_meant`: somebody
    wrote the contract, so each rule matters as much as it says."""

    known: Calibration
    is_meant: bool
    clusters: Clusters = field(default_factory=dict)

    def importance(self, finding: Finding) -> Importance:
        """How much a broken rule matters: of rows, where nobody knows how they vary, it warns at most."""
        if self.is_meant or self.known.may_detect or finding.rule in CERTAIN:
            return finding.importance
        return Importance.WARNING if finding.importance is Importance.CRITICAL else finding.importance

    def shown(self) -> Mapping[str, Any]:
        """As each result says it."""
        return {"how": self.known.how, "stretches": self.known.stretches, "why": self.known.why}


def standing_of(context: MonitoringApplicationContext, chosen: ChosenContract) -> Standing:
    """Of a window that is judged by this contract."""
    profile = context.profile if chosen.is_suggested else None
    if profile is None:
        return Standing(INDEPENDENT, is_meant=not chosen.is_suggested)
    seconds = (context.window.end - context.window.start).total_seconds()
    known = calibration(profile, seconds)
    return Standing(known, False, clusters_of(chosen.contract, profile, seconds))
