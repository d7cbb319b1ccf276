"""What happened to a feature, in words: where its values went, what is new, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelmon.views.bin_shares import OTHERS, BinShares, bin_shares
from modelmon.views.features import FeatureView

NOTABLE = 0.05
"""A share has to differ so much to be told of."""
MOVED = 0.25
"""A mean has to move so many deviations."""


def in_words(feature: FeatureView) -> str:
    """The most telling of a feature first, at most two things; what can't be compared says why.

    >>> from modelmon.model import from_us
    >>> before, now = {"mean": 10.0, "std": 2.0, "count": 9}, {"mean": 15.0, "count": 9}
    >>> in_words(FeatureView("wind", False, "app", from_us(0), 0.9, before, now))
    'mean 10 → 15, 2.5 deviations up'
    """
    if feature.sample is None:
        return "no value in this window"
    if feature.reference is None:
        return "no reference to compare with"
    if not feature.sample.get("count"):
        return "every value is missing"
    before, now = feature.reference, feature.sample
    shares = bin_shares(before, now)
    told = _missing(before, now), _outside(shares), _moved(before, now), _grown(shares)
    found = [words for words in told if words]
    return "; ".join(found[:2]) or "as in the reference"


def missing_share(stats: Mapping[str, Any] | None) -> float | None:
    """Of all rows those without a value; None where there is no row."""
    count, missing = (0, 0) if stats is None else (stats.get("count", 0), stats.get("missing", 0))
    return missing / (count + missing) if count + missing else None


def _missing(reference: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
    before, now = missing_share(reference) or 0.0, missing_share(sample) or 0.0
    return f"missing {_percent(before)} → {_percent(now)}" if abs(now - before) >= NOTABLE else ""


def _outside(shares: BinShares) -> str:
    """Values that training never had: in bins that are empty in the reference."""
    if not (shares.reference and shares.current):
        return ""
    pairs = zip(shares.names, shares.reference, shares.current, strict=True)
    new = [(now, name) for name, before, now in pairs if not before and now]
    total = sum(now for now, _ in new)
    if total < NOTABLE:
        return ""
    share, name = max(new)
    where = "not among its categories" if name == OTHERS else f"most of them {name}"
    return f"{_percent(total)} of the rows have values the reference never has, {where}" if share else ""


def _moved(reference: Mapping[str, Any], sample: Mapping[str, Any]) -> str:
    before, now, std = reference.get("mean"), sample.get("mean"), reference.get("std")
    if before is None or now is None:
        return ""
    if not std:
        return "" if now == before else f"mean {before:.3g} → {now:.3g}; it was constant"
    deviations = (now - before) / std
    if abs(deviations) < MOVED:
        return ""
    way = "up" if deviations > 0 else "down"
    return f"mean {before:.3g} → {now:.3g}, {abs(deviations):.1f} deviations {way}"


def _grown(shares: BinShares) -> str:
    """The bin that grew most: where the values went."""
    if not (shares.reference and shares.current):
        return ""
    pairs = zip(shares.names, shares.reference, shares.current, strict=True)
    name, before, now = max(pairs, key=lambda pair: pair[2] - pair[1])
    return f"{name}: {_percent(before)} → {_percent(now)}" if now - before >= NOTABLE else ""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
