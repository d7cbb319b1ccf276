"""Segments: the rows of each value of a column, judged apart against the same rows of the training set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.categories import LISTED, keep_frequent, places_of
from modelmon.stats.cell_counts import cell_places
from modelmon.stats.frames import Column, Frame, as_frame, columns, without_values
from modelmon.stats.profile import FeatureProfile, Profile, Segments, Stretches
from modelmon.stats.self_check import with_tails
from modelmon.stats.stretches import Cut, cut_lengths, with_variances

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Places = NDArray[np.intp]

LEAST_ROWS = 500
"""Training rows that a value needs to be judged apart; the rows of all rarer ones are judged together."""
MOST_VALUES = 20
MOST_LINES = 2_000
"""Features times segments of a column: of more features fewer values are judged apart."""
UNSEEN = 5


@dataclass(frozen=True, slots=True, eq=False)
class SegmentCounts:
    """A window's rows by segment of one column."""

    counts: Counts
    """(values and the others, features, profile.width)."""
    unseen_rows: int
    unseen: tuple[str, ...]
    """Values that training has not at all, the most frequent first, at most five."""


def segments_of(
    found: Mapping[str, Column],
    made: Profile,
    names: Sequence[str],
    seconds: Floats | None,
    lengths: Sequence[float],
    floors: Sequence[float],
) -> tuple[Segments, ...]:
    """The segments of these columns of a training frame; `made` is the profile of all its rows, whose cells
    each segment has. `seconds` says when each row was, None without a time column."""
    places = [cell_places(found[feature.name], feature) for feature in made.features]
    return tuple(_column(found[name], name, made, places, seconds, lengths, floors) for name in names)


def _column(
    column: Column,
    name: str,
    made: Profile,
    places: Sequence[Places],
    seconds: Floats | None,
    lengths: Sequence[float],
    floors: Sequence[float],
) -> Segments:
    counts = column.categories[0]
    most = max(1, min(MOST_VALUES, MOST_LINES // max(len(made.features), 1)))
    apart = tuple(each for each, rows in keep_frequent(counts, most)[0].items() if rows >= LEAST_ROWS)
    rare, _ = keep_frequent({each: rows for each, rows in counts.items() if each not in apart}, LISTED)
    segment = _segment_of_rows(column, apart)

    def of(place: int) -> Profile:
        mine = segment == place
        times = None if seconds is None else seconds[mine]
        return _part(made, [each[mine] for each in places], times, lengths, floors)

    others = of(len(apart)) if int((segment == len(apart)).sum()) >= LEAST_ROWS else None
    is_whole = len(counts) == len(apart) + len(rare)
    return Segments(
        name, apart, tuple(of(place) for place in range(len(apart))), others, tuple(rare), is_whole
    )


def _segment_of_rows(column: Column, apart: Sequence[str]) -> Places:
    """Per row the place of its value among these, behind them that of all others and of the missing."""
    named, names = column.named
    at = np.array([*places_of(names, apart), len(apart)], dtype=np.intp)
    return at[named]  # -1, the last one, is missing


def _part(
    made: Profile,
    places: Sequence[Places],
    seconds: Floats | None,
    lengths: Sequence[float],
    floors: Sequence[float],
) -> Profile:
    """The profile of some rows in the cells of all of them."""
    features = [_of_rows(feature, cells) for feature, cells in zip(made.features, places, strict=True)]
    part = Profile(tuple(features), len(places[0]) if places else 0)
    timed = np.zeros(0) if seconds is None else seconds[np.isfinite(seconds)]
    if seconds is None or timed.size < 2 or timed.min() == timed.max():
        return part
    start, end = float(timed.min()), float(timed.max())
    cuts = [Cut.of(seconds, start, length) for length in cut_lengths(lengths, end - start)]
    counts = [
        [cut.counts(cells, feature.counts.size) for cut in cuts]
        for cells, feature in zip(places, features, strict=True)
    ]
    part = replace(
        part,
        features=tuple(with_variances(*pair) for pair in zip(features, counts, strict=True)),
        start_seconds=start,
        end_seconds=end,
        stretches=tuple(Stretches(cut.seconds, cut.number, {}) for cut in cuts),
    )
    windows = [stacked([of_cuts[place] for of_cuts in counts], part.width) for place in range(len(cuts))]
    return with_tails(part, windows, floors)


def _of_rows(feature: FeatureProfile, cells: Places) -> FeatureProfile:
    counts = np.bincount(cells, minlength=feature.counts.size).astype(np.float64)
    size = counts.size
    return replace(
        feature,
        counts=counts,
        unlisted=0.0 if feature.is_numeric else float(counts[-2]),
        shape_variance=np.zeros((0, 4)),
        share_variance=np.zeros((0, size)),
    )


def stacked(lines: Sequence[Counts], width: int) -> Counts:
    """Counts (stretches, features, width) of the lines (stretches, cells + 3) of each feature."""
    padded = [np.pad(line, ((0, 0), (0, width - line.shape[1]))) for line in lines]
    return np.stack(padded, axis=1) if padded else np.zeros((0, 0, width), dtype=np.int64)


def segment_counts(frame: Frame, profile: Profile, segments: Segments) -> SegmentCounts:
    """Counts of a sample's rows in the cells of the profile, by segment; the last one has all other rows that
    training knows. Rows of a value that training has not are in no segment.

    >>> import pyarrow as pa
    >>> from modelmon.stats import profile
    >>> made = profile(pa.table({"city": ["Oslo", "Rome"] * 500}), segments=["city"])
    >>> sample = pa.table({"city": ["Oslo", "Bonn", "Oslo"]})
    >>> found = segment_counts(sample, made, made.segments[0])
    >>> found.counts.sum(2)[:, 0].tolist(), found.unseen_rows, found.unseen
    ([2, 0, 0], 1, ('Bonn',))
    """
    frame = as_frame(frame)
    rows, found = len(frame), columns(frame)
    column = found.get(segments.column) or without_values(rows)
    segment = _segment_of_rows(column, segments.values)
    unseen = _unseen(column, segments)
    segment[unseen] = -1
    counts = np.zeros((len(segments.values) + 1, len(profile.features), profile.width), dtype=np.int64)
    inside = segment >= 0
    for line, feature in enumerate(profile.features):
        cells = cell_places(found.get(feature.name) or without_values(rows), feature)
        flat = np.bincount(segment[inside] * profile.width + cells[inside], minlength=counts[:, line].size)
        counts[:, line] = flat.reshape(-1, profile.width)
    named, names = column.named
    new = {
        names[place]: int(number)
        for place, number in zip(*np.unique(named[unseen], return_counts=True), strict=True)
    }
    return SegmentCounts(counts, int(unseen.sum()), tuple(keep_frequent(new, UNSEEN)[0]))


def _unseen(column: Column, segments: Segments) -> NDArray[np.bool_]:
    """Per row whether training has its value not at all; nothing is where it has too many to list."""
    named, names = column.named
    if not segments.knows_all:
        return np.zeros(named.size, dtype=bool)
    known = [*segments.values, *segments.rare]
    is_new = np.array([place == len(known) for place in places_of(names, known)] + [False], dtype=bool)
    return np.asarray(is_new[named])
