"""The statistics of a frame, feature by feature: the reference of a model, and the same of a sample.

The shape is MLRun's `feature_stats` (`count`, `mean`, `std`, `min`, quartiles, `max`, `hist` as
[counts, edges] with an underflow and an overflow bin at the ends) plus `kind`, `missing` and, for
categories, `categories` and `others`. It is plain JSON: no NaN, no infinity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError
from modelmon.stats.categories import LISTED, count_categories, keep_frequent
from modelmon.stats.frames import Column, Frame, columns
from modelmon.stats.histogram import BINS, count, equal_width_edges
from modelmon.stats.moments import moments, quartiles
from modelmon.stats.reference import OUTERMOST, Bins, Categories, read_reference

Stats = dict[str, dict[str, Any]]


def describe(
    frame: Frame, features: Sequence[str] | None = None, *, bins: int = BINS, categories: int = LISTED
) -> Stats:
    """The reference statistics of a training frame: feature name to its statistics.

    `frame` is a pandas DataFrame, an Arrow table or another frame that speaks Arrow's C interface;
    `features` are the columns wanted (all). Numbers and booleans get a histogram of `bins` equal-width bins
    over their finite values; strings and categorical columns get counts of their most frequent
    `categories`, rarer ones together as `others`. A column without a single value has no categories: any
    value of a sample is one of the others. Other columns (times, nested values) have counts and the name of
    their type, and are not scored. Infinities are counted in the outer bins,
    missing values as `missing`; neither takes part in `mean` and the like, which are absent when nothing
    finite is there. Raises ConfigError for another kind of frame or a feature the frame does not have.

    >>> import pyarrow as pa
    >>> stats = describe(pa.table({"age": [1.0, 3.0, None], "city": ["a", "b", "a"]}), bins=2)
    >>> stats["age"]["hist"][0], stats["age"]["missing"], stats["city"]["categories"]
    ([0, 1, 1, 0], 1, {'a': 2, 'b': 1})
    """
    found = columns(frame)
    absent = [name for name in features or () if name not in found]
    if absent:
        raise ConfigError(f"the frame has no column {absent[0]!r}; it has {', '.join(found)}")
    wanted = found if features is None else {name: found[name] for name in features}
    return {name: _describe(column, bins, categories) for name, column in wanted.items()}


def describe_like(frame: Frame, reference: Mapping[str, Any]) -> Stats:
    """The statistics of a sample on the bins of its reference, for the features both have.

    A value that is no number counts as missing where the reference has numbers.
    """
    found, (bins, _) = columns(frame), read_reference(reference)
    return {name: measure(found[name], on)[1] for name, on in bins.items() if name in found}


def measure(
    column: Column, on: Bins, *, with_quartiles: bool = True
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Counts of one column on given bins, and its statistics."""
    if isinstance(on, Categories):
        named, missing = column.categories
        counts = count_categories(named, on.names, missing)
        return counts, categorical(counts, on.names, len(named))
    values, _ = column.numbers
    counts = count(values, on.edges)
    return counts, numeric(values, on.edges, counts, on.kind, with_quartiles=with_quartiles)


def numeric(
    values: NDArray[np.float64],
    edges: NDArray[np.float64],
    counts: NDArray[np.int64],
    kind: str,
    *,
    with_quartiles: bool = True,
) -> dict[str, Any]:
    found = moments(values)
    if with_quartiles and found:
        found = {**found, **quartiles(values)}
    order = ("mean", "std", "min", "25%", "50%", "75%", "max")
    return {
        "count": int(counts[:-1].sum()),
        **{name: found[name] for name in order if name in found},
        "hist": [counts[:-1].tolist(), [-OUTERMOST, *edges.tolist(), OUTERMOST]],
        "kind": kind,
        "missing": int(counts[-1]),
    }


def categorical(counts: NDArray[np.int64], names: Sequence[str], unique: int) -> dict[str, Any]:
    return {
        "count": int(counts[:-1].sum()),
        "unique": unique,
        "categories": dict(zip(names, counts[:-2].tolist(), strict=True)),
        "others": int(counts[-2]),
        "kind": "categorical",
        "missing": int(counts[-1]),
    }


def _describe(column: Column, bins: int, limit: int) -> dict[str, Any]:
    missing = column.missing
    if missing == len(column):
        return {**categorical(np.array([0, missing]), (), 0), "kind": "empty"}
    if column.kind == "categorical":
        counts, missing = column.categories
        names = list(keep_frequent(counts, limit)[0])
        return categorical(count_categories(counts, names, missing), names, len(counts))
    if column.kind == "other":
        present = len(column) - missing
        return {"count": present, "kind": "other", "type": column.type_name, "missing": missing}
    values, _ = column.numbers
    edges = equal_width_edges(values, bins)
    return numeric(values, edges, count(values, edges), column.kind)
