"""What a prediction has meant: the mean and spread of residuals by prediction, on the rows of a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError
from modelmon.stats.performance.concept_drift import (
    FLOOR,
    UNKNOWN,
    Between,
    ConceptDrift,
    Residuals,
    judge,
    ranks_of,
)
from modelmon.stats.performance.pairs import of_numbers

Floats = NDArray[np.float64]

BINS = 20
LEAST_ROWS = 20
"""Fewer rows to a bin say too little of its spread: there are fewer bins then."""


@dataclass(frozen=True, slots=True)
class ResidualReference:
    """Per bin of the prediction: `rows`, `mean` and `variance` of actual - predicted; `edges` between."""

    edges: Floats
    rows: Floats
    mean: Floats
    variance: Floats

    @property
    def is_exact(self) -> bool:
        """Whether no bin has any spread, as where a model has learned the reference by heart. Nothing then
        says how far off a prediction may be."""
        return not self.variance.any()

    def map_variance(self, weights: Floats) -> float:
        """The variance that the reference's own means add to the sum of `weights` times mean."""
        return float((weights**2 * self.variance / self.rows).sum())

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {name: getattr(self, name).tolist() for name in ("edges", "rows", "mean", "variance")}


def residual_reference(actual: ArrayLike, predicted: ArrayLike) -> ResidualReference:
    """Bins of equal rows over the reference's predictions. Rows with NaN are left out.

    Raises ConfigError for fewer than 20 rows. Source: as `concept_drift`.

    >>> found = residual_reference(np.arange(40.0) + 1, np.arange(40.0))
    >>> found.rows.tolist(), found.mean.tolist()
    ([20.0, 20.0], [1.0, 1.0])
    """
    pairs = of_numbers(actual, predicted)
    if pairs.rows < LEAST_ROWS:
        raise ConfigError(f"residuals need at least {LEAST_ROWS} rows with an actual, got {pairs.rows}")
    bins = min(BINS, pairs.rows // LEAST_ROWS)
    edges = np.unique(np.quantile(pairs.said, np.arange(1, bins) / bins))
    place = np.searchsorted(edges, pairs.said, side="right")
    _, place = np.unique(place, return_inverse=True)
    edges = np.array([pairs.said[place == each].min() for each in range(1, place.max() + 1)])
    residual = pairs.actual - pairs.said
    rows = np.bincount(place).astype(np.float64)
    mean = np.bincount(place, residual) / rows
    spread = np.bincount(place, (residual - mean[place]) ** 2) / np.maximum(rows - 1, 1)
    return ResidualReference(edges, rows, mean, spread)


def residual_drift(
    reference: ResidualReference,
    actual: ArrayLike,
    predicted: ArrayLike,
    *,
    budget: float,
    floor: float = FLOOR,
    between: Between = UNKNOWN,
) -> ConceptDrift:
    """`concept_drift` of a regression: actual - predicted against what it was at such predictions.

    Arguments, result and edge cases are those of `concept_drift`; `excess` has the unit of the actuals.

    >>> reference = residual_reference(np.tile([1.0, -1.0], 200), np.zeros(400))
    >>> now = np.tile([2.0, 0.0], 100)
    >>> found = residual_drift(reference, now, np.zeros(200), budget=0.01)
    >>> found.p < 0.01, found.excess
    (True, 1.0)
    """
    found = number_residuals(reference, actual, predicted)
    return judge(found, reference.map_variance, budget=budget, floor=floor, between=between)


def number_residuals(reference: ResidualReference, actual: ArrayLike, predicted: ArrayLike) -> Residuals:
    """What predictions were off, against what they were off in the reference."""
    pairs = of_numbers(actual, predicted)
    bins = reference.rows.size
    place = np.searchsorted(reference.edges, pairs.said, side="right")
    rows = np.bincount(place, minlength=bins).astype(np.float64)
    sums = np.bincount(place, pairs.actual - pairs.said, minlength=bins) - rows * reference.mean
    return Residuals(rows, sums, reference.variance, ranks_of(reference.rows))


def from_json(found: Mapping[str, Any]) -> ResidualReference:
    """The inverse of `to_json`; ConfigError for what is none."""
    try:
        edges, *rest = (np.asarray(found[name], np.float64) for name in ("edges", "rows", "mean", "variance"))
        fits = {each.shape for each in rest} == {(edges.size + 1,)} and edges.ndim == 1
        sound = fits and all(np.isfinite(each).all() for each in (edges, *rest)) and (rest[0] > 0).all()
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"residuals have edges, rows, mean and variance ({error!r})") from error
    if not sound or (np.diff(edges) < 0).any() or (rest[2] < 0).any():
        raise ConfigError("residuals have finite numbers of each bin, one more than the edges, which ascend")
    return ResidualReference(edges, *rest)
