"""How often a metric had which values: bins by Freedman and Diaconis, from 5 to 30 of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FEWEST, MOST = 5, 30


@dataclass(frozen=True, slots=True)
class ValueHistogram:
    """`counts` of the bins between `edges`; the last bin includes its right edge."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


def histogram_of(values: Sequence[float]) -> ValueHistogram:
    """Of values up to 1e307; without any there are no bins, of a constant the middle one holds all.

    The width of a bin is twice the interquartile range over the cube root of how many there are (Freedman and
    Diaconis, 1981, doi:10.1007/BF01025868).

    >>> histogram_of([0.0, 1.0, 1.0, 5.0]).counts
    (1, 2, 0, 0, 1)
    >>> histogram_of([2.0, 2.0]).counts
    (0, 0, 2, 0, 0)
    """
    import numpy as np  # who shows no metric need not load these

    from modelmon.stats.histogram import count, equal_width_edges

    if not values:
        return ValueHistogram((), ())
    small = np.asarray(values, dtype=np.float64) / 8  # so that no difference overflows
    first, third = np.quantile(small, (0.25, 0.75))
    width = 2 * (third - first) / len(small) ** (1 / 3)
    with np.errstate(over="ignore"):
        wanted = np.ceil((small.max() - small.min()) / width) if width > 0 else FEWEST
    edges = equal_width_edges(values, int(np.clip(wanted, FEWEST, MOST)))
    return ValueHistogram(tuple(edges.tolist()), tuple(count(values, edges)[1:-2].tolist()))
