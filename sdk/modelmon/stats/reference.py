"""Reading reference statistics back: ours, and MLRun's own `feature_stats`.

MLRun's histograms may or may not carry an underflow and an overflow bin (outermost edges ±1.797e308) and
say nothing of missing values; a training column of MLRun that had any has no histogram at all, so an absent
`missing` means none.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError

OUTERMOST = sys.float_info.max
"""Stands for infinity at the ends of padded edges; JSON has no infinity."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Bins of a numeric or boolean feature; `counts` as `[under, bins…, over, missing]`."""

    edges: NDArray[np.float64]
    counts: NDArray[np.float64]
    kind: str


@dataclass(frozen=True, slots=True)
class Categories:
    """Bins of a categorical feature; `counts` as `[names…, others, missing]`."""

    names: tuple[str, ...]
    counts: NDArray[np.float64]


Bins = Intervals | Categories


def read_reference(reference: Mapping[str, Any]) -> tuple[dict[str, Bins], dict[str, str]]:
    """The bins of every feature that can be scored, and why each other one can't.

    >>> reference = {"x": {"hist": [[3, 1], [0, 1, 2]]}, "when": {"kind": "other", "type": "date"}}
    >>> bins, unscored = read_reference(reference)
    >>> bins["x"].counts.tolist(), unscored
    ([0.0, 3.0, 1.0, 0.0, 0.0], {'when': 'values of type date are not scored'})
    """
    bins: dict[str, Bins] = {}
    unscored: dict[str, str] = {}
    for name, stats in reference.items():
        try:
            bins[name] = parse(stats)
        except ConfigError as error:
            unscored[name] = str(error)
    return bins, unscored


def parse(stats: Any) -> Bins:
    """The bins of one feature's reference statistics; ConfigError says why there are none."""
    if not isinstance(stats, Mapping):
        raise ConfigError(f"reference statistics are a mapping, got a {type(stats).__name__}")
    missing = _numbers([stats.get("missing", 0)], "missing")
    if "categories" in stats:
        bins: Bins = _categories(stats, missing)
    elif "hist" in stats:
        bins = _intervals(stats, missing)
    elif stats.get("kind") == "other":
        raise ConfigError(f"values of type {stats.get('type', 'unknown')} are not scored")
    else:
        raise ConfigError("the reference has no histogram and no categories")
    if (bins.counts < 0).any():
        raise ConfigError("a count in the reference is negative")
    if not bins.counts.any():
        raise ConfigError("the reference stands on no rows")
    return bins


def _categories(stats: Mapping[str, Any], missing: NDArray[np.float64]) -> Categories:
    if not isinstance(stats["categories"], Mapping):
        raise ConfigError("categories must map each name to its count")
    names, counts = tuple(stats["categories"]), list(stats["categories"].values())
    others = _numbers([stats.get("others", 0)], "others")
    return Categories(names, np.concatenate([_numbers(counts, "categories"), others, missing]))


def _intervals(stats: Mapping[str, Any], missing: NDArray[np.float64]) -> Intervals:
    hist = stats["hist"]
    if not isinstance(hist, list | tuple) or len(hist) != 2:
        raise ConfigError("hist must be [counts, edges]")
    counts, edges = _numbers(hist[0], "counts of hist"), _numbers(hist[1], "edges of hist")
    if edges.size != counts.size + 1 or counts.size == 0:
        raise ConfigError(f"hist has {counts.size} counts and {edges.size} edges; edges must be one more")
    under = over = np.zeros(1)
    if edges[0] <= -OUTERMOST and counts.size > 1:
        under, counts, edges = counts[:1], counts[1:], edges[1:]
    if edges[-1] >= OUTERMOST and counts.size > 1:
        over, counts, edges = counts[-1:], counts[:-1], edges[:-1]
    if (np.diff(edges) < 0).any():
        raise ConfigError("the edges of hist must ascend")
    return Intervals(edges, np.concatenate([under, counts, over, missing]), stats.get("kind", "numeric"))


def _numbers(values: Any, what: str) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what} must be numbers") from error
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise ConfigError(f"{what} must be finite numbers")
    return numbers
