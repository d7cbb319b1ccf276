"""What kind of difference lies between training and serving: there from the beginning or later, and which."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.stats.calibration import length_for
from modelmon.stats.findings import Finding, cell_name
from modelmon.stats.profile import FeatureProfile, Profile
from modelmon.stats.shapes import SHAPES, shape_scores

Floats = NDArray[np.float64]
How = Literal["constant", "moving", "later", "not known"]

DOUBT = 2.58
"""Halves differ where they do by so many standard errors: chance alone comes to that once in a hundred."""
PART = 0.25
"""Of the whole difference: less than this of it is no move worth a word."""
ALIKE = 1.15
"""Quartiles whose ratios lie within this factor of each other were all multiplied by the same."""
SCALED = 1.5


@dataclass(frozen=True, slots=True)
class Onset:
    """How a finding stood in the first and in the second half of a span, in its own measure."""

    how: How
    early: float
    late: float


def onset(
    finding: Finding,
    profile: Profile,
    early: ArrayLike,
    late: ArrayLike,
    *,
    half_seconds: float,
    least_rows: int = 50,
) -> Onset:
    """Whether a finding was there from the beginning, given the counts of its feature in both halves.

    `constant`: both halves show it alike. `later`: the second half shows it, and the first not half of it.
    `moving`: they differ otherwise. `not known`: a half has fewer than `least_rows` rows. They differ where
    sampling and the variance between windows of the training set do not explain it (z of 2.58).

    >>> import pyarrow as pa
    >>> from modelmon.stats import cell_counts, judge, profile
    >>> made = profile(pa.table({"city": ["a", "b"] * 500}))
    >>> calm, moved = (cell_counts(pa.table({"city": each}), made) for each in (["a", "b"] * 50, ["a"] * 100))
    >>> worst = judge(calm + moved, made, budget=0.01).worst
    >>> onset(worst, made, calm[0], moved[0], half_seconds=60).how
    'later'
    """
    place = profile.names.index(finding.feature)
    feature = profile.features[place]
    halves = [np.asarray(each, dtype=np.float64)[: feature.counts.size] for each in (early, late)]
    (first, before), (second, after) = (_measured(finding, feature, each) for each in halves)
    if min(before, after) < least_rows:
        return Onset("not known", first, second)
    length = length_for(profile, half_seconds)
    chance, between = _variances(finding, feature, None if length is None else length)
    error = math.sqrt(chance * (1 / before + 1 / after) + 2 * between)
    how: How = "constant"
    if abs(second - first) > max(DOUBT * error, PART * abs(finding.value - finding.reference)):
        gap, later = abs(first - finding.reference), abs(second - finding.reference)
        how = "later" if gap < later / 2 else "moving"
    return Onset(how, first, second)


def scale_of(feature: FeatureProfile, values: ArrayLike) -> float | None:
    """By what all `values` seem multiplied, compared with the training set: another unit; None: by nothing.

    All three quartiles must say the same factor, and that it is at least 1.5 or its inverse. NaN and
    infinities are left out; quartiles of 0 or of two signs, categories and fewer than 20 values tell nothing.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not feature.is_numeric or feature.edges.size < 8 or known.size < 20:
        return None
    trained = _quartiles(feature)
    served = np.quantile(known, (0.25, 0.5, 0.75))
    if (np.abs(trained) < 1e-12).any() or (np.sign(trained) != np.sign(served)).any():
        return None
    ratios = served / trained
    alike = ratios.max() <= ALIKE * ratios.min()
    middle = float(ratios[1])
    return middle if alike and not 1 / SCALED < middle < SCALED else None


def _quartiles(feature: FeatureProfile) -> Floats:
    """Of the training set, to the width of a cell."""
    reached = np.cumsum(feature.counts[:-2]) / max(feature.counts[:-2].sum(), 1.0)
    return np.asarray(np.interp((0.25, 0.5, 0.75), reached, feature.edges), dtype=np.float64)


def _measured(finding: Finding, feature: FeatureProfile, counts: Floats) -> tuple[float, float]:
    """The finding's measure of these counts, and the rows that it stands on."""
    if finding.question in SHAPES:
        rows = counts[:-1].sum()
        scores = _scores(finding, feature)
        return float(counts[:-1] @ scores / max(rows, 1.0)), float(rows)
    rows = counts.sum() if finding.question == "missing" else counts[:-1].sum()
    return float(counts[_cells(finding, feature)].sum() / max(rows, 1.0)), float(rows)


def _variances(finding: Finding, feature: FeatureProfile, length: int | None) -> tuple[float, float]:
    """Of one row, and between windows of the training set of this length."""
    if finding.question in SHAPES:
        shape = SHAPES.index(finding.question)
        return 1.0, 0.0 if length is None else float(feature.shape_variance[length, shape])
    share = min(max(finding.value, finding.reference), 0.5)
    cells = _cells(finding, feature)
    between = 0.0 if length is None else float(feature.share_variance[length, cells].max())
    return share * (1 - share), between


def _scores(finding: Finding, feature: FeatureProfile) -> Floats:
    scores = shape_scores(feature.counts[:-1] / max(feature.rows, 1.0))
    return np.asarray(scores[SHAPES.index(finding.question)])


def _cells(finding: Finding, feature: FeatureProfile) -> list[int]:
    last = feature.counts.size - 1
    fixed = {"missing": [last], "unseen": [last - 1], "below": [0, 1], "above": [last - 2, last - 1],
             "far": [0, last - 1]}  # fmt: skip
    if finding.question in fixed:
        return fixed[finding.question]
    return [place for place in range(1, last - 1) if cell_name(feature, place) == finding.cell]
