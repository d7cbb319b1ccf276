"""Making the profile of a training set: its cells, its counts, and how its own windows of time varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError
from modelmon.stats.categories import LISTED, keep_frequent
from modelmon.stats.cell_counts import cell_places, column_counts
from modelmon.stats.frames import Column, Frame, columns
from modelmon.stats.level_shifts import level_shifts
from modelmon.stats.profile import FeatureProfile, Kind, Profile, Stretches
from modelmon.stats.quantile_cells import BINS, quantile_edges, single_values
from modelmon.stats.repeats import Codes, row_codes
from modelmon.stats.segments import segments_of, stacked
from modelmon.stats.self_check import with_tails
from modelmon.stats.stretch_repeats import stretch_repeats
from modelmon.stats.stretches import Cut, cut_lengths, with_variances
from modelmon.stats.time_columns import seconds_of

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

WINDOW_SECONDS = (600.0, 3_600.0, 86_400.0)
"""Lengths of windows that a profile is made ready for: ten minutes, an hour, a day."""
FLOORS = (0.0, 0.1)
SEGMENT_SECONDS = 3_600.0
RARE = 5
"""Rows from which on a category is listed, where there are more than twenty."""
FEW_CATEGORIES = 20


def profile(
    frame: Frame,
    *,
    features: Sequence[str] | None = None,
    time_column: str | None = None,
    window_seconds: Sequence[float] = WINDOW_SECONDS,
    compared: Sequence[str] | None = None,
    bins: int = BINS,
    segments: Sequence[str] = (),
    segment_seconds: float = SEGMENT_SECONDS,
) -> Profile:
    """The profile of a training frame (pandas, Arrow, or what speaks Arrow's C interface).

    `features` are the columns wanted; without, all but `time_column`. That column says when each row was:
    times, dates, ISO text, or numbers as seconds since 1970. The rows are then cut into stretches of each of
    `window_seconds` (of a twentieth of the whole at most), and how much these vary is kept. Rows may stand
    in any order; those without a time are in no stretch. By the columns `compared`, without by all features,
    whole rows are found that came before in their stretch. Columns of times or nested values have no profile;
    `Profile.unjudged` says why. Of each column of `segments`, which are among the features, the rows of its
    values are profiled apart as well, for windows of `segment_seconds`. ConfigError for what is no frame, has
    no rows or not such a column.

    >>> import pyarrow as pa
    >>> made = profile(pa.table({"age": [20.0, 30.0, 30.0, None], "city": ["a", "a", "b", "c"]}))
    >>> made.features[0].counts.tolist(), made.features[1].categories
    ([0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 1.0], ('a', 'b', 'c'))
    """
    found = columns(frame)
    wanted = _wanted(found, features, time_column)
    rows = len(next(iter(found.values()), ()))
    if not rows:
        raise ConfigError("a profile needs at least one row of training data; the frame has none")
    unjudged = {
        name: f"values of type {column.type_name} are not judged"
        for name, column in wanted.items()
        if column.kind == "other" and column.missing < rows
    }
    kept = {name: column for name, column in wanted.items() if name not in unjudged}
    made = Profile(
        tuple(_feature(name, column, bins) for name, column in kept.items()), rows, unjudged=unjudged
    )
    seconds = None if time_column is None else seconds_of(found, time_column)
    if seconds is not None:
        whole = kept if compared is None else {name: found[name] for name in compared}
        codes = row_codes(list(whole.values()), rows)
        made = _in_time(made, list(kept.values()), codes, seconds, window_seconds)
    if not segments:
        return made
    missing = next((name for name in segments if name not in kept), None)
    if missing is not None:
        raise ConfigError(f"segments: {missing!r} is no feature that is judged; there are {', '.join(kept)}")
    return replace(made, segments=segments_of(kept, made, segments, seconds, [segment_seconds], FLOORS))


def _wanted(
    found: Mapping[str, Column], features: Sequence[str] | None, time_column: str | None
) -> dict[str, Column]:
    for name in (*(features or ()), *((time_column,) if time_column is not None else ())):
        if name not in found:
            raise ConfigError(f"the frame has no column {name!r}; it has {', '.join(found)}")
    names = [name for name in found if name != time_column] if features is None else features
    return {name: found[name] for name in names}


def _feature(name: str, column: Column, bins: int) -> FeatureProfile:
    if column.kind == "categorical" or column.missing == len(column):
        return _of_categories(name, column)
    values, _ = column.numbers
    edges = quantile_edges(values, bins)
    kind: Kind = "boolean" if column.kind == "boolean" else "numeric"
    size = edges.size + 2
    made = FeatureProfile(
        name, kind, edges, single_values(values, edges), (), np.zeros(size), 0.0, *no_variance(size), None
    )
    counts = column_counts(column, made).astype(np.float64)
    return replace(made, counts=counts, shifts=level_shifts(values, edges, counts))


def _of_categories(name: str, column: Column) -> FeatureProfile:
    counts, _ = column.categories
    ranked = sorted(counts.values(), reverse=True)
    least = RARE if len(counts) > FEW_CATEGORIES else 1
    if len(ranked) > LISTED:
        least = max(least, ranked[LISTED] + 1)
    names = tuple(keep_frequent({each: rows for each, rows in counts.items() if rows >= least})[0])
    unlisted = float(sum(rows for rows in counts.values() if rows <= least)) if least > 1 else 0.0
    size = len(names) + 3
    made = FeatureProfile(
        name,
        "categorical",
        np.zeros(0),
        np.zeros(0),
        names,
        np.zeros(size),
        unlisted,
        *no_variance(size),
        None,
    )
    return replace(made, counts=column_counts(column, made).astype(np.float64))


def no_variance(size: int) -> tuple[Floats, Floats]:
    """Variances of a feature of `size` cells between no stretches at all."""
    return np.zeros((0, 4)), np.zeros((0, size))


def _in_time(
    made: Profile, kept: Sequence[Column], codes: Codes, seconds: Floats, lengths: Sequence[float]
) -> Profile:
    timed = seconds[np.isfinite(seconds)]
    start, end = float(timed.min()), float(timed.max())
    cuts = [Cut.of(seconds, start, length) for length in cut_lengths(lengths, end - start)]
    counts = [
        _counts_in_time(column, feature, cuts) for column, feature in zip(kept, made.features, strict=True)
    ]
    features = [with_variances(*pair) for pair in zip(made.features, counts, strict=True)]
    made = replace(
        made,
        features=tuple(features),
        start_seconds=start,
        end_seconds=end,
        stretches=tuple(
            Stretches(cut.seconds, cut.number, {}, stretch_repeats(codes, cut) if kept else None)
            for cut in cuts
        ),
    )
    windows = [stacked([of_cuts[place] for of_cuts in counts], made.width) for place in range(len(cuts))]
    return with_tails(made, windows, FLOORS)


def _counts_in_time(column: Column, feature: FeatureProfile, cuts: Sequence[Cut]) -> list[Counts]:
    cells = cell_places(column, feature)
    return [cut.counts(cells, feature.counts.size) for cut in cuts]
