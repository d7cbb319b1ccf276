"""How the rules of a suggested contract varied over time in training: hits that come in clusters.

A rule's limit is what training shows. Where the training set has a time column its stretches say how far
the share goes up and down by itself; a window is judged by that, and by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelmon.contracts.contract import Contract, Rule
from modelmon.contracts.suggesting import DOUBT, FLOOR
from modelmon.stats.calibration import length_for
from modelmon.stats.clustered import MOST, share_limit
from modelmon.stats.profile import FeatureProfile, Profile


@dataclass(frozen=True, slots=True)
class Clustered:
    """Of one rule: its `limit` as far as training knows it, and the `correlation` of two rows of a window."""

    limit: float
    correlation: float


Clusters = Mapping[tuple[str, Rule], Clustered]
"""By column, "" for rules of all rows, and rule; rules that are not here are of independent rows."""


def clusters_of(contract: Contract, profile: Profile, window_seconds: float) -> Clusters:
    """What the stretches of a training set say of windows of this length; nothing without a time column."""
    place = length_for(profile, window_seconds)
    if place is None:
        return {}
    stretches, doubt = profile.stretches[place], DOUBT / max(1, sum(1 for _ in contract.rules()))
    shares = {
        (feature.name, rule): share for feature in profile.features for rule, share in _shares(feature, place)
    }
    repeats = stretches.repeats
    if repeats is not None:
        shares["", Rule.DUPLICATES] = _Share(repeats.hits, repeats.rows, repeats.variance, repeats.hits)
    found = {
        key: _clustered(share, stretches.number, doubt)
        for key, share in shares.items()
        if share.correlation > 0
    }
    again = found.get(("", Rule.DUPLICATES))
    if again is not None:  # who repeats a row repeats each of its values: they stand still together
        still = Clustered(0.0, again.correlation)
        found |= {(name, Rule.MOST_FREQUENT): still for name in contract.columns}
    return found


@dataclass(frozen=True, slots=True)
class _Share:
    """`hits` of `rows` in training, the variance of their share between stretches, and how many of them
    break the rule."""

    hits: float
    rows: float
    variance: float
    broken: float

    @property
    def correlation(self) -> float:
        share = self.hits / self.rows if self.rows else 0.0
        return min(MOST, self.variance / (share * (1 - share))) if 0 < share < 1 else 0.0


def _shares(feature: FeatureProfile, place: int) -> Iterator[tuple[Rule, _Share]]:
    variance, counts, rows = feature.share_variance[place], feature.counts, float(feature.counts.sum())
    yield Rule.MISSING, _Share(float(counts[-1]), rows, float(variance[-1]), float(counts[-1]))
    if not feature.is_numeric:
        yield Rule.UNSEEN, _Share(float(counts[-2]), rows, float(variance[-2]), float(counts[-2]))
        return
    # Nothing has been outside in training: such rows come as those do that lie outermost.
    low = _Share(float(counts[:2].sum()), rows, float(variance[1]), 1)
    high = _Share(float(counts[-3:-1].sum()), rows, float(variance[-3]), 1)
    yield Rule.OUTSIDE, max(low, high, key=lambda end: end.correlation)


def _clustered(share: _Share, stretches: int, doubt: float) -> Clustered:
    effect = 1 + (max(1.0, share.rows / stretches) - 1) * share.correlation
    limit = share_limit(int(share.broken), int(share.rows), doubt, effect) + FLOOR
    return Clustered(min(1.0, limit), share.correlation)
