"""Slices: ranges and categories of one feature in which a model is worse than elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError
from modelmon.stats.normal import normal_tail
from modelmon.stats.performance.cells import Cells

Floats = NDArray[np.float64]

CANDIDATES = 10
LEAST_ROWS = 30
"""In each half: below, the normal distribution is no match for a slice's mean."""
FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of one cell of a feature, as the half that did not choose it saw them.

    `loss` is their mean loss, `rest` that of all other rows, `share` their share of the window's rows, `rows`
    how many were judged. `p` is the probability of so much by chance, over all slices that were judged.
    """

    feature: str
    cell: str
    loss: float
    rest: float
    share: float
    rows: int
    p: float

    @property
    def excess(self) -> float:
        """How much worse the slice is."""
        return self.loss - self.rest


@dataclass(frozen=True, slots=True)
class _Candidate:
    feature: str
    cell: int
    z: float


def worst_slices(
    features: Mapping[str, Cells], loss: ArrayLike, *, budget: float, floor: float = FLOOR, seed: int = 0
) -> tuple[Slice, ...]:
    """Where the loss is higher than elsewhere, the highest first; none where nothing is beyond chance.

    `loss` (rows,) is what each row costs: 1 for a wrong class, |predicted - actual|; rows with NaN, without
    an actual yet, are left out. One half of the rows, drawn by `seed`, chooses the ten worst cells of all
    features; the other judges them. So what is told is not the luck of the worst. At most `budget` of windows
    without a bad slice name one. A slice is told if it is worse by more than `floor` standard deviations of
    the loss. Raises ConfigError where cells and losses are of unequal length, or a loss is infinite.
    Source: Chung, Kraska, Polyzotis, Tae, Whang, "Slice Finder", ICDE 2019; of the two halves: Cox, "A Note
    on Data-Splitting for the Evaluation of Significance Levels", Biometrika 62, 1975.

    >>> city = Cells(("Oslo", "Rome"), np.arange(2000) % 2)
    >>> loss = np.where(city.place == 1, np.arange(2000) % 4 == 1, 0)
    >>> [(each.cell, each.loss > 0.4, each.rest) for each in worst_slices({"city": city}, loss, budget=0.01)]
    [('Rome', True, 0.0)]
    """
    costs = _costs(loss, features)
    known = np.flatnonzero(~np.isnan(costs))
    shuffled = np.random.default_rng(seed).permutation(known)
    choosing, judging = np.split(shuffled, [len(shuffled) // 2])
    candidates = _candidates(features, costs, choosing)
    judged = [
        _judged(each, features[each.feature], costs, judging, floor, len(candidates)) for each in candidates
    ]
    found = [each for each in judged if each is not None and each.p <= budget]
    return tuple(sorted(found, key=lambda each: -each.loss))


def _costs(loss: ArrayLike, features: Mapping[str, Cells]) -> Floats:
    costs = np.asarray(loss, np.float64)
    if np.isinf(costs).any():
        raise ConfigError("loss: must be finite, or NaN where there is no actual yet")
    for name, cells in features.items():
        if cells.place.shape != costs.shape:
            raise ConfigError(f"feature {name!r} has {len(cells.place)} rows, the loss {len(costs)}")
    return costs


def _candidates(features: Mapping[str, Cells], costs: Floats, rows: NDArray[Any]) -> list[_Candidate]:
    """The cells that look worst to one half."""
    found: list[_Candidate] = []
    half = costs[rows]
    losses = _together(half)
    for name, cells in features.items():
        place, several = cells.place[rows], len(cells.labels)
        counts = np.bincount(place, minlength=several)
        sums = np.bincount(place, half, minlength=several)
        enough = np.flatnonzero((counts >= LEAST_ROWS) & (counts <= len(rows) - LEAST_ROWS))
        found += [_Candidate(name, int(cell), _z(counts[cell], sums[cell], losses)) for cell in enough]
    return [each for each in sorted(found, key=lambda each: -each.z)[:CANDIDATES] if each.z > 0]


def _judged(
    candidate: _Candidate, cells: Cells, costs: Floats, rows: NDArray[Any], floor: float, several: int
) -> Slice | None:
    """The candidate as the other half sees it; None where that has too few of its rows."""
    is_inside = cells.place == candidate.cell
    inside, all_costs = is_inside[rows], costs[rows]
    count = int(inside.sum())
    if not LEAST_ROWS <= count <= len(rows) - LEAST_ROWS:
        return None
    z = _z(count, float(all_costs[inside].sum()), _together(all_costs), floor)
    loss, rest = float(all_costs[inside].mean()), float(all_costs[~inside].mean())
    share = float(is_inside[~np.isnan(costs)].mean())
    p = min(1.0, several * float(normal_tail(z)))
    return Slice(candidate.feature, cells.labels[candidate.cell], loss, rest, share, count, p)


@dataclass(frozen=True, slots=True)
class _Losses:
    """What all losses of a half are like together."""

    rows: int
    mean: float
    spread: float
    skewness: float


def _together(costs: Floats) -> _Losses:
    if not costs.size or not (spread := float(costs.std())):
        return _Losses(costs.size, 0.0, 0.0, 0.0)
    mean = float(costs.mean())
    return _Losses(costs.size, mean, spread, float(((costs - mean) ** 3).mean()) / spread**3)


def _z(count: int, total: float, losses: _Losses, floor: float = 0.0) -> float:
    """How far a cell's mean is above the rest's, beyond the floor, had its rows been drawn at random."""
    rows, spread = losses.rows, losses.spread
    if not spread or rows <= count:
        return 0.0
    excess = total / count - (losses.mean * rows - total) / (rows - count) - floor * spread
    # Drawn without replacement: the standard error of the difference of both means.
    z = excess * math.sqrt((rows - 1) * count * (rows - count)) / (spread * rows)
    # Means of few rows of a skewed loss are skewed: Cornish, Fisher, 1938.
    skewness = losses.skewness * (rows - 2 * count) / rows
    return z - skewness / (6 * math.sqrt(count)) * (z**2 - 1) if z > 1 else z
