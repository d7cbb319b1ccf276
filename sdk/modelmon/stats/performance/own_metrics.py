"""Metrics of somebody's own: any function of rows, measured against windows of the same size of a reference.

Nobody knows how such a number comes about, so it is drawn again: a window of so many rows, many times, from
the reference's rows. Their mean is what was usual, their spread the chance of so many rows. What varies
between stretches of the reference comes on top. It is assumed that the number is nearly normal, and that it
is a mean, or grows with the rows: a maximum, say, is neither.
Source: Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 6 and 8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.performance.estimate import Estimate, Z, undefined
from modelmon.stats.performance.kept_rows import KeptRows
from modelmon.stats.performance.reference import MetricReference
from modelmon.stats.performance.rows import TaskRows
from modelmon.stats.performance.stretches import StretchVariance
from modelmon.stats.stretches import bound_factor

Floats = NDArray[np.float64]
OwnMetric = Callable[[TaskRows], float]

DRAWS, FEWEST, ROWS_DRAWN = 200, 50, 1_000_000
"""Windows that are drawn: 200, of large ones fewer, so that a million rows are, but 50 at least."""
LEAST_DEFINED = 0.9
"""A metric that fewer of the drawn windows define is not judged."""


def own_estimate(of: OwnMetric, rows: TaskRows, value: float, seed: int = 0) -> Estimate:
    """The metric of a window with its interval; its rows are drawn again and again.

    >>> rows = TaskRows(np.arange(100.0) % 2, np.ones(100), None, 2)
    >>> found = own_estimate(lambda rows: rows.actual.mean(), rows, 0.5)
    >>> 0.04 < found.error < 0.06
    True
    """
    found = _drawn(of, rows, len(rows), seed)
    if found.size < FEWEST or not math.isfinite(value):
        return undefined(len(rows))
    error = _spread(found)
    return Estimate(value, value - Z * error, value + Z * error, error, len(rows))


def own_reference(of: OwnMetric, kept: KeptRows, rows: int, seed: int = 1) -> MetricReference | None:
    """What the metric is in windows of so many rows of the reference; None where too few of them define it.

    >>> rows = TaskRows(np.arange(1000.0) % 2, np.ones(1000), None, 2)
    >>> found = own_reference(lambda rows: float(rows.actual.sum()), KeptRows(rows, 0), 100)
    >>> 49 < found.value < 51
    True
    """
    found = _drawn(of, kept.rows, rows, seed)
    if found.size < LEAST_DEFINED * _draws(rows):
        return None
    spread = _spread(found)
    error = spread * math.sqrt(rows / len(kept.rows))  # so much is the mean over all rows off
    varies = _between(of, kept, rows, spread, seed) if kept.groups else None
    if varies is None:
        return MetricReference(float(found.mean()), error, len(kept.rows))
    return MetricReference(float(found.mean()), error, len(kept.rows), (StretchVariance(rows, varies),))


def _between(of: OwnMetric, kept: KeptRows, rows: int, spread: float, seed: int) -> float | None:
    """The variance between stretches beside chance, in windows of so many rows, at its bound of 90 %."""
    each = len(kept.rows) // kept.groups
    found = np.array([_value(of, kept.group(number)) for number in range(kept.groups)])
    found = found[np.isfinite(found)]
    chance = _spread(_drawn(of, kept.rows, each, seed)) ** 2
    if found.size < LEAST_DEFINED * kept.groups or not chance > 0:
        return None
    bound = float(bound_factor(np.array(found.size - 1)))
    beside = max(0.0, float(found.var(ddof=1)) * bound - chance)
    # Of a mean the same, whatever the rows; of a sum it grows with them as the sum does.
    return beside * spread**2 / chance * rows / each


def _drawn(of: OwnMetric, rows: TaskRows, size: int, seed: int) -> Floats:
    """The metric of windows of so many of these rows; those that do not define it are left out."""
    random = np.random.default_rng(seed)
    windows = (rows.at(random.integers(0, len(rows), size)) for _ in range(_draws(size)))
    return np.array([*_finite(of, windows)])


def _draws(size: int) -> int:
    return min(DRAWS, max(FEWEST, ROWS_DRAWN // max(size, 1)))


def _finite(of: OwnMetric, windows: Iterator[TaskRows]) -> Iterator[float]:
    return (value for window in windows if math.isfinite(value := _value(of, window)))


def _value(of: OwnMetric, rows: TaskRows) -> float:
    try:
        with np.errstate(all="ignore"):
            return float(of(rows))
    except (ArithmeticError, ValueError):  # what these rows do not define
        return math.nan


def _spread(found: Floats) -> float:
    """A little more than was seen, for few were drawn."""
    return float(found.std(ddof=1)) * (1 + 1 / math.sqrt(2 * found.size)) if found.size > 1 else math.nan
