"""Predictions that the training set calls otherwise than the model does: they are not judged as missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from modelmon.column_names import ACTUAL_PREFIX, METADATA_COLUMNS, METADATA_PREFIX, TIMESTAMP

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats import Profile

ANSWERED_OTHERWISE = "the model answers under other names"


def answered_otherwise(context: MonitoringApplicationContext, empty: Iterable[str]) -> list[str]:
    """Of these features, which have no value in the sample, the predictions that stand there under another
    name."""
    predictions = [name for name in empty if name in context.label_names]
    return predictions if predictions and _has_other_outputs(context) else []


def empty_features(profile: Profile, counts: NDArray[np.int64]) -> list[str]:
    """Features that have no value at all."""
    return [
        feature.name
        for feature, line in zip(profile.features, counts, strict=True)
        if line.sum() == line[feature.counts.size - 1]
    ]


def _has_other_outputs(context: MonitoringApplicationContext) -> bool:
    return not known_columns(context).issuperset(context.sample.column_names)


def known_columns(context: MonitoringApplicationContext) -> frozenset[str]:
    """Columns that are no news: what was registered, what came true for it, and ours."""
    ours = (TIMESTAMP, *METADATA_COLUMNS)
    registered = (*context.feature_names, *context.label_names, *context.feature_stats)
    actuals = (ACTUAL_PREFIX + name for name in context.label_names)
    return frozenset((*registered, *actuals, *ours, *(METADATA_PREFIX + name for name in ours)))
