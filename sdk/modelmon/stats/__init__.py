"""Statistics of features and distances between them: pure functions of arrays and frames, numpy alone."""

from __future__ import annotations

from modelmon.stats.compare import Comparison, compare
from modelmon.stats.describe import describe, describe_like
from modelmon.stats.distances import DISTANCES, distance, hellinger, kld, psi, tvd
from modelmon.stats.histogram import count, equal_width_edges
from modelmon.stats.moments import moments, quartiles
from modelmon.stats.reference import read_reference

__all__ = [
    "DISTANCES",
    "Comparison",
    "compare",
    "count",
    "describe",
    "describe_like",
    "distance",
    "equal_width_edges",
    "hellinger",
    "kld",
    "moments",
    "psi",
    "quartiles",
    "read_reference",
    "tvd",
]
