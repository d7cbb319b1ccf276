"""Two histograms of a feature as shares of the same bins, as pictures and tables show them."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from modelmon.charts.overlay import bin_names

OTHERS = "others"
MOST = 40
"""Categories that are shown; the rarest of more are together in `others`."""


@dataclass(frozen=True, slots=True)
class BinShares:
    """Bins by name, and the rows in each: of the reference and of the window. One that is not known is
    empty."""

    names: tuple[str, ...] = ()
    reference_rows: tuple[int, ...] = ()
    current_rows: tuple[int, ...] = ()

    @property
    def reference(self) -> tuple[float, ...]:
        return _shares(self.reference_rows)

    @property
    def current(self) -> tuple[float, ...]:
        return _shares(self.current_rows)


def bin_shares(reference: Mapping[str, Any] | None, sample: Mapping[str, Any] | None) -> BinShares:
    """Of statistics as `modelmon.stats.describe` makes them. Where the bins of the two are not the same, and
    can't be made so, those of the sample are shown.

    >>> bin_shares({"hist": [[0, 3, 1], [0, 1, 2, 3]]}, {"hist": [[0, 1, 1], [0, 1, 2, 3]]}).current
    (0.0, 0.5, 0.5)
    >>> bin_shares({"categories": {"a": 3}, "others": 0}, {"categories": {"b": 1}, "others": 1})
    BinShares(names=('a', 'b', 'others'), reference_rows=(3, 0, 0), current_rows=(0, 1, 1))
    """
    before, now = reference or {}, sample or {}
    if "categories" in before or "categories" in now:
        return _of_categories(before, now)
    if "hist" in before and "hist" in now and list(before["hist"][1]) != list(now["hist"][1]):
        before = {}
    known = now if "hist" in now else before
    if "hist" not in known:
        return BinShares()
    names = bin_names(_plain([_open(edge) for edge in known["hist"][1]]))
    return _without_empty_ends(
        BinShares(tuple(names), *(tuple(each["hist"][0]) if "hist" in each else () for each in (before, now)))
    )


def _of_categories(before: Mapping[str, Any], now: Mapping[str, Any]) -> BinShares:
    old, new = (dict(each.get("categories", {})) for each in (before, now))
    ranked = sorted({**old, **new}, key=lambda name: -max(_share(old, name), _share(new, name)))
    names = [name for name in {**old, **new} if name in set(ranked[:MOST])]
    counted = [
        (*(some.get(name, 0) for name in names), each.get("others", 0) + _rest(some, names))
        if "categories" in each
        else ()
        for each, some in ((before, old), (now, new))
    ]
    has_others = any(some and some[-1] for some in counted)
    return BinShares(
        (*names, OTHERS) if has_others else tuple(names),
        *(some if has_others else some[: len(names)] for some in counted),
    )


def _share(counts: Mapping[str, int], name: str) -> float:
    return counts.get(name, 0) / (sum(counts.values()) or 1)


def _rest(counts: Mapping[str, int], names: Sequence[str]) -> int:
    return sum(count for name, count in counts.items() if name not in names)


def _without_empty_ends(found: BinShares) -> BinShares:
    """The open bins at the ends are shown where something is in them."""
    known = [some for some in (found.reference_rows, found.current_rows) if some]
    first = 1 if found.names[0].startswith("<") and not any(some[0] for some in known) else 0
    is_over = found.names[-1].startswith("≥") and not any(some[-1] for some in known)
    last = len(found.names) - 1 if is_over else len(found.names)
    return BinShares(
        found.names[first:last], found.reference_rows[first:last], found.current_rows[first:last]
    )


def _open(edge: float) -> float:
    """Infinity, where statistics have the largest number there is in its place."""
    return edge if abs(edge) < sys.float_info.max else float("inf") * (1 if edge > 0 else -1)


def _plain(edges: Sequence[float]) -> list[float]:
    """0 where an edge differs from it by less than anyone sees: a lowest bin begins a hair below its values.

    >>> _plain([-2e-06, 2.1, 4.2])
    [0.0, 2.1, 4.2]
    """
    widths = [after - before for before, after in pairwise(edges) if math.isfinite(after - before)]
    seen = min(widths, default=0.0) / 1000
    return [0.0 if abs(edge) < seen else edge for edge in edges]


def _shares(rows: Sequence[int]) -> tuple[float, ...]:
    every = sum(rows)
    return tuple(each / every for each in rows) if every else ()
