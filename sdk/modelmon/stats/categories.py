"""Counts of categories: the frequent ones by name, everything else in one bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LISTED = 200
"""Categories that a reference names; rarer ones share the bin of the others."""


def keep_frequent(counts: Mapping[str, int], limit: int = LISTED) -> tuple[dict[str, int], int]:
    """The `limit` most frequent categories (ties by name), and how many values the others have together.

    >>> keep_frequent({"a": 5, "b": 2, "c": 1}, limit=2)
    ({'a': 5, 'b': 2}, 1)
    """
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dict(ranked[:limit]), sum(number for _, number in ranked[limit:])


def count_categories(
    counts: Mapping[str, int], categories: Sequence[str], missing: int = 0
) -> NDArray[np.int64]:
    """Counts laid out as `[categories…, others, missing]`; unseen categories fall into the others.

    >>> count_categories({"a": 5, "new": 2}, ["a", "b"], missing=1).tolist()
    [5, 0, 2, 1]
    """
    listed = [counts.get(name, 0) for name in categories]
    return np.array([*listed, sum(counts.values()) - sum(listed), missing], dtype=np.int64)
