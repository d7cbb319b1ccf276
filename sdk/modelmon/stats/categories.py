"""Counts of categories: the frequent ones by name, everything else in one bin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.values import is_gap, spelled, values_of

LISTED = 200
"""Categories that a reference names; rarer ones share the bin of the others."""

Counted = tuple[dict[str, int], int]
"""How often each category is there, and how many values are missing."""


def counted(values: Iterable[tuple[Any, int]]) -> Counted:
    """Values with how often each is there, by their spelling; several may have the same.

    >>> counted([("a", 2), (1, 1), (1.0, 1), (None, 3), (float("nan"), 1)])
    ({'a': 2, '1': 2}, 4)
    """
    counts: dict[str, int] = {}
    missing = 0
    for value, number in values:
        if is_gap(value):
            missing += number
        else:
            name = spelled(value)
            counts[name] = counts.get(name, 0) + number
    return counts, missing


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

    A category that is not listed under its name counts as the one of the same value, where there is just
    one: `1.0` and `True` as `1`, `TRUE` as `true`.

    >>> count_categories({"a": 5, "new": 2}, ["a", "b"], missing=1).tolist()
    [5, 0, 2, 1]
    >>> count_categories({"true": 3, "0": 2}, ["1", "0.0"]).tolist()
    [3, 2, 0, 0]
    """
    listed = {name: counts.get(name, 0) for name in categories}
    unlisted = [name for name in counts if name not in listed]
    for name, same in zip(unlisted, _of_same_value(unlisted, categories), strict=True):
        if same is not None:
            listed[same] += counts[name]
    others = sum(counts.values()) - sum(listed.values())
    return np.array([*listed.values(), others, missing], dtype=np.int64)


def unlisted(names: Iterable[str], categories: Sequence[str]) -> list[str]:
    """Those of these names that are none of the categories, under no spelling of the same value.

    >>> unlisted(["a", "1.0", "new"], ["a", "1"])
    ['new']
    """
    known = frozenset(categories)
    rest = [name for name in names if name not in known]
    return [name for name, same in zip(rest, _of_same_value(rest, categories), strict=True) if same is None]


def places_of(names: Sequence[str], categories: Sequence[str]) -> list[int]:
    """Where `count_categories` counts each of `names`: the place of its category, or that of the others.

    >>> places_of(["b", "new", "a"], ["a", "b"])
    [1, 2, 0]
    """
    places = {category: place for place, category in enumerate(categories)}
    same = _of_same_value(names, categories)
    return [
        places.get(name, len(categories) if other is None else places[other])
        for name, other in zip(names, same, strict=True)
    ]


def _of_same_value(names: Sequence[str], categories: Sequence[str]) -> list[str | None]:
    """For each name the one category of its value; None where there is none, or more than one."""
    by_value: dict[float | None, str | None] = {}
    for category, value in zip(categories, values_of(categories), strict=True):
        by_value[value] = None if value in by_value else category
    by_value[None] = None
    return [by_value.get(value) for value in values_of(names)]
