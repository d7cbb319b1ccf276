"""Metrics that somebody gave the performance app: their values, and what they are judged against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelmon.errors import ConfigError
from modelmon.model import VALUE_NAME

if TYPE_CHECKING:
    from modelmon.stats.performance import Estimate
    from modelmon.stats.performance.reference import MetricReference, PerformanceReference
    from modelmon.stats.performance.rows import TaskRows

OwnMetrics = Mapping[str, "Callable[[TaskRows], float]"]
"""By name, functions of the rows whose actual has come."""

JUDGED = (
    "judged either way, against windows of as many rows drawn from the training set; it is assumed to be "
    "nearly normal, and a mean of rows or a sum that grows with them"
)
NOT_KEPT = "not judged: the training set's rows are not kept; log the model again"
NOT_DEFINED = "not judged: too few windows drawn from the rows define it"


@dataclass(frozen=True, slots=True)
class OwnAsked:
    """The metrics, and the value of each in the window; none where no actual has come."""

    metrics: OwnMetrics = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnJudging:
    """By name what a metric is in the window and in the reference, and in words how each was judged."""

    now: Mapping[str, Estimate] = field(default_factory=dict)
    then: Mapping[str, MetricReference] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


def own_values(metrics: OwnMetrics, rows: TaskRows) -> dict[str, float]:
    """The value of each over the rows whose actual has come; none without such rows."""
    known = rows.at(rows.known.nonzero()[0])
    return {name: of(known) for name, of in metrics.items()} if len(known) else {}


def own_judging(asked: OwnAsked, rows: TaskRows, reference: PerformanceReference | None) -> OwnJudging:
    """What is needed to judge these metrics in a window of these rows."""
    from modelmon.stats.performance.own_metrics import own_estimate, own_reference

    metrics, values, kept = asked.metrics, asked.values, reference.kept if reference else None
    if kept is None or not values:
        return OwnJudging(words=dict.fromkeys(values, NOT_KEPT))
    known = rows.at(rows.known.nonzero()[0])
    now = {name: own_estimate(metrics[name], known, value) for name, value in values.items()}
    then = {name: own_reference(metrics[name], kept, len(known)) for name in values}
    both = {name: one for name, one in then.items() if one is not None and now[name].is_defined}
    words = {name: JUDGED if name in both else NOT_DEFINED for name in values}
    return OwnJudging({name: now[name] for name in both}, both, words)


def checked_metrics(metrics: OwnMetrics) -> dict[str, Callable[[TaskRows], float]]:
    """Raises ConfigError for a name that is taken, and for what is no function."""
    from modelmon.stats.performance import NAMES

    for name, of in metrics.items():
        if not isinstance(name, str) or not VALUE_NAME.fullmatch(name) or not callable(of):
            raise ConfigError(
                f"metrics: must map a name like 'profit' to a function of the rows, got {name!r}"
            )
        if name in NAMES or name == "maturity" or name.startswith("estimated_"):
            raise ConfigError(
                f"metrics: {name!r} is the name of a metric that comes with the app; take another"
            )
    return dict(metrics)
