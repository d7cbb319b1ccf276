"""Slow drift: evidence gathered over windows, of changes too small for any single one of them.

Each window bets on every shape of every feature, upward and downward, that it has moved by more than the
floor. A bet's gain is an e-value: its mean is at most 1 while nothing has moved further than that. Gains are
gathered by Shiryaev and Roberts' rule R = (1 + R) · gain and averaged over all bets; an alarm is raised where
the average reaches A. The mean number of windows between false alarms is then at least A, for windows of any
size and whatever the features have to do with each other. Beside
`judge` each of the two has half of a budget.
Source: Shin, Ramdas, Rinaldo, "E-detectors: A Nonparametric Framework for Sequential Change Detection", New
England Journal of Statistics in Data Science 2, 2024. Pollak, "Optimal Detection of a Change in
Distribution", Annals of Statistics 13, 1985.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelmon.errors import ConfigError
from modelmon.stats.calibration import length_for
from modelmon.stats.judgement import FLOOR
from modelmon.stats.profile import Profile
from modelmon.stats.questions import Questions, questions_of
from modelmon.stats.shapes import SHAPES, tilts

Floats = NDArray[np.float64]

SIZES = np.array([0.15, 0.3, 0.6, 1.2])
"""Changes that are bet on, in sigma of a shape beyond the floor."""
REFERENCE_ERRORS = 3.0
"""Errors of the reference that a change must exceed besides the floor."""
SCALES = np.exp(-0.25 * np.arange(50))
"""What stakes are scaled down by where windows differ without drift: by the next one of these."""
MOST = 1e300
BLOCK = 200_000
"""Gains that are worked out at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Bets:
    """What the gains of windows follow from, beside the windows' own sums."""

    between: Floats
    """(features, 4) variance between windows of each shape, without drift."""
    cumulants: Floats
    """(features, 4, scales, 2, sizes): log mean gain of one row at each stake, down and up, at the floor."""
    weights: Floats
    """(features, 4, 2, sizes), sum 1: 0 where a feature has no shapes or no part of the budget."""


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """What windows come to, in their order."""

    evidence: Floats
    """(windows,) the average R after each window, before it is taken back by an alarm; at least 0."""
    alarms: NDArray[np.bool_]
    """(windows,)."""
    leading: NDArray[np.intp]
    """(windows, 3) the bet that has gained most: places of its feature, its shape, and 0 down or 1 up."""
    state: Floats
    """(features, 4, 2, sizes) what the next windows go on from."""


def window_sums(counts: ArrayLike, profile: Profile) -> Floats:
    """What is kept of a window for the fold: (features, 5), rows with a value and the sums of four scores.

    `counts` as `cell_counts` makes them. A feature without shapes, or without a row, has zeros.

    >>> import pyarrow as pa
    >>> from modelmon.stats import cell_counts, profile
    >>> made = profile(pa.table({"x": [float(value) for value in range(100)]}))
    >>> window_sums(cell_counts(pa.table({"x": [10.0, 20.0]}), made), made).round(2).tolist()
    [[2.0, -2.36, 0.93, 1.01, -2.15]]
    """
    asked = questions_of(profile, None)
    lines = np.asarray(counts, dtype=np.float64)
    if lines.shape != asked.asks.shape:
        raise ConfigError(f"counts of this profile have shape {asked.asks.shape}, got {lines.shape}")
    present = lines.sum(1) - lines[np.arange(len(lines)), asked.missing_at]
    sums = np.einsum("fc,fsc->fs", lines, asked.scores)
    return np.concatenate([np.where(asked.scores.any((1, 2)), present, 0.0)[:, None], sums], axis=1)


def bets_of(
    profile: Profile,
    *,
    floor: float = FLOOR,
    window_seconds: float | None = None,
    weights: tuple[float, ...] | None = None,
    floors: tuple[float, ...] | None = None,
) -> Bets:
    """The bets on windows of this length; the same arguments as `judge` takes, but `weights` and `floors` by
    feature in order.

    They follow from the profile alone, so whoever folds needs it; they are worked out once.
    """
    number = len(profile.features)
    each_floor = (floor,) * number if floors is None else floors
    each_weight = (1.0,) * number if weights is None else weights
    if not len(each_floor) == len(each_weight) == number:
        raise ConfigError(f"weights and floors are given for each of the {number} features of the profile")
    if not all(0 <= value < np.inf for value in each_floor):
        raise ConfigError(f"a floor is a finite number of sigma of at least 0, got {min(each_floor)!r}")
    return _bets(profile, length_for(profile, window_seconds), each_floor, each_weight)


@lru_cache(maxsize=32)
def _bets(
    profile: Profile, length: int | None, floors: tuple[float, ...], weights: tuple[float, ...]
) -> Bets:
    asked = questions_of(profile, length)
    has_shape = asked.scores.any(2)
    parts = np.where(has_shape, np.array(weights, dtype=np.float64)[:, None], 0.0)
    parts = parts / max(parts.sum(), 1e-300) / (2 * SIZES.size)
    shape = (*parts.shape, 2, SIZES.size)
    return Bets(
        asked.score_between,
        _cumulants(asked, np.array(floors, dtype=np.float64)),
        np.broadcast_to(parts[:, :, None, None], shape).copy(),
    )


def _cumulants(asked: Questions, floors: Floats) -> Floats:
    """log mean of exp(stake · score) of a row at the floor and three errors of the reference."""
    features, shapes, cells = asked.scores.shape
    error = np.sqrt(np.maximum(asked.score_error - asked.score_between, 0.0)).reshape(-1)
    shares = np.repeat(asked.shares, shapes, axis=0)
    stakes = (SCALES[:, None] * SIZES).ravel()
    found = []
    for sign in (-1.0, 1.0):
        scores = sign * asked.scores.reshape(features * shapes, cells)
        tilt = tilts(shares, scores, np.repeat(floors, shapes) + REFERENCE_ERRORS * error)
        weights = shares * np.exp(tilt[:, None] * scores)
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-300)
        means = np.stack([(weights * np.exp(stake * scores)).sum(1) for stake in stakes], axis=1)
        found.append(np.log(np.maximum(means, 1e-300)).reshape(features, shapes, SCALES.size, SIZES.size))
    return np.stack(found, axis=3)


def fold(state: Floats | None, sums: ArrayLike, bets: Bets, *, budget: float) -> Folded:
    """Gather the `sums` (windows, features, 5) of windows, in order, on to `state` (None: from nothing).

    An alarm comes where the average reaches 1 / `budget`; after it all is gathered from nothing again. A new
    reference begins from None, with its own bets. Windows without a row of a feature leave its bets as they
    are. Folding windows one by one or all at once gives the same. ConfigError for sums of another profile or
    a budget that is not in (0, 1).
    """
    if not 0 < budget < 1:
        raise ConfigError(f"a budget is a probability between 0 and 1, got {budget!r}")
    windows = np.asarray(sums, dtype=np.float64)
    features = bets.between.shape[0]
    if windows.ndim != 3 or windows.shape[1:] != (features, 1 + len(SHAPES)):
        raise ConfigError(f"sums of these bets have shape (windows, {features}, 5), got {windows.shape}")
    gathered = np.zeros(bets.weights.size) if state is None else state.ravel().copy()
    if gathered.size != bets.weights.size:
        raise ConfigError(f"the state is of {gathered.size} bets, these are {bets.weights.size}")
    return _folded(gathered, windows, bets, 1 / budget)


def _folded(gathered: Floats, windows: Floats, bets: Bets, limit: float) -> Folded:
    weights = bets.weights.ravel()
    number = len(windows)
    evidence, leading = np.zeros(number), np.zeros(number, dtype=np.intp)
    for place, (gain, joins) in enumerate(_gains(windows, bets)):
        gathered += joins
        with np.errstate(over="ignore"):
            gathered *= gain
        np.minimum(gathered, MOST, out=gathered)
        evidence[place] = gathered @ weights
        leading[place] = (gathered * weights).argmax()
        if evidence[place] >= limit:
            gathered[:] = 0.0
    places = np.stack(np.unravel_index(leading, bets.weights.shape)[:3], axis=1)
    return Folded(evidence, evidence >= limit, places, gathered.reshape(bets.weights.shape))


def _gains(windows: Floats, bets: Bets) -> Iterator[tuple[Floats, Floats]]:
    """Per window the gain of every bet, and whether it takes part: 1 where the feature has rows, else 0."""
    step = max(1, BLOCK // max(bets.weights.size, 1))
    for start in range(0, len(windows), step):
        block = windows[start : start + step]
        rows, sums = block[:, :, :1], block[:, :, 1:]
        gains = np.exp(np.minimum(_log_gains(rows, sums, bets), 600.0)).reshape(len(block), -1)
        joins = np.broadcast_to((rows > 0)[..., None, None], (len(block), *bets.weights.shape))
        yield from zip(gains, joins.reshape(len(block), -1).astype(np.float64), strict=True)


def _log_gains(rows: Floats, sums: Floats, bets: Bets) -> Floats:
    """(windows, features, 4, 2, sizes): stake · sum - rows · psi(stake) - (rows · stake)² · between / 2."""
    wanted = np.log1p(rows * bets.between) / -np.log(SCALES[1])
    place = np.minimum(np.ceil(wanted), SCALES.size - 1).astype(np.intp)
    stakes = (SCALES[:, None, None] * np.stack([-SIZES, SIZES])).reshape(SCALES.size, -1)
    bet = np.arange(bets.between.size).reshape(bets.between.shape) * SCALES.size + place
    psi = bets.cumulants.reshape(-1, stakes.shape[1])
    gains = stakes[place]
    spent = gains**2
    spent *= (rows**2 * bets.between / 2)[..., None]
    gains *= sums[..., None]
    gains -= spent
    np.multiply(psi[bet], rows[..., None], out=spent)
    gains -= spent
    return np.asarray(gains.reshape(*sums.shape, 2, SIZES.size))
