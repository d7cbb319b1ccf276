"""What a window could have shown: the least change of each feature that it would alarm over with 90 %."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.evidence import Evidence
from modelmon.stats.level_shifts import STEPS, LevelShifts, shift_of_level
from modelmon.stats.normal import normal_tail_quantile
from modelmon.stats.profile import Profile
from modelmon.stats.questions import Asks, Floors, Questions
from modelmon.stats.saddlepoint import share_tail
from modelmon.stats.shapes import level_sigma

Floats = NDArray[np.float64]

POWER = 0.9
SECANTS = 4
SIGMAS = float(normal_tail_quantile(1 - POWER))
LARGEST_LEVEL = 1.6
"""Of a level: past it no shift moves it much further."""


@dataclass(frozen=True, slots=True)
class LeastChange:
    """The least change of one feature that a window of these rows shows with 90 %; infinite if none does."""

    feature: str
    sigma: float | None
    """A move of all values, in standard deviations of a normal feature; None for categories."""
    up: float | None
    """The same move upward in the feature's own unit; None where the profile does not know it."""
    down: float | None
    share: float | None
    """Points (0 to 1) by which the share of the most frequent value must rise or fall; None without one."""
    missing: float
    """Share of missing values (0 to 1)."""


def least_changes(
    counts: NDArray[np.int64], profile: Profile, asked: Questions, floors: Floors, limits: Evidence
) -> tuple[LeastChange, ...]:
    """One entry for every feature that has a budget, in the profile's order.

    `least = floor + (z + 1.28) sqrt(1/n + v)`, where v is the variance between windows and the reference's
    own error; for what is missing by the exact tail. So the 90 % are over training sets, too: against a
    single one, of rows not many more than the window's, it may be some points more or less.
    """
    lines = np.arange(len(profile.features))
    total = counts.sum(1).astype(np.float64)
    present = total - counts[lines, asked.missing_at]
    level = _least_level(present, asked, floors, limits)
    up, down = _own_units(level, profile)
    sigma = _in_sigma(level)
    share = _least_share(present, asked, floors, limits)
    missing = _least_missing(total, asked, floors, limits)
    has_budget = np.isfinite(limits.share).any(1).tolist()
    columns = [values.tolist() for values in (sigma, up, down, share, missing)]
    return tuple(
        LeastChange(name, _known(moved), _known(higher), _known(lower), _known(points), lacking)
        for name, is_judged, moved, higher, lower, points, lacking in zip(
            profile.names, has_budget, *columns, strict=True
        )
        if is_judged
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _least_level(rows: Floats, asked: Questions, floors: Floors, limits: Evidence) -> Floats:
    """(features,) of the level's score; NaN for a feature without shapes, infinite without rows."""
    limit = limits.score[:, 0]
    with np.errstate(divide="ignore"):
        each = 1 / rows
    seen = floors.floor + limit * np.sqrt(each + asked.score_error[:, 0])
    found = seen + SIGMAS * np.sqrt(each + asked.score_error[:, 0])
    return np.where(np.isfinite(limit), np.where(rows > 0, found, np.inf), np.nan)


def _in_sigma(level: Floats) -> Floats:
    sigma = level_sigma(np.clip(level, 0.0, LARGEST_LEVEL))
    return np.where(np.isnan(level), np.nan, np.where(level >= LARGEST_LEVEL, np.inf, sigma))


def _own_units(level: Floats, profile: Profile) -> tuple[Floats, Floats]:
    scales, up, down = _tables(profile)
    reached = np.where(np.isnan(level), 0.0, level)
    moves = [
        np.where(np.isnan(level), np.nan, shift_of_level(reached, table, scales)) for table in (up, down)
    ]
    return moves[0], moves[1]


@lru_cache(maxsize=32)
def _tables(profile: Profile) -> tuple[Floats, Floats, Floats]:
    """Scales (features,), and levels (features, 11) of shifts upward and downward; NaN where not known."""
    nothing = LevelShifts(np.nan, np.full(STEPS.size, np.nan), np.full(STEPS.size, np.nan))
    tables = [feature.shifts or nothing for feature in profile.features]
    shape = (len(tables), STEPS.size)
    up, down = (np.array([getattr(each, way) for each in tables]).reshape(shape) for way in ("up", "down"))
    return np.array([each.scale for each in tables]), up, -down


def _least_share(rows: Floats, asked: Questions, floors: Floors, limits: Evidence) -> Floats:
    """(features,) of the most frequent cell, in points; NaN where no cell has a share to ask for."""
    lines = np.arange(rows.size)
    of_cells = np.where(asked.asks == Asks.SHARE, asked.shares, -1.0)
    cell = (lines, of_cells.argmax(1))
    share, limit = asked.shares[cell], limits.share[cell]
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = share * (1 - share) / rows
        seen = floors.highest[cell] - share + limit * np.sqrt(chance + asked.share_error[cell])
        found = seen + SIGMAS * np.sqrt(chance + asked.share_error[cell])
    found = np.where((rows > 0) & (share + found <= 1), found, np.inf)
    return np.where((of_cells.max(1, initial=-1.0) > 0) & np.isfinite(limit), found, np.nan)


def _least_missing(rows: Floats, asked: Questions, floors: Floors, limits: Evidence) -> Floats:
    """(features,) shares of missing values; features that are alike are worked out once."""
    cell = (np.arange(rows.size), asked.missing_at)
    cases = np.stack([rows, floors.highest[cell], asked.share_error[cell], limits.share[cell]], 1)
    different, places = np.unique(cases, axis=0, return_inverse=True)
    return _alarming_share(*different.T)[places.ravel()] if rows.size else rows


def _alarming_share(rows: Floats, limit: Floats, error: Floats, z: Floats) -> Floats:
    """The share whose counts alarm with 90 %: the least alarming count by secants, then what reaches it."""
    whole = np.maximum(rows, 1.0)
    known = (rows > 0) & (limit < 1 - 1e-9) & np.isfinite(z)
    safe, wanted = np.where(known, limit, 0.5), np.where(known, z, 1.0)
    known &= share_tail(whole, whole, safe, error) >= wanted
    spread = np.sqrt(whole * safe * (1 - safe) + whole**2 * error)
    low = np.minimum(whole * safe + wanted * spread, whole)
    high = np.minimum(low + wanted**2, whole)
    below, above = (share_tail(count, whole, safe, error) for count in (low, high))
    for _ in range(SECANTS):
        slope = np.maximum(above - below, 1e-6) / np.maximum(high - low, 1e-6)
        low, below = high, above
        high = np.clip(high + (wanted - above) / slope, whole * safe + 0.5, whole)
        above = share_tail(high, whole, safe, error)
    share = _reaching(np.ceil(high - 0.1), whole, error)
    return np.where(known & (share <= 1), share, np.inf)


def _reaching(count: Floats, rows: Floats, error: Floats) -> Floats:
    """The share p that gives `count` with 90 %: p n - 1.28 sqrt(n p (1 - p) + n² error) = count - ½."""
    low, high = np.zeros(count.size), np.full(count.size, 2.0)
    for _ in range(40):
        share = (low + high) / 2
        spread = np.sqrt(rows * share * np.clip(1 - share, 0.0, 1.0) + rows**2 * error)
        is_short = rows * share - SIGMAS * spread < count - 0.5
        low, high = np.where(is_short, share, low), np.where(is_short, high, share)
    return high
