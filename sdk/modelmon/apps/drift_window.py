"""One window, as the drift app judges it: against what it is compared with, and against the training set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelmon.apps.drift_reference import RECENT, TRAINING, kept_window
from modelmon.apps.results import ModelMonitoringApplicationMetric
from modelmon.model import ResultStatusApp
from modelmon.window_sums import WindowSums

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.apps.drift_choosing import Chosen
    from modelmon.stats import Judgement, Profile, SegmentCounts, Segments

FROM_TRAINING = "drift_from_training"
WINDOW_PART = 0.5
"""Of the app's budget: what one window may spend where the rest is for what windows come to together."""


@dataclass(frozen=True, slots=True)
class AskedWindow:
    """A window's counts in the cells of its training set's profile, and by what it is judged."""

    context: MonitoringApplicationContext
    profile: Profile
    counts: NDArray[np.int64]
    chosen: Chosen
    otherwise: tuple[str, ...]
    """Features that are answered under other names: they are not judged."""
    reference: str

    @property
    def seconds(self) -> float:
        return (self.context.window.end - self.context.window.start).total_seconds()

    def judged(self, known: Profile, budget: BudgetShare) -> Judgement:
        """All rows against a profile of these cells, within the part of the budget that they have."""
        from modelmon.apps.drift_segments import PART

        part = self.part(budget) * (PART if self.segments_share else 1.0)
        return self._judge(self.counts, known, part, self.chosen.but(self.otherwise))

    def judged_part(
        self, known: Profile, counts: NDArray[np.int64], budget: float, column: str
    ) -> Judgement | None:
        """Some rows against their part of the training set, without `column`; None if nothing is left."""
        chosen = self.chosen.but((*self.otherwise, *([column] if column else [])))
        return self._judge(counts, known, budget, chosen) if chosen.judges(known) else None

    def segment_counts(self, segments: Segments) -> SegmentCounts:
        from modelmon.stats import segment_counts

        return segment_counts(self.context.frame, self.profile, segments)

    @property
    def segments_share(self) -> bool:
        """Whether segments have a part of the budget."""
        from modelmon.apps.drift_segments import shares_budget

        return shares_budget(self)

    def _judge(self, counts: NDArray[np.int64], known: Profile, budget: float, chosen: Chosen) -> Judgement:
        from modelmon.stats import judge

        return judge(
            counts,
            known,
            budget=budget,
            floor=chosen.floor,
            window_seconds=self.seconds,
            weights=chosen.weights,
            floors=chosen.floors,
        )

    def keep(self, known: Profile | None, found: Judgement) -> None:
        """Keep the window for those that will be compared with it; one of which the data cover only a part
        is like no other. `known` is what it was compared with, None where there was nothing."""
        if not self.context.window_is_partial:
            alarmed = known is not None and found.alarm
            stands_out = (
                None if known is None or known.stretches[0].number < 2 else self._stands_out(known, found)
            )
            kept = kept_window(
                self.context, self.profile, self.counts, alarmed, stands_out, self.chosen.floor
            )
            self.context.past_windows.keep(kept, self.context.window_revision)

    def from_training(self, budget: BudgetShare) -> list[ModelMonitoringApplicationMetric]:
        """What the training set says of the window, where it is compared with something else."""
        if self.reference == TRAINING:
            return []
        ratio = self.judged(self.profile, budget).ratio
        return [ModelMonitoringApplicationMetric(FROM_TRAINING, ratio)]

    def sums(self, budget: BudgetShare) -> WindowSums | None:
        """What the writer gathers over windows, against the training set; its half of the budget is as large
        as the window's own. None where nothing is gathered."""
        known = self.context.model_endpoint.profile_hash
        if not known or self.profile.is_coarse or self.reference == RECENT:
            return None
        from modelmon.stats import calibration
        from modelmon.stats.e_detector import window_sums

        detects = calibration(self.profile, self.seconds).may_detect and not self.context.window_is_partial
        most = ResultStatusApp.detected if detects else ResultStatusApp.potential_detection
        values = window_sums(self.counts, self.profile).astype("<f8").tobytes()
        chosen = self.chosen.packed(self.profile)
        return WindowSums(known, self.part(budget), self.chosen.floor, int(most), values, chosen)

    def part(self, budget: BudgetShare) -> float:
        """What a window may spend, of all its rows and its segments."""
        alone = self.profile.is_coarse or self.reference == RECENT
        return budget.probability * (1.0 if alone else WINDOW_PART)

    def _stands_out(self, known: Profile, found: Judgement) -> float:
        from modelmon.stats.judgement import thresholds, window_stands_out

        ruled = thresholds(
            known, budget=found.budget, floor=self.chosen.floor, window_seconds=self.seconds,
            weights=self.chosen.but(self.otherwise).weights, floors=self.chosen.floors,
        )  # fmt: skip
        return window_stands_out(self.counts, ruled)
