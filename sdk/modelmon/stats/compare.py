"""How far a sample is from its reference, feature by feature."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.describe import Stats, measure
from modelmon.stats.distances import distance
from modelmon.stats.frames import Frame, as_frame, columns, without_values
from modelmon.stats.reference import Intervals, read_reference

SCORED_BY = ("tvd", "hellinger")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One sample against one reference. Arrays run along `features`, in the reference's order."""

    features: tuple[str, ...]
    distances: dict[str, NDArray[np.float64]]
    scores: NDArray[np.float64]
    """Per feature the mean of its total variation and Hellinger distances, in [0, 1]."""
    empty: tuple[str, ...]
    """Scored features without a single value in the sample, be it that it has no such column."""
    unscored: dict[str, str]
    """Features of the reference that can't be scored, and why."""
    invalid: dict[str, int]
    """Per feature how many values were no number where the reference has numbers; counted as missing."""
    rows: int
    reference_rows: int
    """Rows that the reference stands on, in the feature that has most."""
    sample_stats: Stats
    """Statistics of the sample on the bins of the reference, without quartiles."""


def compare(frame: Frame, reference: Mapping[str, Any], distances: Collection[str] = ("kld",)) -> Comparison:
    """Compare a sample (a frame as `describe` takes it) with reference statistics as `describe` makes them.

    `distances` names those wanted besides `tvd` and `hellinger`. Missing values are a bin of their own, so
    a feature that is missing everywhere scores 1 where the reference was never missing; one that the sample
    has no column for is missing everywhere. An empty frame has no features to compare. Columns that the
    reference does not know are ignored.

    >>> import pyarrow as pa
    >>> from modelmon.stats import describe
    >>> table = pa.table({"x": [1.0, 2.0, 3.0]})
    >>> compare(table, describe(table)).scores.tolist()
    [0.0]
    """
    frame = as_frame(frame)
    rows = len(frame)
    read, unscored = read_reference(reference)
    bins = read if rows else {}
    found = {**dict.fromkeys(bins, without_values(rows)), **columns(frame)}
    measured = {name: measure(found[name], on, with_quartiles=False) for name, on in bins.items()}
    numeric = [name for name, on in bins.items() if isinstance(on, Intervals)]
    expected = _matrix([on.counts for on in bins.values()])
    counted = _matrix([counts for counts, _ in measured.values()])
    names = dict.fromkeys((*SCORED_BY, *distances))
    values = {name: distance(name)(expected, counted) for name in names}
    return Comparison(
        features=tuple(bins),
        distances=values,
        scores=np.clip((values["tvd"] + values["hellinger"]) / 2, 0.0, 1.0),
        empty=tuple(name for name, (_, stats) in measured.items() if not stats["count"]),
        unscored=unscored,
        invalid={name: found[name].numbers[1] for name in numeric if found[name].numbers[1]},
        rows=rows,
        reference_rows=int(expected.sum(axis=1).max(initial=0)),
        sample_stats={name: stats for name, (_, stats) in measured.items()},
    )


def _matrix(histograms: list[NDArray[Any]]) -> NDArray[np.float64]:
    """Histograms of several lengths as rows; the bins that fill up are empty, which no distance sees."""
    matrix = np.zeros((len(histograms), max((histogram.size for histogram in histograms), default=1)))
    for row, histogram in zip(matrix, histograms, strict=True):
        row[: histogram.size] = histogram
    return matrix
