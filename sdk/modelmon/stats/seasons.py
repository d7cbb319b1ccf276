"""References other than the training set: like windows of past weeks, and a stretch that moves along.

`season` compares a window with those of the same hour of the week. It is strong where a model's inputs have
weekly and daily waves, which against the whole training set must count as variance. `recent` accepts a slow
trend, as long as it moves by less than the floor within five weeks. Windows that alarmed belong to neither.
Both have the cells of the training set; a fixed reference beside them still shows what has slowly moved.

How much like windows vary comes from the windows themselves. That the thresholds keep the budget is checked
by what past windows came to when they were judged in the same way: see `self_check`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

from modelmon.errors import ConfigError
from modelmon.stats.profile import FeatureProfile, Profile, Stretches
from modelmon.stats.questions import Questions, asked_counts, questions_of
from modelmon.stats.self_check import upper_tail
from modelmon.stats.stretches import bound_factor, with_variances

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DAY = 86_400
WEEK = 7 * DAY
WEEKS = 4
RECENT_DAYS = 28
GAP_DAYS = 7
MOST_PHASES = 96
"""Times of the week whose windows tell how much like windows differ; of more, as many evenly spread."""
MOST_RECENT = 800
"""Windows that a moving stretch is made of; of more, about as many, evenly spread over the week."""


@dataclass(frozen=True, slots=True, eq=False)
class PastWindow:
    """A window that was judged before: when it began, what it held, whether it alarmed."""

    start_seconds: int
    """Since 1970."""
    counts: Counts
    """(features, profile.width), as `cell_counts` makes them."""
    alarmed: bool = False
    stands_out: float | None = None
    """What `standing_out` came to when it was judged by such a reference; None where it was not."""


def like_starts(start_seconds: int, window_seconds: int, weeks: int = WEEKS) -> list[int]:
    """When the windows began that `season_profile` wants: at the same time of the last weeks, and at so many
    other times of the week that it is known how much like windows differ. None where windows do not return.

    >>> starts = like_starts(10 * WEEK, 3_600)
    >>> len(starts), 9 * WEEK in starts, max(starts) < 10 * WEEK
    (336, True, True)
    """
    if WEEK % window_seconds:
        returning = (week * WEEK for week in range(1, weeks + 1) if week * WEEK % window_seconds == 0)
        return [start_seconds - offset for offset in returning]
    phases = WEEK // window_seconds
    offsets = [phase * window_seconds for phase in range(0, phases, ceil(phases / MOST_PHASES))]
    return sorted(
        start_seconds - week * WEEK - (offset or WEEK) for offset in offsets for week in range(weeks)
    )


def recent_starts(
    start_seconds: int, window_seconds: int, days: int = RECENT_DAYS, gap_days: int = GAP_DAYS
) -> list[int]:
    """When the windows began that `recent_profile` wants: at most about MOST_RECENT, evenly over the week."""
    first, last = start_seconds - (gap_days + days) * DAY, start_seconds - gap_days * DAY
    nearest, farthest = gap_days * DAY // window_seconds + 1, (start_seconds - first) // window_seconds
    step = max(1, ceil((farthest - nearest + 1) / MOST_RECENT))
    while gcd(step, max(WEEK // window_seconds, 1)) > 1:  # else some times of the week are never seen
        step += 1
    starts = (start_seconds - place * window_seconds for place in range(nearest, farthest + 1, step))
    return sorted(start for start in starts if first <= start < last)


def season_profile(
    profile: Profile,
    past: Sequence[PastWindow],
    *,
    start_seconds: int,
    window_seconds: int,
    weeks: int = WEEKS,
    floor: float | None = None,
) -> Profile | None:
    """What windows at this hour of the week held in the last `weeks` weeks, as a profile to judge against.

    `past` may hold any windows, in any order; those of other hours tell how much like windows differ from
    week to week. With a `floor` thresholds are raised where what past windows came to at it asks for that.
    None where no like window is at hand. ConfigError for counts of another profile.
    """
    if weeks < 1:
        raise ConfigError(f"a season is taken from at least 1 week, got {weeks}")
    known = [window for window in past if 0 < start_seconds - window.start_seconds <= weeks * WEEK]
    kept = _kept(known, profile)
    hours: dict[int, list[PastWindow]] = {}
    for window in kept:
        hours.setdefault((start_seconds - window.start_seconds) % WEEK, []).append(window)
    like = hours.get(0, [])
    if not like:
        return None
    groups = [np.array([window.counts for window in group], dtype=np.float64) for group in hours.values()]
    shape, share, pairs = _week_to_week(groups, questions_of(profile, None))
    pooled = np.sum([window.counts for window in like], axis=0)
    features = [
        _with(feature, pooled[line], shape[line], share[line])
        for line, feature in enumerate(profile.features)
    ]
    number = pairs + 1 if len(like) > 1 else 1
    stretches = _checked(Stretches(window_seconds, number, averaged=len(like)), kept, floor)
    return _as_reference(profile, features, stretches, kept)


def recent_profile(
    profile: Profile,
    past: Sequence[PastWindow],
    *,
    start_seconds: int,
    window_seconds: int,
    days: int = RECENT_DAYS,
    gap_days: int = GAP_DAYS,
    floor: float | None = None,
) -> Profile | None:
    """What the windows of `days` days held, up to `gap_days` before, as a profile to judge against.

    The gap keeps a change from becoming its own reference at once. With a `floor` thresholds are raised where
    what past windows came to at it asks for that. None where no window is at hand.
    """
    if days < 1 or gap_days < 0:
        raise ConfigError(
            f"a recent reference has at least 1 day and no negative gap, got {days} and {gap_days}"
        )
    last, first = start_seconds - gap_days * DAY, start_seconds - (gap_days + days) * DAY
    kept = _kept([window for window in past if first <= window.start_seconds < last], profile)
    if not kept:
        return None
    counts = np.array([window.counts for window in kept])
    pooled = counts.sum(0)
    features = []
    for line, feature in enumerate(profile.features):
        size = feature.counts.size
        moved = replace(feature, counts=pooled[line, :size].astype(np.float64), unlisted=0.0)
        features.append(with_variances(moved, [counts[:, line, :size]]))
    stretches = _checked(Stretches(window_seconds, len(kept)), kept, floor)
    return _as_reference(profile, features, stretches, kept)


def _checked(stretches: Stretches, kept: Sequence[PastWindow], floor: float | None) -> Stretches:
    """With the tail of what past windows came to when they were judged."""
    if floor is None:
        return stretches
    known = np.array([window.stands_out for window in kept if window.stands_out is not None])
    return replace(stretches, tails={floor: upper_tail(known)} if known.size else {}, checked=known.size)


def _kept(windows: Sequence[PastWindow], profile: Profile) -> list[PastWindow]:
    for window in windows:
        if window.counts.shape != (len(profile.features), profile.width):
            raise ConfigError(
                f"counts of this profile have shape {(len(profile.features), profile.width)}, "
                f"a past window's have {window.counts.shape}"
            )
    return [window for window in windows if not window.alarmed and window.counts.any()]


def _with(feature: FeatureProfile, pooled: Counts, shape: Floats, share: Floats) -> FeatureProfile:
    """The feature as like windows had it; `share` is relative to the variance of one row."""
    size = feature.counts.size
    counts = pooled[:size].astype(np.float64)
    rows = np.append(np.full(size - 1, counts[:-1].sum()), counts.sum())
    chance = np.clip(counts / np.maximum(rows, 1.0), 0.0, 1.0)
    return replace(
        feature,
        counts=counts,
        unlisted=0.0,
        shape_variance=shape[None, :],
        share_variance=(share[:size] * chance * (1 - chance))[None, :],
    )


def _as_reference(
    profile: Profile, features: Sequence[FeatureProfile], stretches: Stretches, kept: Sequence[PastWindow]
) -> Profile:
    starts = [window.start_seconds for window in kept]
    return replace(
        profile,
        features=tuple(features),
        rows=int(max((feature.counts.sum() for feature in features), default=0)),
        stretches=(stretches,),
        start_seconds=float(min(starts)),
        end_seconds=float(max(starts) + stretches.seconds),
    )


def _week_to_week(groups: Sequence[Floats], asked: Questions) -> tuple[Floats, Floats, int]:
    """How much like windows differ beyond sampling, relative to the variance of one row.

    `groups` holds for each hour of the week its windows (weeks, features, cells). Of shapes (features, 4), of
    shares (features, cells), and how many differences they stand on.
    """
    squares: list[Floats] = [np.zeros(asked.scores.shape[:2]), np.zeros(asked.asks.shape)]
    rows = [np.zeros(each.shape) for each in squares]
    pairs = 0
    for counts in groups:
        if len(counts) < 2:
            continue
        pairs += len(counts) - 1
        for place, (values, of, variance) in enumerate(_measured(counts, asked)):
            mean = (values * of).sum(0) / np.maximum(of.sum(0), 1.0)
            deviations = of * (values - mean) ** 2
            squares[place] += (deviations / np.maximum(variance, 1e-12) * (variance > 0)).sum(0)
            rows[place] += of.sum(0) * (1 - 1 / len(counts))
    factor = bound_factor(np.array(max(pairs, 1)))
    shape, share = (
        np.maximum(factor * square - pairs, 0.0) / np.maximum(of, 1.0)
        for square, of in zip(squares, rows, strict=True)
    )
    return shape, share, pairs


def _measured(counts: Floats, asked: Questions) -> list[tuple[Floats, Floats, Floats]]:
    """Values, rows and the variance of one row of the shapes and of the shares of like windows."""
    lines = np.arange(counts.shape[1])
    total = counts.sum(2)
    present = total - counts[:, lines, asked.missing_at]
    of_scores = np.repeat(present[:, :, None], asked.scores.shape[1], axis=2)
    first = np.einsum("wfc,fsc->wfs", counts, asked.scores)
    second = np.einsum("wfc,fsc->wfs", counts, asked.scores**2)
    all_rows = np.maximum(of_scores.sum(0), 1.0)
    spread = second.sum(0) / all_rows - (first.sum(0) / all_rows) ** 2
    of_shares = np.repeat(present[:, :, None], counts.shape[2], axis=2)
    of_shares[:, lines, asked.missing_at] = total
    cells = asked_counts(counts, asked.missing_at, asked.numeric)
    chance = np.clip(cells.sum(0) / np.maximum(of_shares.sum(0), 1.0), 0.0, 1.0)
    return [
        (first / np.maximum(of_scores, 1.0), of_scores, spread),
        (cells / np.maximum(of_shares, 1.0), of_shares, chance * (1 - chance)),
    ]
