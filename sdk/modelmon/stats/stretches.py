"""Stretches of time that a training set is cut into, and how much their shapes and shares vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.normal import normal_tail_quantile
from modelmon.stats.profile import FeatureProfile
from modelmon.stats.shapes import SHAPES, shape_scores

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Places = NDArray[np.intp]

FEWEST = 20
"""Stretches that a training set is cut into at least: a window longer than a twentieth has shorter ones."""
MOST = 10_000
"""Stretches that are looked at; of more, as many evenly spread."""
UPPER = 0.1
"""A variance is taken at the bound that it lies below with 90 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """The rows of a training set by stretch of time."""

    seconds: float
    number: int
    """Stretches that hold rows."""
    looked_at: int
    place: Places
    """Per row its stretch among those looked at; -1 for a row of none of them."""

    @staticmethod
    def of(seconds: Floats, start: float, length: float) -> Cut:
        """The cut of rows at `seconds` (NaN: no time) into stretches of `length` seconds from `start` on."""
        timed = np.isfinite(seconds)
        index = np.zeros(seconds.size)
        np.floor_divide(seconds - start, length, out=index, where=timed)
        held, among = np.unique(index[timed], return_inverse=True)
        chosen = np.unique(np.linspace(0, held.size - 1, min(held.size, MOST)).astype(int))
        places = np.full(held.size, -1)
        places[chosen] = np.arange(chosen.size)
        place = np.full(seconds.size, -1)
        place[timed] = places[among.ravel()]
        return Cut(length, held.size, chosen.size, place)

    def counts(self, cells: Places, size: int) -> Counts:
        """Counts (stretches looked at, size) of rows in `cells`, given per row."""
        inside = self.place >= 0
        flat = np.bincount(self.place[inside] * size + cells[inside], minlength=self.looked_at * size)
        return flat.reshape(self.looked_at, size)


def cut_lengths(wanted: Sequence[float], span: float) -> list[float]:
    """The lengths to cut a span into, ascending: those wanted, at most a twentieth of the span each.

    >>> cut_lengths([600.0, 86_400.0, 604_800.0], span=864_000.0)
    [600.0, 43200.0]
    """
    longest = span / FEWEST
    return sorted({min(float(seconds), longest) for seconds in wanted}) if span > 0 else []


def with_variances(feature: FeatureProfile, counts: Sequence[Counts]) -> FeatureProfile:
    """The feature with what varies between stretches, given `counts` (stretches, cells + 3) of each cut."""
    found = [variances(feature, of_cut.astype(np.float64)) for of_cut in counts]
    size = feature.counts.size
    return replace(
        feature,
        shape_variance=_two_digits(np.array([shape for shape, _ in found])).reshape(-1, len(SHAPES)),
        share_variance=_two_digits(np.array([share for _, share in found])).reshape(-1, size),
    )


def _two_digits(variances: Floats) -> Floats:
    """Variances with two digits, as they are kept in text, upward."""
    size = 10.0 ** (1 - np.floor(np.log10(np.maximum(variances, 1e-12))))
    up = np.where(variances > 0, np.ceil(variances * size) / size, 0.0)
    return np.array([float(f"{value:.2g}") for value in up.ravel().tolist()])


def variances(feature: FeatureProfile, counts: Floats) -> tuple[Floats, Floats]:
    """Variance between stretches of the four shapes, (4,), and of the share of each cell, (cells + 3,).

    What sampling of rows explains is taken off. It is the upper bound that the variance lies below with 90 %,
    weighted by rows; 0 where sampling explains it all, and with fewer than two stretches.
    Source: DerSimonian, Laird, "Meta-Analysis in Clinical Trials", Controlled Clinical Trials 7, 1986.
    """
    rows, present = counts.sum(1), counts[:, :-1].sum(1)
    counts, present = counts[rows > 0], present[rows > 0]
    rows = rows[rows > 0]
    if rows.size < 2:
        return np.zeros(len(SHAPES)), np.zeros(counts.shape[1])
    seen = _outside_summed(feature, feature.counts[None, :])[0]
    asked = _outside_summed(feature, counts)
    known = feature.counts[:-1] / max(feature.rows, 1.0)
    scores = shape_scores(known) if feature.is_numeric else np.zeros((len(SHAPES), known.size))
    means = counts[:, :-1] @ scores.T / np.maximum(present, 1.0)[:, None]
    shape = beyond_sampling(means, present[:, None], scores.any(1).astype(np.float64))
    of = np.repeat(present[:, None], asked.shape[1], axis=1)
    of[:, -1] = rows
    share = seen / np.maximum(np.append(np.full(seen.size - 1, seen[:-1].sum()), seen.sum()), 1.0)
    deviations = asked / np.maximum(of, 1.0) - share
    return shape, beyond_sampling(deviations, of, share * (1 - share))


def beyond_sampling(deviations: Floats, rows: Floats, chance: Floats) -> Floats:
    """(questions,) given deviations and rows (stretches, questions) and the variance of one row."""
    number = np.maximum((rows > 0).sum(0), 1)
    squares = (rows * deviations**2).sum(0) * bound_factor(number)
    return np.asarray(np.maximum((squares - number * chance) / np.maximum(rows.sum(0), 1.0), 0.0))


def bound_factor(number: NDArray[np.int64]) -> Floats:
    """What a variance seen in `number` stretches is multiplied by to lie above the true one with 90 %.

    Number over the tenth percentile of chi square, by its cube root's normal approximation.
    Source: Wilson, Hilferty, "The Distribution of Chi-Square", Proceedings of the National Academy of
    Sciences 17, 1931.

    >>> bound_factor(np.array([20, 1000])).round(2).tolist()
    [1.61, 1.06]
    """
    small = 2 / (9 * np.maximum(number, 1))
    root = 1 - small - float(normal_tail_quantile(UPPER)) * np.sqrt(small)
    return np.asarray(1 / np.maximum(root, 0.1) ** 3)


def _outside_summed(feature: FeatureProfile, counts: Floats) -> Floats:
    if not feature.is_numeric:
        return counts
    summed = counts.copy()
    summed[:, 1] += counts[:, 0]
    summed[:, -3] += counts[:, -2]
    return summed
