"""Histogram drift of 100,000 rows of 100 features beside the one pass it can't do without: numpy.bincount."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from modelmon.apps import HistogramDataDriftApplication
from modelmon.stats import DISTANCES, count, describe, read_reference

ROWS, FEATURES, REPEATS = 100_000, 100, 7


def measure() -> list[dict[str, Any]]:
    columns = [np.random.default_rng(feature).normal(size=ROWS) for feature in range(FEATURES)]
    table = pa.table({f"f{feature:03}": values for feature, values in enumerate(columns)})
    reference = describe(table)
    intervals = list(read_reference(reference)[0].values())
    edges = [bins.edges for bins in intervals]
    expected = np.array([bins.counts for bins in intervals])
    indices = [
        np.minimum((values - of[0]) * (len(of) - 1) / (of[-1] - of[0]), len(of) - 2).astype(np.intp)
        for values, of in zip(columns, edges, strict=True)
    ]

    def histograms_and_distances() -> None:
        counted = np.array([count(values, of) for values, of in zip(columns, edges, strict=True)])
        for distance in DISTANCES.values():
            distance(expected, counted)

    def whole_app() -> None:
        HistogramDataDriftApplication.evaluate(sample_data=table, reference_data=reference)

    def bincount_alone() -> None:
        for index in indices:
            np.bincount(index, minlength=22)

    # In turns: on a busy machine the best of each then saw the same quiet moments.
    timed = [
        [_milliseconds(work) for work in (bincount_alone, histograms_and_distances, whole_app)]
        for _ in range(REPEATS)
    ]
    limit, distances, app = (min(times) for times in zip(*timed, strict=True))
    what = f"{ROWS:,} x {FEATURES}"
    return [
        _entry(f"drift, histograms and distances, {what}", distances, limit),
        _entry(f"drift, the whole app with statistics, {what}", app, limit),
    ]


def _milliseconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _entry(name: str, value: float, limit: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": "ms", "limit": limit, "ratio": value / limit}
