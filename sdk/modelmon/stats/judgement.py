"""The judgement of one window: what has changed by more than the floor, within a budget of false alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError
from modelmon.stats.calibration import Calibration, calibration, length_for
from modelmon.stats.evidence import Evidence, budget_shares, evidence, limits_of
from modelmon.stats.findings import Finding, findings, worst_finding
from modelmon.stats.least_change import LeastChange, least_changes
from modelmon.stats.profile import Profile
from modelmon.stats.questions import Floors, Questions, floors_of, questions_of
from modelmon.stats.self_check import allowed_budget, standing_out

Floats = NDArray[np.float64]

FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one window shows against its profile."""

    alarm: bool
    """Whether some question is beyond its threshold."""
    ratio: float
    """The largest z of all questions, divided by its threshold: from 1 on it is an alarm; 0 where nothing
    stands out."""
    findings: tuple[Finding, ...]
    """What alarms, the strongest first: of each feature the strongest question of every kind."""
    worst: Finding | None
    """What stands out most, also where it is no alarm; None where nothing does."""
    least_changes: tuple[LeastChange, ...]
    """Of every feature judged, the least change that such a window shows with 90 %."""
    calibration: Calibration
    budget: float
    """Probability of a false alarm that was asked for, over all features and questions together."""
    allowed: float
    """What the thresholds were worked out for: less than `budget` where the self-check asks for it."""
    floor: float
    """The largest change that is not worth an alarm, in sigma."""
    rows: int
    reference_rows: int
    is_coarse: bool

    @property
    def may_detect(self) -> bool:
        """Whether an alarm may be called detected; else it is potential at most."""
        return self.calibration.may_detect and not self.is_coarse


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """Everything about a judgement that does not depend on the window's rows."""

    asked: Questions
    floors: Floors
    shares: Evidence
    limits: Evidence
    allowed: float


def judge(
    counts: ArrayLike,
    profile: Profile,
    *,
    budget: float,
    floor: float = FLOOR,
    window_seconds: float | None = None,
    weights: Mapping[str, float] | None = None,
    floors: Mapping[str, float] | None = None,
) -> Judgement:
    """Judge a window of `counts` (features, profile.width), as `cell_counts` makes them.

    `budget` is the probability of any alarm in a window that has not changed by more than `floor`, in (0, 1),
    over all features and questions together. `floor` is in sigma of a shape: 0.1 sigma of a share, at least
    0.2 points, is its part for shares; 0 alarms over anything. `window_seconds` picks the variance between
    windows that the profile knows. `weights` splits the budget unevenly: a feature of weight 0 is not judged,
    one not named has weight 1. `floors` gives single features a floor of their own.

    A window without rows alarms over nothing and shows nothing: its least changes are infinite. ConfigError
    for counts of another profile, a budget or a floor out of range, an unknown feature.
    Source: Bonferroni over questions whose tails come from `saddlepoint`.

    >>> import pyarrow as pa
    >>> from modelmon.stats import cell_counts, profile
    >>> training = profile(pa.table({"city": ["a", "b"] * 500}))
    >>> found = judge(cell_counts(pa.table({"city": ["a"] * 100}), training), training, budget=0.01)
    >>> found.alarm, found.worst.question, found.worst.cell, found.calibration.how
    (True, 'share', 'a', 'assumed independent')
    """
    lines = _checked(counts, profile)
    ruled = thresholds(
        profile, budget=budget, floor=floor, window_seconds=window_seconds, weights=weights, floors=floors
    )
    found = evidence(lines[None].astype(np.float64), ruled.asked, ruled.floors)
    ratio = float(found.worst(ruled.limits)[0])
    return Judgement(
        alarm=ratio >= 1.0,
        ratio=ratio,
        findings=findings(found, ruled.limits, lines, profile, ruled.asked),
        worst=worst_finding(found, ruled.limits, lines, profile, ruled.asked),
        least_changes=least_changes(lines, profile, ruled.asked, ruled.floors, ruled.limits),
        calibration=calibration(profile, window_seconds),
        budget=budget,
        allowed=ruled.allowed,
        floor=floor,
        rows=int(lines.sum(1).max(initial=0)),
        reference_rows=profile.rows,
        is_coarse=profile.is_coarse,
    )


def window_ratios(counts: ArrayLike, ruled: Thresholds) -> Floats:
    """(windows,) `Judgement.ratio` of many windows of counts (windows, features, cells) at once."""
    windows = np.asarray(counts, dtype=np.float64)
    step = max(1, 400_000 // max(windows[:1].size, 1))
    parts = [
        evidence(windows[at : at + step], ruled.asked, ruled.floors).worst(ruled.limits)
        for at in range(0, len(windows), step)
    ]
    return np.concatenate([*parts, np.zeros(0)])


def window_stands_out(counts: ArrayLike, ruled: Thresholds) -> float:
    """`standing_out` of a window of `counts` (features, cells), for the self-check of later ones."""
    lines = np.asarray(counts, dtype=np.float64)[None]
    return float(standing_out(evidence(lines, ruled.asked, ruled.floors), ruled.shares)[0])


def thresholds(
    profile: Profile,
    *,
    budget: float,
    floor: float = FLOOR,
    window_seconds: float | None = None,
    weights: Mapping[str, float] | None = None,
    floors: Mapping[str, float] | None = None,
) -> Thresholds:
    """What `judge` holds windows of this length against; worked out once for equal arguments."""
    if not 0 < budget < 1:
        raise ConfigError(f"a budget is a probability between 0 and 1, got {budget!r}")
    each_floor = _each(floors, floor, profile, "floor")
    if not all(0 <= value < 2 for value in each_floor):
        raise ConfigError(
            f"a floor is a number of sigma from 0 up to 2, got {min(each_floor)!r} … {max(each_floor)!r}"
        )
    each_weight = _each(weights, 1.0, profile, "weight")
    if not all(0 <= value < np.inf for value in each_weight) or (each_weight and not any(each_weight)):
        raise ConfigError("a weight is a finite number of at least 0, and not all of them are 0")
    return _thresholds(profile, length_for(profile, window_seconds), budget, each_floor, each_weight)


@lru_cache(maxsize=64)
def _thresholds(
    profile: Profile,
    length: int | None,
    budget: float,
    floor: tuple[float, ...],
    weights: tuple[float, ...],
) -> Thresholds:
    asked = questions_of(profile, length)
    parts = np.array(weights, dtype=np.float64)
    parts /= max(parts.sum(), 1.0e-300)
    shares = budget_shares(asked, parts)
    stretches = None if length is None else profile.stretches[length]
    least = min((value for value, part in zip(floor, parts, strict=True) if part), default=0.0)
    allowed = allowed_budget(stretches, budget, least, parts)
    return Thresholds(asked, floors_of(profile, length, floor), shares, limits_of(shares, allowed), allowed)


def _each(given: Mapping[str, float] | None, other: float, profile: Profile, what: str) -> tuple[float, ...]:
    unknown = sorted(set(given or {}) - set(profile.names))
    if unknown:
        raise ConfigError(
            f"a {what} is given for {unknown[0]!r}, which the profile has not; "
            f"it has {', '.join(profile.names)}"
        )
    return tuple(float((given or {}).get(name, other)) for name in profile.names)


def _checked(counts: ArrayLike, profile: Profile) -> NDArray[np.int64]:
    lines = np.asarray(counts)
    if lines.shape != (len(profile.features), profile.width):
        raise ConfigError(
            f"counts of this profile have shape {(len(profile.features), profile.width)}, got {lines.shape}; "
            "cell_counts makes them"
        )
    if (lines < 0).any():
        raise ConfigError("a count of rows is negative")
    return lines.astype(np.int64)
