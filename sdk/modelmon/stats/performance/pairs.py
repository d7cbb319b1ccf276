"""Reading the arrays that a metric of performance is given: what came true, what was said, and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of which both sides are known. `said` is (n,), or (n, classes) of several scores."""

    actual: Floats
    said: Floats
    weights: Floats

    @property
    def rows(self) -> int:
        """Rows that weigh anything."""
        return int(np.count_nonzero(self.weights))

    @property
    def total(self) -> float:
        """The sum of the weights."""
        return float(self.weights.sum())


def of_numbers(actual: ArrayLike, said: ArrayLike, weights: ArrayLike | None = None) -> Pairs:
    """Any numbers. A row with NaN on either side is left out; its prediction has no actual yet.

    Raises ConfigError for an infinite number, unequal lengths, a weight that is negative or no number.

    >>> of_numbers([1, 0, np.nan], [1, 1, 0]).actual.tolist()
    [1.0, 0.0]
    """
    found, told = _array("actual", actual, 1), _array("predicted", said, 2)
    shares = np.ones(found.shape) if weights is None else _array("weights", weights, 1)
    if not len(found) == len(told) == len(shares):
        raise ConfigError(
            f"actual, predicted and weights go row by row, got {len(found)}, {len(told)} and {len(shares)} "
            "rows"
        )
    if not np.isfinite(shares).all() or (shares < 0).any():
        raise ConfigError("weights: must be finite numbers of at least 0")
    known = ~(np.isnan(found) | (np.isnan(told) if told.ndim == 1 else np.isnan(told).any(axis=1)))
    return Pairs(found[known], told[known], shares[known])


def of_two_classes(actual: ArrayLike, predicted: ArrayLike, weights: ArrayLike | None = None) -> Pairs:
    """Both sides 0 (negative) or 1 (positive); ConfigError names any other number."""
    found = of_numbers(actual, predicted, weights)
    _check_classes("actual", found.actual)
    _check_classes("predicted", found.said)
    return found


def of_scores(actual: ArrayLike, score: ArrayLike, weights: ArrayLike | None = None) -> Pairs:
    """Actuals 0 or 1, and any scores of which a higher one speaks for 1."""
    found = of_numbers(actual, score, weights)
    _check_classes("actual", found.actual)
    return found


def of_probabilities(actual: ArrayLike, score: ArrayLike, weights: ArrayLike | None = None) -> Pairs:
    """Actuals 0 or 1, and the probability of 1; ConfigError for a score outside of [0, 1]."""
    found = of_scores(actual, score, weights)
    outside = found.said[(found.said < 0) | (found.said > 1)]
    if outside.size:
        raise ConfigError(f"score: a probability lies in [0, 1], got {outside[0]}")
    return found


def _check_classes(side: str, values: Floats) -> None:
    other = values[(values != 0) & (values != 1)]
    if other.size:
        raise ConfigError(f"{side}: must be 0 (negative) or 1 (positive), got {other[0]}")


def _array(side: str, values: ArrayLike, most_dimensions: int) -> Floats:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{side}: must be numbers ({error})") from error
    if not 1 <= found.ndim <= most_dimensions:
        raise ConfigError(f"{side}: must be an array of {most_dimensions} dimension(s), got {found.ndim}")
    infinite = found[np.isinf(found)]
    if infinite.size:
        raise ConfigError(f"{side}: must be finite numbers, or NaN where it is not known; got {infinite[0]}")
    return found
