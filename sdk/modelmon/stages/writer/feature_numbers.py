"""How each feature looked in a window, in a few numbers, out of the statistics that an app reported: pure.

The whole histograms are kept of the newest window alone; these numbers are kept of every window. They come
from the `stats` envelopes that MLRun's drift app sends too, so its features have a history as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from modelmon.model import FeatureNumbers

CURRENT, MEASURES = "current_stats", "drift_measures"
_SCORED_BY = ("tvd", "hellinger")  # their mean is the score, where an app sends none
Stats = Mapping[str, Any]


def features_of(stats: Mapping[str, Stats]) -> dict[str, FeatureNumbers]:
    """The features in the statistics of one report, by their names on the wire; none where it has none."""
    measures = stats.get(MEASURES, {})
    return {
        name: _numbers(each, measures.get(name))
        for name, each in stats.get(CURRENT, {}).items()
        if isinstance(each, Mapping)
    }


def _numbers(stats: Stats, measures: object) -> FeatureNumbers:
    rows, categories = _count(stats.get("count")), stats.get("categories")
    share = None
    if rows and isinstance(categories, Mapping):
        share = max(map(_count, categories.values()), default=0) / rows
    return FeatureNumbers(
        _score(measures), rows, _count(stats.get("missing")), _number(stats.get("mean")), share
    )


def _score(measures: object) -> float | None:
    if not isinstance(measures, Mapping):
        return None
    if (score := _number(measures.get("score"))) is not None:
        return score
    parts = [_number(measures.get(name)) for name in _SCORED_BY]
    known = [part for part in parts if part is not None]
    return sum(known) / len(parts) if len(known) == len(parts) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e308 and math.isfinite(value) else None


def _count(value: object) -> int:
    number = _number(value)
    return round(number) if number and 0 < number < 2**63 else 0
