"""Is a model worse than in its reference? One budget over all metrics that are judged."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from modelmon.stats.normal import normal_tail, normal_tail_quantile
from modelmon.stats.performance import HIGHER_IS_BETTER, Estimate
from modelmon.stats.performance.reference import MetricReference, PerformanceReference
from modelmon.stats.performance.stretches import variance_for

FLOOR = 0.05
POWER = 0.9
ANY_WAY = frozenset({"bias"})


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """One metric of a window against the reference.

    `worse` is by how much it is worse, in its own unit, `z` how far that is beyond the floor, in standard
    errors, `threshold` the z from which it alarms, `least` the smallest worsening that this window would have
    shown with 90 %. `is_either_way`: more and less are both worse.
    """

    name: str
    now: Estimate
    then: float
    worse: float
    z: float
    threshold: float
    p: float
    least: float
    is_either_way: bool = False

    @property
    def ratio(self) -> float:
        """z by its threshold: from 1 on it is an alarm."""
        return self.z / self.threshold


def judge_performance(
    now: Mapping[str, Estimate],
    reference: PerformanceReference,
    judged: Sequence[str],
    *,
    budget: float,
    floor: float = FLOOR,
    either_way: Collection[str] = ANY_WAY,
) -> tuple[MetricVerdict, ...]:
    """The verdicts on those of the `judged` metrics that window and reference define, the worst first.

    Only what is worse alarms, of `bias` and whatever else is in `either_way` both more and less. `budget` is
    the probability of a false alarm of the window over all of them. `floor` is what is not worth an alarm, in
    standard deviations of what one row does to the metric: 0.1 is 4 points of an accuracy of 0.8. The error
    has the window's chance, the reference's, and the variance between stretches of the reference.

    >>> reference = PerformanceReference(10_000, False, {"accuracy": MetricReference(0.8, 0.004, 10_000)})
    >>> (found,) = judge_performance({"accuracy": Estimate(0.7, 0.67, 0.73, 0.0145, 1000)}, reference,
    ...     ["accuracy"], budget=0.01, floor=0.1)
    >>> round(found.worse, 2), found.ratio > 1, 0.08 < found.least < 0.1
    (0.1, True, True)
    """
    window = max((each.rows for each in now.values()), default=0)
    names = [name for name in judged if name in reference.metrics and name in now and now[name].is_defined]
    sides = sum(2 if name in either_way else 1 for name in names)
    found = [
        _verdict(
            name,
            now[name],
            reference.metrics[name],
            budget / sides,
            floor,
            window,
            is_either_way=name in either_way,
        )
        for name in names
    ]
    return tuple(sorted(found, key=lambda each: -each.ratio))


def _verdict(
    name: str,
    now: Estimate,
    then: MetricReference,
    tail: float,
    floor: float,
    window: int,
    *,
    is_either_way: bool,
) -> MetricVerdict:
    change = now.value - then.value
    worse = abs(change) if is_either_way else -change if name in HIGHER_IS_BETTER else change
    rows = max(now.rows, 1)
    own = max(now.error if math.isfinite(now.error) else 0.0, then.scale / math.sqrt(rows))
    error = math.sqrt(own**2 + then.error**2 + variance_for(then.stretches, window))
    least_worth = floor * then.scale
    threshold, seen = (float(normal_tail_quantile(each)) for each in (tail, 1 - POWER))
    z = (worse - least_worth) / error if error else (math.inf if worse > least_worth else 0.0)
    z = min(max(z, 0.0), 1e6)
    p = min(1.0, float(normal_tail(z)))
    return MetricVerdict(
        name, now, then.value, worse, z, threshold, p, least_worth + (threshold + seen) * error, is_either_way
    )
