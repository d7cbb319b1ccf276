"""Causes: which feature's move has changed the loss, and which has moved without harm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError
from modelmon.stats.normal import normal_tail_quantile
from modelmon.stats.performance.cells import Cells, Places

Floats = NDArray[np.float64]

MOST, MOST_ROWS = 20, 10_000
RIDGE = 1.0
"""Rows that speak for no effect of a cell: one that has few rows is not believed at once."""
MOVED = 0.1
"""From where on a feature counts as moved: the root of sum((share - then)² / then), beyond chance."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One feature. `part` is what of the mean loss vanishes when its cells get the reference's shares.

    `error` is the standard error of `part`, `moved` how far the feature is from its reference in excess of
    chance (0: not at all). `is_harmful`: it moved, and the loss is higher for it, beyond chance.
    `is_harmless`: it moved, and the loss is not.
    """

    feature: str
    part: float
    error: float
    moved: float
    is_harmful: bool

    @property
    def is_harmless(self) -> bool:
        return self.moved >= MOVED and not self.is_harmful


@dataclass(frozen=True, slots=True)
class _Change:
    """A feature that moved: the cells that both sides have, and how their shares have changed."""

    feature: str
    moved: float
    place: Places
    change: Floats
    share: Floats
    before: Floats
    rows: float
    reference_rows: float


def ranked_causes(
    features: Mapping[str, tuple[Cells, Floats]], loss: ArrayLike, *, budget: float = 0.01, seed: int = 0
) -> tuple[Cause, ...]:
    """Every feature, the one that raised the loss most first.

    `features` are the window's cells and the reference's counts of the same cells; `loss` (rows,) is what
    each row costs, or is expected to cost before the truth comes; rows with NaN are left out. Each feature
    that moved is reweighted while the others stay as they are: what a cell costs comes from a regression of
    the loss on all features at once, in which those that did not move stand by one number, their cell's mean
    loss. So a feature that only goes along with a cause is none. Parts are of an additive loss, and need not
    sum to the change. A cell that one side has no rows of is left out on both. `budget` is the probability
    that a window without a cause names one. Of more than 10,000 rows so many are drawn by `seed`, of more
    than 20 features that moved the regression takes those that moved most. Raises ConfigError where lengths
    differ or the reference has no rows.
    Source: Oaxaca, "Male-Female Wage Differentials in Urban Labor Markets", International Economic Review 14,
    1973; Kitagawa, "Components of a Difference Between Two Rates", Journal of the American Statistical
    Association 50, 1955.

    >>> place = np.repeat([0, 1], [200, 800])
    >>> cells = Cells(("old", "new"), place)
    >>> loss = np.where(place == 1, np.arange(1000) % 2, np.arange(1000) % 10 == 0)
    >>> (cause,) = ranked_causes({"plane": (cells, np.array([800.0, 200.0]))}, loss)
    >>> round(cause.part, 2), cause.is_harmful
    (0.24, True)
    """
    costs = np.asarray(loss, np.float64)
    rows = _drawn(np.flatnonzero(~np.isnan(costs)), seed)
    moves = {name: _moved(name, cells, then, costs) for name, (cells, then) in features.items()}
    ranked = sorted((name for name in moves if moves[name] >= MOVED), key=lambda name: -moves[name])[:MOST]
    changes = [change for name in ranked if (change := _change(name, *features[name], moves[name], rows))]
    standing = [cells.place[rows] for name, (cells, _) in features.items() if name not in ranked]
    tail = budget / max(len(features), 1)
    found = _harm(changes, standing, costs[rows], float(normal_tail_quantile(tail))) if changes else []
    harmful = {each.feature for each in found}
    rest = [Cause(name, 0.0, 0.0, moved, False) for name, moved in moves.items() if name not in harmful]
    return tuple(sorted([*found, *rest], key=lambda each: (not each.is_harmful, -each.part, -each.moved)))


def _drawn(rows: Places, seed: int) -> Places:
    if rows.size <= MOST_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))


def _change(name: str, cells: Cells, then: Floats, moved: float, rows: Places) -> _Change | None:
    counts = np.bincount(cells.place[rows], minlength=then.size).astype(np.float64)
    both = (counts > 0) & (then > 0)
    if both.sum() < 2:
        return None
    share, before = counts[both] / counts[both].sum(), then[both] / then[both].sum()
    numbered = np.full(then.size, -1)
    numbered[both] = np.arange(both.sum())
    return _Change(
        name, moved, numbered[cells.place[rows]], share - before, share, before, float(counts[both].sum()),
        float(then[both].sum()),
    )  # fmt: skip


def _harm(changes: list[_Change], standing: list[Places], costs: Floats, z: float) -> list[Cause]:
    """The part of each change, from one regression of the loss on all features."""
    blocks = [_indicators(each.place, each.share) for each in changes]
    beside = [_mean_costs(place, costs) for place in standing]
    design = np.column_stack([np.ones(costs.size), *beside, *blocks])
    square = design.T @ design
    inverse = np.linalg.pinv(square + RIDGE * np.eye(len(square)), hermitian=True)
    effects = inverse @ (design.T @ costs)
    residual = float(((costs - design @ effects) ** 2).sum()) / max(costs.size - design.shape[1], 1)
    first, found = 1 + len(beside), []
    for change, block in zip(changes, blocks, strict=True):
        here = slice(first, first + block.shape[1])
        found.append(_cause(change, effects[here], residual * inverse[here, here], z))
        first += block.shape[1]
    return found


def _indicators(place: Places, share: Floats) -> Floats:
    """One column a cell but the fullest, which the others are compared with."""
    cells = np.delete(np.arange(share.size), int(share.argmax()))
    return np.asarray(place[:, None] == cells, np.float64)


def _mean_costs(place: Places, costs: Floats) -> Floats:
    """Each row's cell by its mean loss, less the mean over all."""
    counts = np.maximum(np.bincount(place), 1)
    return np.asarray((np.bincount(place, costs) / counts)[place] - costs.mean())


def _cause(change: _Change, effects: Floats, covariance: Floats, z: float) -> Cause:
    fullest = int(change.share.argmax())
    weights = np.delete(change.change, fullest)
    part = float(weights @ effects)
    mean = np.insert(effects, fullest, 0.0)
    shares = (
        change.share @ (mean - change.share @ mean) ** 2 / change.rows
        + change.before @ (mean - change.before @ mean) ** 2 / change.reference_rows
    )
    error = math.sqrt(max(float(weights @ covariance @ weights + shares), 0.0))
    return Cause(change.feature, part, error, change.moved, part > z * error)


def _moved(name: str, cells: Cells, then: Floats, costs: Floats) -> float:
    """The chi-squared distance of the shares less what chance makes of it."""
    if cells.place.shape != costs.shape:
        raise ConfigError(f"feature {name!r} has {len(cells.place)} rows, the loss {len(costs)}")
    counts = np.bincount(cells.place[~np.isnan(costs)], minlength=len(cells.labels)).astype(np.float64)
    if then.shape != counts.shape or not then.sum() > 0:
        raise ConfigError(
            f"feature {name!r}: the reference needs rows, counted in the same {counts.size} cells"
        )
    if not counts.sum():
        return 0.0
    return distance_moved(counts, then)


def distance_moved(counts: Floats, then: Floats) -> float:
    """How far the shares of a window's `counts` are from those of a reference, beyond chance; at least 0.

    >>> distance_moved(np.array([500.0, 500.0]), np.array([5000.0, 5000.0]))
    0.0
    """
    rows, reference_rows = counts.sum(), then.sum()
    before = (then + 0.5) / (reference_rows + 0.5 * then.size)
    squares = float(((counts / rows - before) ** 2 / before).sum())
    cells_free, chance = then.size - 1, 1 / rows + 1 / reference_rows
    return math.sqrt(max(0.0, squares - chance * (cells_free + 3 * math.sqrt(2 * cells_free))))
