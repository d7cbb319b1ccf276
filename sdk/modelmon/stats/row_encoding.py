"""Rows as numbers that can be compared: how far each value lies from the middle of its feature, as normal
scores, and how far from what the other features let one expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.stats.frames import Column, Frame, columns, without_values
from modelmon.stats.normal import normal_tail_quantile

Floats = NDArray[np.float64]

KNOTS = 256
"""Values of a feature at which its scores are known; between them they are interpolated."""
FARTHEST = 4.0
"""So much further than the last known value a score can lie."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureCode:
    """Scores of one feature: of numbers at ascending `knots`, of categories by name; `gap` is that of a
    missing value, `new` of a category that the reference has not. `scale`: what counts as far outside."""

    name: str
    is_numeric: bool
    knots: Floats
    scores: Floats
    categories: Mapping[str, float]
    gap: float
    new: float
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class RowEncoding:
    """Every feature's code, and what relates their scores to each other in the reference."""

    features: tuple[FeatureCode, ...]
    mean: Floats
    deviation: Floats
    precision: Floats
    """(features, features): the inverse of their correlation, a little shrunk."""

    def scores(self, frame: Frame) -> Floats:
        """(rows, features) normal scores; a feature without a column is missing in every row."""
        found = columns(frame)
        rows = len(frame)
        lines = [
            _scored(found[code.name] if code.name in found else without_values(rows), code)
            for code in self.features
        ]
        return np.stack(lines, axis=1) if lines else np.zeros((rows, 0))

    def surprises(self, scores: Floats) -> Floats:
        """(rows, features): how far each score lies from what all others let one expect, in its own standard
        errors, taking scores as jointly normal."""
        standard = (scores - self.mean) / self.deviation
        return np.asarray(standard @ self.precision / np.sqrt(np.diag(self.precision)))


def encode_rows(frame: Frame, names: Sequence[str]) -> RowEncoding:
    """The encoding that a reference teaches, of those of the features `names` that can be scored.

    Numbers get the normal quantile of their rank, categories that of how rare they and rarer ones are. Times
    and nested values are left out, as are features without a single value.
    """
    found = columns(frame)
    codes = tuple(_code(name, found[name]) for name in names if name in found and _is_scored(found[name]))
    bare = RowEncoding(codes, np.zeros(len(codes)), np.ones(len(codes)), np.eye(len(codes)))
    scores = bare.scores(frame)
    if len(scores) < 3 or not codes:
        return bare
    deviation = scores.std(0)
    deviation = np.where(deviation > 1e-9, deviation, 1.0)
    standard = (scores - scores.mean(0)) / deviation
    shrunk = max(1e-2, len(codes) / len(scores))
    related = (1 - shrunk) * (standard.T @ standard / len(scores)) + shrunk * np.eye(len(codes))
    np.fill_diagonal(related, 1.0)
    return RowEncoding(codes, scores.mean(0), deviation, np.linalg.inv(related))


def _is_scored(column: Column) -> bool:
    return column.kind != "other" and column.missing < len(column)


def _code(name: str, column: Column) -> FeatureCode:
    if column.kind == "categorical":
        counts, missing = column.categories
        rows = max(sum(counts.values()), 1)
        return FeatureCode(name, False, np.zeros(0), np.zeros(0), _rarities(counts), _gap(missing, rows),
                           float(normal_tail_quantile(0.5 / (rows + 1))), 1.0)  # fmt: skip
    values = column.numbers[0]
    known = values[np.isfinite(values)]
    if not known.size:
        known = np.zeros(1)
    different, times = np.unique(known, return_counts=True)
    ranks = (np.cumsum(times) - times / 2) / known.size
    chosen = np.unique(np.linspace(0, different.size - 1, KNOTS).astype(int))
    low, high = np.quantile(known, (0.05, 0.95))
    scale = float(high - low) or float(different[-1] - different[0]) or abs(float(different[0])) or 1.0
    return FeatureCode(
        name, True, different[chosen], -normal_tail_quantile(ranks[chosen]), {},
        _gap(int(np.isnan(values).sum()), values.size), 0.0, scale,
    )  # fmt: skip


def _rarities(counts: Mapping[str, int]) -> dict[str, float]:
    """Of each category the normal quantile of being so rare: half of those as frequent count with it."""
    sizes = np.array(sorted(counts.values()), dtype=np.float64)
    reached = np.concatenate([[0.0], np.cumsum(sizes)])
    total = max(reached[-1], 1.0)
    return {
        name: float(
            normal_tail_quantile(
                (
                    reached[np.searchsorted(sizes, rows, "left")]
                    + reached[np.searchsorted(sizes, rows, "right")]
                )
                / 2
                / total
            )
        )
        for name, rows in counts.items()
    }


def _gap(missing: int, rows: int) -> float:
    """A missing value is the odder the fewer there are."""
    return max(0.0, float(normal_tail_quantile((missing + 0.5) / (rows + 1))))


def _scored(column: Column, code: FeatureCode) -> Floats:
    if not code.is_numeric:
        places, names = column.named
        return np.array([*(code.categories.get(each, code.new) for each in names), code.gap])[places]
    values = column.numbers[0]
    scores = np.interp(values, code.knots, code.scores)
    for outside, sign in ((code.knots[0] - values, -1.0), (values - code.knots[-1], 1.0)):
        with np.errstate(invalid="ignore", over="ignore"):
            further = np.minimum(np.log1p(np.maximum(outside, 0.0) / code.scale), FARTHEST)
        scores = scores + sign * np.where(outside > 0, further, 0.0)
    return np.where(np.isnan(values), code.gap, scores)


def joined(frames: Sequence[Frame]) -> Frame:
    """One frame of the rows of several, all of one kind."""
    if len(frames) == 1:
        return frames[0]
    if hasattr(frames[0], "column_names"):
        import pyarrow as pa

        return pa.concat_tables(frames, promote_options="permissive")
    import pandas as pd

    return pd.concat(frames, ignore_index=True)


def rows_of(frame: Frame, places: ArrayLike) -> Frame:
    """These rows of a frame, in this order."""
    chosen = np.asarray(places, dtype=np.intp)
    return frame.take(chosen) if hasattr(frame, "column_names") else frame.iloc[chosen]
