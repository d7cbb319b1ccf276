"""What the project is like: how many of what, and what is the matter with each endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from modelmon.model import HOUR_US, wall_clock_us

APP = "histogram-data-drift"
HOUR = HOUR_US
POTENTIAL, DETECTED = 0.5, 0.7
MIN_ROWS = 50
Floats = NDArray[np.float64]


def nearest_hour_us() -> int:
    """A whole hour for a project's newest windows to end at: read by the real clock, none of its endpoints
    falls silent within half an hour, which takes an hour without requests."""
    return (wall_clock_us() + HOUR // 2) // HOUR * HOUR


class Character(StrEnum):
    """What is the matter with an endpoint."""

    STEADY = "steady"
    DRIFTING = "drifting"  # detected since its onset
    SUSPECTED = "suspected"
    SILENT = "silent"  # no request for days
    FAILED = "failed"  # its app fails since yesterday
    INCOMPLETE = "incomplete"  # its newest window
    WARMING_UP = "warming up"  # too few rows a window


_TROUBLES = (
    Character.DRIFTING, Character.SUSPECTED, Character.SILENT, Character.FAILED, Character.INCOMPLETE,
    Character.WARMING_UP,
)  # fmt: skip
EVERY = 20
"""Of so many endpoints six are in trouble, in each way one; the others are steady."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How much there is. Windows are of an hour and end at `until_us`, a whole hour.

    `with_features`: so many endpoints have the history of their features, and statistics of their newest
    window: number 0, which is drifting, and those after it. With `needle` one endpoint alone drifts, the one
    of this number, and all others are steady.
    """

    until_us: int
    endpoints: int = 30
    features: int = 10
    days: int = 7
    with_features: int = 2
    needle: int | None = None
    seed: int = 7

    def __post_init__(self) -> None:
        if self.until_us % HOUR:
            raise ValueError(f"until_us: must be a whole hour, got {self.until_us}")

    @property
    def windows(self) -> int:
        return 24 * self.days

    @property
    def feature_names(self) -> tuple[str, ...]:
        return _feature_names(self.features)

    @property
    def starts_us(self) -> range:
        return range(self.until_us - self.windows * HOUR, self.until_us, HOUR)

    def character(self, number: int) -> Character:
        if self.needle is not None:
            return Character.DRIFTING if number == self.needle else Character.STEADY
        place = number % EVERY
        return _TROUBLES[place] if place < len(_TROUBLES) else Character.STEADY

    def onset(self, number: int) -> int:
        """The window in which its trouble began."""
        days = {Character.SILENT: 3, Character.FAILED: 1}.get(
            self.character(number), self.days // 3 + number % 5
        )
        return max(1, self.windows - 24 * max(1, days))


@cache
def _feature_names(count: int) -> tuple[str, ...]:
    return tuple(f"feature_{number:02}" for number in range(count))


def endpoint_id(number: int) -> str:
    return f"{number:032x}"


def rows_of(shape: Shape, number: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows in each window: more by day, fewer at weekends."""
    hours = np.arange(shape.windows) + shape.starts_us.start // HOUR
    by_day = 1 + 0.6 * np.sin((hours % 24 - 9) / 24 * 2 * np.pi)
    by_week = np.where((hours // 24 + 4) % 7 < 5, 1.0, 0.6)
    size = 20.0 if shape.character(number) is Character.WARMING_UP else 200.0 * (1 + number % 7)
    return np.maximum(1, rng.poisson(size * by_day * by_week))


def scores_of(shape: Shape, number: int, rows: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """The score of each feature in each window: noise, less where rows are many, and in one drift."""
    noise = rng.gamma(4.0, 0.25, (shape.windows, shape.features)) * (1.2 / np.sqrt(rows))[:, None]
    scores = np.clip(noise, 0.0, 0.45)
    if (height := _HEIGHTS.get(shape.character(number))) is not None:
        onset = shape.onset(number)
        ramp = np.clip((np.arange(shape.windows) - onset + 1) / 3, 0.0, 1.0) * height
        drifted = scores[:, drifted_feature(shape, number)]
        np.maximum(drifted, ramp + rng.normal(0.0, 0.01, shape.windows) * (ramp > 0), out=drifted)
    return scores


_HEIGHTS = {Character.DRIFTING: 0.9, Character.SUSPECTED: 0.6}


def drifted_feature(shape: Shape, number: int) -> int:
    return (3 + number) % shape.features
