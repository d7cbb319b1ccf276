"""Performance before the truth comes, of a regression: direct loss estimation (DLE).

A second learner tells from the features, and from the prediction, how far off the model will be. Here it is
additive: an effect for each cell of each feature, fitted by backfitting. So it is a few numbers a feature,
needs no library, and is kept with the model. It assumes that the same inputs are as hard as they were in the
reference. What features do only together it can't tell.
Source: NannyML, "Direct Loss Estimation", 2022; of additive models: Hastie, Tibshirani, "Generalized Additive
Models", Statistical Science 1, 1986.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError
from modelmon.stats.performance.cells import Cells
from modelmon.stats.performance.estimate import Estimate, Z, undefined

Floats = NDArray[np.float64]

SWEEPS = 20
SHRINK = 20.0
"""Rows that speak for no effect of a cell."""
LEAST_ROWS = 200
ASSUMPTION = "the same inputs are as hard as they were in the reference"


@dataclass(frozen=True, slots=True)
class LossModel:
    """`effects` by feature, one a cell; `variance` of one row's loss beside them; `rows` of the reference."""

    intercept: float
    effects: Mapping[str, Floats]
    variance: float
    rows: int

    def to_json(self) -> dict[str, Any]:
        """Plain numbers of six digits: about 0.3 kB a feature."""
        effects = {
            name: [float(f"{one:.6g}") for one in each.tolist()] for name, each in self.effects.items()
        }
        return {"intercept": self.intercept, "effects": effects, "variance": self.variance, "rows": self.rows}


def fit_loss(features: Mapping[str, Cells], loss: ArrayLike) -> LossModel:
    """Learn the loss (rows,) of a reference from the cells of its features; rows with NaN are left out.

    Raises ConfigError for fewer than 200 rows.

    >>> cells = Cells(("calm", "storm"), np.arange(1000) % 2)
    >>> model = fit_loss({"weather": cells}, np.where(np.arange(1000) % 2, 9.0, 1.0))
    >>> row_losses(model, {"weather": Cells(("calm", "storm"), np.array([0, 1]))}).round(0).tolist()
    [1.0, 9.0]
    """
    costs = np.asarray(loss, np.float64)
    known = np.flatnonzero(np.isfinite(costs))
    if known.size < LEAST_ROWS:
        raise ConfigError(
            f"estimating a loss needs at least {LEAST_ROWS} rows with an actual, got {known.size}"
        )
    costs, intercept = costs[known], float(costs[known].mean())
    places = {name: cells.place[known] for name, cells in features.items()}
    effects = {name: np.zeros(len(cells.labels)) for name, cells in features.items()}
    weights = {name: np.bincount(places[name], minlength=effects[name].size) + SHRINK for name in effects}
    rest = costs - intercept
    for _ in range(SWEEPS):
        for name, place in places.items():
            rest += effects[name][place]
            effects[name] = np.bincount(place, rest, minlength=effects[name].size) / weights[name]
            rest -= effects[name][place]
    return LossModel(intercept, effects, float(rest.var()), int(known.size))


def row_losses(model: LossModel, features: Mapping[str, Cells]) -> Floats:
    """The expected loss (rows,) of each row; a feature that is not there has no effect. Never below 0."""
    known = [name for name in model.effects if name in features]
    if not known:
        raise ConfigError(
            f"none of the features is there that the loss was learned from: {list(model.effects)}"
        )
    sums = sum(model.effects[name][features[name].place] for name in known)
    return np.asarray(np.maximum(model.intercept + sums, 0.0))


def estimate_loss(model: LossModel, features: Mapping[str, tuple[Cells, Floats]]) -> Estimate:
    """The mean loss of a window, MAE where the loss is |predicted - actual|, before actuals come.

    `features` are the window's cells and the reference's counts of the same cells. The band holds what the
    window's own actuals will give: it has the chance of the rows, and the error of the effects, which grows
    where rows lie in cells that the reference had few of. Not defined without rows.

    >>> cells = Cells(("calm", "storm"), np.arange(1000) % 2)
    >>> model = fit_loss({"weather": cells}, np.where(np.arange(1000) % 2, 9.0, 1.0))
    >>> now = Cells(("calm", "storm"), np.ones(50, dtype=np.intp))
    >>> round(estimate_loss(model, {"weather": (now, cells.counts)}).value)
    9
    """
    cells = {name: each for name, (each, _) in features.items()}
    rows = min((each.place.size for each in cells.values()), default=0)
    if not rows:
        return undefined(0)
    value = float(row_losses(model, cells).mean())
    moved = sum(_leverage(*features[name]) for name in model.effects if name in features)
    # Losses that are larger vary more, and in proportion.
    variance = model.variance * max(1.0, value / model.intercept if model.intercept else 1.0) ** 2
    error = math.sqrt(variance * (1 / rows + (1 + moved) / model.rows))
    return Estimate(value, max(0.0, value - Z * error), value + Z * error, error, rows)


def _leverage(cells: Cells, then: Floats) -> float:
    """By how much less is known of the window's mean than of the reference's: sum((share - then)² / then)."""
    share, before = cells.counts / max(cells.place.size, 1), (then + 1) / (then.sum() + then.size)
    return float(((share - before) ** 2 / before).sum())


def from_json(found: Mapping[str, Any]) -> LossModel:
    """The inverse of `to_json`; ConfigError for what is none."""
    try:
        effects = {str(name): np.asarray(each, np.float64) for name, each in found["effects"].items()}
        made = LossModel(float(found["intercept"]), effects, float(found["variance"]), int(found["rows"]))
        numbers = [made.intercept, made.variance, *np.concatenate([*effects.values(), [0.0]]).tolist()]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"a loss model has intercept, effects, variance and rows ({error!r})") from error
    if made.rows < 1 or made.variance < 0 or not all(map(math.isfinite, numbers)):
        raise ConfigError("a loss model has finite effects, and stands on rows")
    return made
