"""A profile of `feature_stats` alone: twenty equal-width bins instead of rows, which is coarse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.level_shifts import POINTS, level_shifts
from modelmon.stats.profile import FeatureProfile, Kind, Profile
from modelmon.stats.profiling import no_variance
from modelmon.stats.reference import Categories, Intervals, read_reference

Floats = NDArray[np.float64]

LARGEST = float(np.finfo(np.float64).max)


def profile_of_stats(feature_stats: Mapping[str, Any]) -> Profile:
    """The profile that reference statistics allow, as `describe` or MLRun makes them; it is coarse.

    It knows nothing of time. A heavy-tailed feature has one useful bin of twenty, so only its outside, far
    and missing values show much. Features without bins are in `Profile.unjudged`, with the reason.

    >>> made = profile_of_stats({"x": {"hist": [[5, 3, 2], [0, 1, 2, 3]]}})
    >>> made.is_coarse, made.features[0].counts.tolist()
    (True, [0.0, 0.0, 5.0, 3.0, 2.0, 0.0, 0.0, 0.0])
    """
    bins, unjudged = read_reference(feature_stats)
    features = [
        _categories(name, on, feature_stats[name]) if isinstance(on, Categories) else _intervals(name, on)
        for name, on in bins.items()
    ]
    rows = int(max((feature.counts.sum() for feature in features), default=0))
    return Profile(tuple(features), rows, is_coarse=True, unjudged=unjudged)


def _categories(name: str, on: Categories, stats: Mapping[str, Any]) -> FeatureProfile:
    """All others together hold what they were counted to, and as much as the rarest listed one, at least."""
    counts = np.concatenate([[0.0], on.counts])
    others = float(on.counts[-2])
    unlisted = others + float(counts[1:-2].min(initial=np.inf)) if others else 0.0
    size = counts.size
    unlisted = unlisted if np.isfinite(unlisted) else others
    return FeatureProfile(
        name, "categorical", np.zeros(0), np.zeros(0), on.names, counts, unlisted, *no_variance(size), None
    )


def _intervals(name: str, on: Intervals) -> FeatureProfile:
    edges, inner = _apart(on)
    width = edges[-1] - edges[0]
    wide = np.concatenate([[edges[0] - width], edges, [edges[-1] + width]])
    under, over, missing = on.counts[0], on.counts[-2], on.counts[-1]
    counts = np.concatenate([[0.0, under], inner, [over, 0.0, missing]])
    kind: Kind = "boolean" if on.kind == "boolean" else "numeric"
    singles = np.full(wide.size - 1, np.nan)
    made = FeatureProfile(name, kind, wide, singles, (), counts, 0.0, *no_variance(counts.size), None)
    return replace(made, shifts=level_shifts(_spread_out(edges, inner), wide, counts))


def _apart(on: Intervals) -> tuple[Floats, Floats]:
    """Edges that ascend, and the counts between them; the last bin holds its right edge."""
    edges = np.unique(np.clip(on.edges, -LARGEST / 8, LARGEST / 8))
    if edges.size == 1:
        edges = np.append(edges, edges[0] + max(abs(edges[0]) * 1e-6, 1e-15))
    places = np.searchsorted(edges[:-1], np.clip(on.edges[:-1], edges[0], edges[-1]), side="right") - 1
    inner = np.bincount(places, on.counts[1:-2], minlength=edges.size - 1).astype(np.float64)
    edges[-1] = np.nextafter(edges[-1], np.inf)
    return edges, inner


def _spread_out(edges: Floats, counts: Floats) -> Floats:
    """Values that lie in the bins as the rows do, evenly within each."""
    if not counts.any():
        return np.zeros(0)
    reached = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    return np.interp((np.arange(POINTS) + 0.5) / POINTS, reached, edges)
