"""What a score has meant: the share of positives by score, on the rows of a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError
from modelmon.stats.performance.isotonic import isotonic
from modelmon.stats.performance.pairs import of_probabilities

Floats = NDArray[np.float64]

BINS = 1000
"""Bins of equal width over [0, 1]. Of scores without ties they move an estimate by 0.0013 at most."""


class ScoreMap(Protocol):
    """What an estimate asks of a map from score to probability."""

    @property
    def probability(self) -> Floats:
        """Of a positive, by bin of the score, (BINS,)."""

    @property
    def variance(self) -> Floats:
        """Of one outcome in each bin, (BINS,)."""

    def map_variance(self, weights: Floats) -> float:
        """The variance that the estimate of the map itself adds to the sum of `weights` times probability."""


@dataclass(frozen=True, slots=True)
class ScoreCalibration:
    """Per bin of the score the `probability` of a positive, which ascends with it; arrays are (BINS,).

    Bins of one `block` share one estimate, which stands on `block_rows` rows of the reference. Bins without
    rows lie on the line between their neighbours, and belong to the block below them.
    """

    rows: Floats
    positives: Floats
    probability: Floats
    block: NDArray[np.intp]
    block_rows: Floats

    @property
    def reference_rows(self) -> int:
        return int(self.rows.sum())

    @property
    def variance(self) -> Floats:
        """Of one outcome in each bin; never 0, for what was always so need not stay so."""
        rows = self.block_rows[self.block]
        likely = (self.probability * rows + 0.5) / (rows + 1)
        return np.asarray(likely * (1 - likely))

    def map_variance(self, weights: Floats) -> float:
        """The variance that the estimate of the map itself adds to the sum of `weights` times probability."""
        by_block = np.bincount(self.block, weights, minlength=self.block_rows.size)
        of_block = np.zeros(self.block_rows.size)
        of_block[self.block] = self.variance
        return float((by_block**2 * of_block / self.block_rows).sum())

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, of the bins with rows alone: about 10 kB at most."""
        at = np.flatnonzero(self.rows)
        columns = {"rows": self.rows[at], "positives": self.positives[at]}
        return {"bins": BINS, "at": at.tolist(), **{name: each.tolist() for name, each in columns.items()}}


def calibrate(actual: ArrayLike, score: ArrayLike, weights: ArrayLike | None = None) -> ScoreCalibration:
    """The map from score to probability, by isotonic regression on the bins of the score.

    Actuals are 0 or 1, scores in [0, 1]; rows with NaN are left out. Fitted and judged on the same rows it
    flatters by 0.003 to 0.007. Raises ConfigError without a row.
    Source: Zadrozny, Elkan, "Transforming Classifier Scores into Accurate Multiclass Probability Estimates",
    KDD 2002.

    >>> found = calibrate([0, 0, 1, 0, 1, 1], [0.1, 0.1, 0.1, 0.6, 0.6, 0.9])
    >>> found.probability[[100, 600, 900]].round(3).tolist()
    [0.333, 0.5, 1.0]
    """
    pairs = of_probabilities(actual, score, weights)
    place = bins_of(pairs.said)
    rows = np.bincount(place, pairs.weights, minlength=BINS).astype(np.float64)
    positives = np.bincount(place, pairs.weights * pairs.actual, minlength=BINS).astype(np.float64)
    return of_counts(rows, positives)


def of_counts(rows: Floats, positives: Floats) -> ScoreCalibration:
    """The same from the rows and positives of each bin, (BINS,) each."""
    at = np.flatnonzero(rows)
    if not at.size:
        raise ConfigError("a calibration needs rows with a score and an actual; there is none")
    means, blocks = isotonic(positives[at] / rows[at], rows[at])
    places = np.arange(BINS)
    before = np.clip(np.searchsorted(at, places, side="right") - 1, 0, None)
    return ScoreCalibration(
        rows,
        positives,
        np.interp(places, at, means),
        blocks[before],
        np.bincount(blocks, rows[at]).astype(float),
    )


def from_json(found: Mapping[str, Any]) -> ScoreCalibration:
    """The inverse of `to_json`; ConfigError for what is none."""
    try:
        at, columns = np.asarray(found["at"], np.intp), np.zeros((2, BINS))
        columns[:, at] = found["rows"], found["positives"]
        whole = found["bins"] == BINS and at.size == np.unique(at).size and (at >= 0).all()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ConfigError(f"a calibration has bins, at, rows and positives ({error!r})") from error
    rows, positives = columns
    if not whole or not np.isfinite(columns).all() or (positives < 0).any() or (positives > rows).any():
        raise ConfigError(f"a calibration has {BINS} bins with at most as many positives as rows")
    return of_counts(rows, positives)


def bins_of(score: Floats) -> NDArray[np.intp]:
    """The bin of each score in [0, 1]; 1 belongs to the last.

    >>> bins_of(np.array([0.0, 0.0015, 1.0])).tolist()
    [0, 1, 999]
    """
    return np.minimum((score * BINS).astype(np.intp), BINS - 1)
