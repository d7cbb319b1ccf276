"""Whether a training set's own stretches of time would keep the budget, and how much less is allowed if not.

Variances alone do not know how heavy the tails of windows are: stretches that are clumped have heavier ones.
So every stretch of the training set is judged like a window. An exponential tail is fitted to those that
stand out most, and the thresholds are raised until that tail meets the budget. The features' correlation is
in it, for the strongest question over all of them is what counts.
Source: Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001, chapter 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.evidence import Evidence, budget_shares, evidence
from modelmon.stats.normal import normal_tail, normal_tail_quantile
from modelmon.stats.profile import Profile, Stretches
from modelmon.stats.questions import floors_of, questions_of

Floats = NDArray[np.float64]

UPPER = 0.1
ERRORS = 2.5
"""Errors that the tail is taken longer by: it is known from the few stretches that stand out most."""
TYPICAL_PART = 0.0625
"""Of a feature's budget: the part of one shape in one direction, which stands for any question."""
MOST = 1000
"""Stretches that are judged; of more, as many evenly spread."""
MOST_DECIMALS = 300.0
BLOCK = 400_000
"""Counts that are worked on at a time."""


def with_tails(profile: Profile, windows: Sequence[NDArray[np.int64]], floors: Sequence[float]) -> Profile:
    """The profile with the tails of its stretches, by floor.

    `windows` holds for each of its lengths the counts (stretches, features, width).
    """
    stretches = [
        replace(each, tails={floor: _tail(profile, place, counts, floor) for floor in floors})
        for place, (each, counts) in enumerate(zip(profile.stretches, windows, strict=True))
    ]
    return replace(profile, stretches=tuple(stretches))


def _tail(profile: Profile, length: int, counts: NDArray[np.int64], floor: float) -> Floats:
    features = len(profile.features)
    asked = questions_of(profile, length)
    floors = floors_of(profile, length, (floor,) * features)
    shares = budget_shares(asked, np.full(features, 1 / max(features, 1)))
    counts = counts[np.unique(np.linspace(0, len(counts) - 1, min(len(counts), MOST)).astype(int))]
    step = max(1, BLOCK // max(counts[:1].size, 1))
    parts = [
        standing_out(evidence(counts[at : at + step].astype(np.float64), asked, floors), shares)
        for at in range(0, len(counts), step)
    ]
    return upper_tail(np.concatenate([*parts, np.zeros(0)]))


def standing_out(found: Evidence, shares: Evidence) -> Floats:
    """-log10 (windows,) of the smallest p-value over all questions, each divided by its part of the budget.

    From -log10(budget) on a window alarms; it is negative where nothing stands out.
    """
    parts = [
        _decimals(np.abs(z), part).reshape(z.shape[0], -1).max(1, initial=-MOST_DECIMALS)
        for z, part in found.pairs(shares)
    ]
    return np.asarray(np.maximum.reduce(parts))


def _decimals(z: Floats, part: Floats) -> Floats:
    logarithm = np.log10(np.maximum(part, 1e-300))
    found = np.broadcast_to(logarithm, z.shape) - np.log10(0.5)
    stands_out = z > 0
    tails = np.maximum(normal_tail(z[stands_out]), 10.0**-MOST_DECIMALS)
    found[stands_out] = np.broadcast_to(logarithm, z.shape)[stands_out] - np.log10(tails)
    return np.where(np.broadcast_to(part, z.shape) > 0, found, -MOST_DECIMALS)


def upper_tail(decimals: Floats) -> Floats:
    """What is kept of `standing_out` of all stretches: the upper tenth (of few, ten), ascending."""
    kept = int(np.ceil(decimals.size * _rate(decimals.size))) + 1
    return np.sort(decimals)[-kept:].round(2)


def allowed_budget(stretches: Stretches | None, budget: float, floor: float, parts: Floats) -> float:
    """The budget, in (0, budget], that thresholds may use so that stretches as in training keep `budget`.

    Without stretches, or with fewer than two, it is the budget itself. The tails are those kept for the
    largest floor that is not above `floor`; they are of features with equal parts of the budget. `parts`
    (features,) sum to 1. Where one has more than its equal part, each p-value may stand out by as much more.
    """
    fitting = [] if stretches is None else [kept for kept in stretches.tails if kept <= floor + 1e-12]
    if stretches is None or not fitting or stretches.tails[max(fitting)].size < 2:
        return budget
    part = TYPICAL_PART / max(parts.size, 1)
    tail = stretches.tails[max(fitting)] + np.log10(max(parts.max(initial=0.0) * parts.size, 1.0))
    at = normal_tail_quantile(budget * part)
    ratios = np.maximum(normal_tail_quantile(np.minimum(10.0**-tail * part, 0.5)), 0.0) / at
    start, over = ratios[0], ratios[1:] - ratios[0]
    mean = over.mean() * (1 + ERRORS / np.sqrt(over.size))
    number = stretches.number if stretches.checked is None else stretches.checked
    reach = start + mean * max(np.log(_rate(min(number, MOST)) / budget), 0.0)
    return float(normal_tail(max(reach, 1.0) * at) / part) if reach > 1 else budget


def _rate(stretches: int) -> float:
    """The share of stretches that the tail is fitted to."""
    return float(min(max(UPPER, 10 / max(stretches, 1)), 0.5))
