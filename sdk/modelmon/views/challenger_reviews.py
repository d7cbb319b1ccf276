"""What a challenger is worth beside the champion, on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

BETTER, WORSE, ALIKE, NOT_JUDGED = "better", "worse", "no difference seen", "not judged"


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and where it lies with 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BothModels:
    """The same thing of both."""

    champion: Interval
    challenger: Interval


@dataclass(frozen=True, slots=True)
class ReviewedSpan:
    """A stretch of time: its rows with an actual, and the mean loss of both models on them."""

    start: datetime
    end: datetime
    rows: int
    champion: float
    challenger: float


@dataclass(frozen=True, slots=True)
class Distance:
    """How far the judged rows are from a training set, 0 to 1: the mean over features, and the furthest."""

    mean: float
    features: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Review:
    """Of the stored rows of [start, end). `loss` is what a row costs: 1 for a wrong class, the absolute error
    of a number; `difference` is the challenger's less the champion's, with an interval that knows that rows
    of one `cluster` are alike.

    `verdict` is `better` or `worse` where that interval leaves out 0. `rows` were read, of `known` the actual
    had come. `metrics` take each row for itself. `brier` is the difference of the Brier scores of two
    classes: what probabilities cost. `seen`: the challenger may have been trained on some of these rows.
    """

    start: datetime
    end: datetime
    rows: int
    known: int
    step: int
    verdict: str
    why: str
    loss: str
    difference: Interval | None = None
    cluster: str = ""
    metrics: Mapping[str, BothModels] = field(default_factory=dict)
    spans: tuple[ReviewedSpan, ...] = ()
    drift_champion: Distance | None = None
    drift_challenger: Distance | None = None
    brier: Interval | None = None
    seen: bool = False
