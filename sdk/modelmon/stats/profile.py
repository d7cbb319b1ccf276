"""What a model's training set looked like, as far as drift is judged against it: the profile.

A profile holds each feature's cells and how many training rows lie in them, and how much windows of time
differed from each other in the training set itself. Everything that a judgement needs follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.level_shifts import LevelShifts

Floats = NDArray[np.float64]
Kind = Literal["numeric", "boolean", "categorical"]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureProfile:
    """One feature of the training set.

    Counts are laid out as `[under, cells…, over, missing]`. Of numbers `under` and `over` lie far outside
    of the training range, the first and the last cell just outside of it. Of categories `under` is always
    empty and `over` holds every category that is not listed.
    """

    name: str
    kind: Kind
    edges: Floats
    """Ascending edges of the cells; empty for categories."""
    singles: Floats
    """The only value of each cell, (cells,); NaN where it has several, empty for categories."""
    categories: tuple[str, ...]
    """Names of the cells; empty for numbers."""
    counts: Floats
    """Rows of the training set in each cell, (cells + 3,)."""
    unlisted: float
    """Rows that categories not listed are expected to have (Good, Turing): at least those counted."""
    shape_variance: Floats
    """(stretch lengths, 4): variance between stretches of each shape beside sampling; 0 if not known."""
    share_variance: Floats
    """(stretch lengths, cells + 3): the same of the share of each cell."""
    shifts: LevelShifts | None
    """How the level answers to a shift of all values, in the feature's own unit; None for categories."""

    @property
    def rows(self) -> float:
        """Rows of the training set that have a value."""
        return float(self.counts[:-1].sum())

    @property
    def is_numeric(self) -> bool:
        return self.kind != "categorical"


@dataclass(frozen=True, slots=True)
class StretchRepeats:
    """Of stretches of one length: `rows` in all, `hits` of them like one before in the same stretch, and the
    `variance` of their share between stretches beside chance, at its upper bound of 90 %."""

    rows: int
    hits: int
    variance: float


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Stretches of one length that the training set was cut into, in order of time."""

    seconds: float
    number: int
    """How many of them hold rows."""
    tails: Mapping[float, Floats] = field(default_factory=dict)
    """By floor: the smallest p-values over all questions (each by its share of the budget), as -log10, of
    the stretches that stand out most, ascending; see `self_check`."""
    repeats: StretchRepeats | None = None
    """Rows that are like one before them in their stretch; None where nobody counted."""
    averaged: int | None = None
    """How many of them the reference is the mean of; None for all."""
    checked: int | None = None
    """How many of them `tails` are of; None for all."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A training set, ready to be judged against; made by `profile`, kept by `profile_to_json`."""

    features: tuple[FeatureProfile, ...]
    rows: int
    stretches: tuple[Stretches, ...] = ()
    """Shortest first; empty where the training set has no time column."""
    start_seconds: float | None = None
    end_seconds: float | None = None
    """Time of the first and the last row, in seconds since 1970; None without a time column."""
    is_coarse: bool = False
    """Whether it was made of statistics with equal-width bins instead of rows."""
    unjudged: Mapping[str, str] = field(default_factory=dict)
    """Features that have no profile, and why."""
    segments: tuple[Segments, ...] = ()
    """Of the columns whose values are judged apart."""

    @property
    def span_seconds(self) -> float:
        """From the first to the last row; 0 without a time column."""
        if self.start_seconds is None or self.end_seconds is None:
            return 0.0
        return self.end_seconds - self.start_seconds

    @property
    def width(self) -> int:
        """Columns of the matrix that `cell_counts` makes."""
        return max((feature.counts.size for feature in self.features), default=3)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """What the training set looked like for each value of one column, in the cells of the whole."""

    column: str
    values: tuple[str, ...]
    """Those that are judged apart, the most frequent first."""
    profiles: tuple[Profile, ...]
    """Of each of these."""
    others: Profile | None
    """Of all other rows, the missing ones too; None where they are too few."""
    rare: tuple[str, ...]
    """The values of the others, at most 200."""
    knows_all: bool
    """Whether `rare` names them all, so that another value is an unseen one."""

    @property
    def judged(self) -> int:
        """Segments that have a profile."""
        return len(self.profiles) + (self.others is not None)
