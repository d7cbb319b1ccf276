"""Two models on the same rows: every metric of both, and how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelmon.model import from_us
from modelmon.stats.performance.estimate import Estimate, of_influences
from modelmon.stats.performance.rows import TaskRows, metrics_of
from modelmon.views.challenger_reviews import (
    ALIKE,
    BETTER,
    NOT_JUDGED,
    WORSE,
    BothModels,
    Distance,
    Interval,
    ReviewedSpan,
)

if TYPE_CHECKING:
    from modelmon.stats.frames import Frame

Floats = NDArray[np.float64]
CLUSTERS = {"day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000}
FEWEST_CLUSTERS = 10
MOST_SPANS, SHOWN_FEATURES = 60, 10


def both_known(champion: TaskRows, challenger: TaskRows) -> NDArray[np.intp]:
    """Places of the rows whose actual has come, and that both have answered."""
    return np.nonzero(champion.known & challenger.known)[0]


def difference(champion: TaskRows, challenger: TaskRows, when_us: NDArray[np.int64]) -> tuple[Estimate, str]:
    """The mean loss of the challenger less the champion's, on rows that both know, and what clusters are.

    Rows of one day are alike, so days are what is counted; where there are fewer than ten, hours, then
    minutes, at last rows.

    >>> same = TaskRows(np.array([1.0, 0.0]), np.array([1.0, 1.0]), None, 2)
    >>> difference(same, same, np.array([0, 1]))[0].value
    0.0
    """
    return _mean_apart(challenger.loss - champion.loss, when_us)


def brier_difference(champion: TaskRows, challenger: TaskRows, when_us: NDArray[np.int64]) -> Estimate | None:
    """The same of their Brier scores, which is what their probabilities cost; None where one has none.

    >>> sure = TaskRows(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([0.9, 0.1]), 2)
    >>> unsure = TaskRows(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([0.5, 0.5]), 2)
    >>> round(brier_difference(unsure, sure, np.array([0, 1])).value, 2)
    -0.24
    """
    costs = _brier(champion), _brier(challenger)
    if costs[0] is None or costs[1] is None:
        return None
    apart = costs[1] - costs[0]
    known = ~np.isnan(apart)
    return _mean_apart(apart[known], when_us[known])[0] if known.any() else None


def _brier(rows: TaskRows) -> Floats | None:
    if rows.score is None or rows.classes != 2:
        return None
    return np.asarray((rows.score - rows.actual) ** 2)


def _mean_apart(apart: Floats, when_us: NDArray[np.int64]) -> tuple[Estimate, str]:
    cluster, place = _clusters(when_us)
    mean = float(apart.mean())
    sums = np.bincount(place, weights=apart - mean) / len(apart)
    return of_influences(mean, sums, np.ones(len(sums)), len(apart)), cluster


def verdict_of(found: Estimate) -> str:
    """What the interval of a difference of losses says."""
    if not is_finite(found):
        return NOT_JUDGED
    return BETTER if found.high < 0 else WORSE if found.low > 0 else ALIKE


def metrics(champion: TaskRows, challenger: TaskRows) -> dict[str, BothModels]:
    """Those that both define."""
    theirs, mine = metrics_of(champion), metrics_of(challenger)
    both = {name: (theirs[name](champion), mine[name](challenger)) for name in theirs if name in mine}
    return {
        name: BothModels(interval(one), interval(other))
        for name, (one, other) in both.items()
        if is_finite(one) and is_finite(other)
    }


def spans(
    champion: TaskRows, challenger: TaskRows, when_us: NDArray[np.int64], length_us: int
) -> tuple[ReviewedSpan, ...]:
    """The mean losses of each stretch of this length, or of a multiple of it where they would be too many."""
    if not len(when_us):
        return ()
    reach = int(when_us.max() // length_us - when_us.min() // length_us) + 1
    length_us *= -(-reach // MOST_SPANS)
    starts, place, rows = np.unique(when_us // length_us, return_inverse=True, return_counts=True)
    means = [np.bincount(place, weights=each.loss) / rows for each in (champion, challenger)]
    return tuple(
        ReviewedSpan(from_us(int(at) * length_us), from_us((int(at) + 1) * length_us), int(count), one, other)
        for at, count, one, other in zip(starts, rows, *(each.tolist() for each in means), strict=True)
    )


def distance(frame: Frame, reference: Mapping[str, Any], features: tuple[str, ...]) -> Distance | None:
    """How far the features of these rows are from a training set; None where there is none."""
    from modelmon.stats.compare import compare

    found = compare(frame, {name: each for name, each in reference.items() if name in features})
    if not found.features:
        return None
    scores = dict(zip(found.features, (float(each) for each in found.scores), strict=True))
    furthest = sorted(scores, key=lambda name: -scores[name])[:SHOWN_FEATURES]
    return Distance(float(found.scores.mean()), {name: scores[name] for name in furthest})


def is_finite(found: Estimate) -> bool:
    """Whether it says a number and where that lies."""
    return all(math.isfinite(each) for each in (found.value, found.low, found.high))


def interval(found: Estimate) -> Interval:
    return Interval(float(found.value), float(found.low), float(found.high))


def _clusters(when_us: NDArray[np.int64]) -> tuple[str, NDArray[np.intp]]:
    for name, length_us in CLUSTERS.items():
        _, place = np.unique(when_us // length_us, return_inverse=True)
        if place.max(initial=0) + 1 >= FEWEST_CLUSTERS:
            return name, place
    return "row", np.arange(len(when_us))
