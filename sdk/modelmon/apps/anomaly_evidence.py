"""What a verdict of the app anomalies stands on: extra data; a feature's words stand under its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelmon.apps.anomaly_reference import thinned
from modelmon.apps.anomaly_words import (
    ALONE,
    TOGETHER,
    cause_words,
    compared_words,
    found_words,
    next_words,
    power_words,
    threshold_words,
)
from modelmon.column_names import METADATA_PREFIX
from modelmon.private_columns import is_private
from modelmon.stats.beta_binomial import PredictedHits, predicted_hits
from modelmon.stats.binomial import least_share_seen
from modelmon.stats.values import spelled

if TYPE_CHECKING:
    import pyarrow as pa

    from modelmon.apps.anomalies import Learned
    from modelmon.apps.budget import BudgetShare
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats.oddness import OddRows

MOST_LOOKED_AT = 100_000
"""Of a window with more rows so many are looked at, evenly spread."""
NAMED = 3
"""Features that a row is told with."""
OUTSTANDING = 2.0
"""In standard deviations."""
CAUSES = 20
LONGEST_VALUE = 100
_PLACES = ("timestamp", "request_id", "event_row")


@dataclass(frozen=True, slots=True, eq=False)
class LookedAt:
    """A window's rows beside the reference."""

    context: MonitoringApplicationContext
    learned: Learned
    budget: BudgetShare
    floor: float
    examples: int
    rows: OddRows
    table: pa.Table
    predicted: PredictedHits

    @property
    def share(self) -> float:
        return self.rows.hits / max(self.rows.oddness.size, 1)

    @property
    def is_alarm(self) -> bool:
        return self.predicted.tail <= self.budget.probability

    def evidence(self, state: str) -> dict[str, Any]:
        """The extra data of the result."""
        number, least, model = self.rows.oddness.size, self.predicted.least, self.learned.model
        can_tell = least <= number
        threshold = "potential_threshold" if self.learned.lacking else "detected_threshold"
        causes = self._causes()
        return {
            "feature": next(iter(causes), None),
            "compared": compared_words(model, self.learned.what, self.learned.left_out),
            "found": found_words(self.rows.hits, number, model),
            "rows": self.context.rows,
            "looked_at": number,
            "reference_rows": model.rows,
            **({threshold: least / number} if can_tell else {}),
            "why": threshold_words(least, number, self.budget, self.floor, self.learned.lacking),
            "power": power_words(least_share_seen(least, number) if can_tell else None),
            "budget": self.budget.shown(),
            "floor": self.floor,
            "calibration": {
                "how": "by time" if not self.learned.lacking else "too little reference",
                "stretches": model.stretches,
            },
            "causes": causes,
            "broken": [{"examples": self._oddest()}],
            "next": next_words(state, self.is_alarm),
        }

    def _names(self) -> list[str]:
        return [code.name for code in self.learned.model.encoding.features]

    def _standing(self) -> NDArray[np.float64]:
        """(rows, features): how far each feature stands out, alone or beside the others."""
        return np.maximum(np.abs(self.rows.scores), np.abs(self.rows.surprises))

    def _how(self, row: int, feature: int) -> str:
        alone, together = (abs(each[row, feature]) for each in (self.rows.scores, self.rows.surprises))
        return ALONE if alone >= together else TOGETHER

    def _causes(self) -> dict[str, dict[str, Any]]:
        """Which features the odd rows stand out by most, and how mostly."""
        odd = np.flatnonzero(self.rows.oddness >= 1)
        first = self._standing()[odd].argmax(1) if odd.size else odd
        names, found = self._names(), {}
        for feature in np.argsort(-np.bincount(first, minlength=len(names)), kind="stable")[:CAUSES].tolist():
            mine = odd[first == feature].tolist()
            if mine:
                hows = [self._how(row, feature) for row in mine]
                how = max((ALONE, TOGETHER), key=hows.count)
                words = cause_words(names[feature], len(mine), odd.size, how)
                found[names[feature]] = {"rows": len(mine), "words": words}
        return found

    def _oddest(self) -> list[dict[str, Any]]:
        """The oddest rows, by when they were and their request, with what stands out; no private column's."""
        order = np.argsort(-self.rows.oddness, kind="stable")[: self.examples]
        standing, names = self._standing(), self._names()
        rows = []
        for row in order[self.rows.oddness[order] >= 1].tolist():
            told = {name: self._value(name, row) for name in map(self._own, _PLACES)}
            for feature in self._outstanding(standing[row]):
                told[names[feature]] = f"{self._value(names[feature], row)} ({self._how(row, feature)})"
            rows.append({name: text for name, text in told.items() if text and self._is_shown(name)})
        return rows

    @staticmethod
    def _outstanding(standing: NDArray[np.float64]) -> list[int]:
        """What a row is told with: the features that stand out, the one that does most in any case."""
        first = np.argsort(-standing, kind="stable")[:NAMED].tolist()
        return [feature for feature in first if feature == first[0] or standing[feature] >= OUTSTANDING]

    def _own(self, name: str) -> str:
        """Our column of this name, beside which a feature may have it."""
        return METADATA_PREFIX + name if METADATA_PREFIX + name in self.table.column_names else name

    def _is_shown(self, name: str) -> bool:
        return not is_private(self.context.settings, name)

    def _value(self, name: str, row: int) -> str:
        if name not in self.table.column_names:
            return ""
        value = self.table.column(name)[row].as_py()
        if value is None:
            return "–"
        if isinstance(value, float):
            return f"{value:.6g}"
        text = value.isoformat() if hasattr(value, "isoformat") else spelled(value)
        return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def looked_at(
    context: MonitoringApplicationContext,
    learned: Learned,
    budget: BudgetShare,
    floor: float,
    examples: int,
) -> LookedAt:
    """Every row of the window beside the reference, or of very many some."""
    table, model = thinned(context.sample, MOST_LOOKED_AT), learned.model
    rows = model.look(table)
    predicted = predicted_hits(
        rows.hits, len(table), model.hits, model.rows,
        alpha=budget.probability, between=model.between, floor=floor,
    )  # fmt: skip
    return LookedAt(context, learned, budget, floor, examples, rows, table, predicted)
