"""What stands out in a window, by name: which feature, which question, from what to what."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelmon.stats.evidence import Evidence
from modelmon.stats.profile import FeatureProfile, Profile
from modelmon.stats.questions import Asks, Questions

Floats = NDArray[np.float64]
Question = Literal[
    "level", "spread", "asymmetry", "tails", "share", "below", "above", "unseen", "far", "missing"
]

_SHAPE_NAMES: tuple[Question, ...] = ("level", "spread", "asymmetry", "tails")  # in the order of SHAPES


@dataclass(frozen=True, slots=True)
class Finding:
    """One question of one feature that stands out."""

    feature: str
    question: Question
    cell: str | None
    """Of a share: the category, the value or the interval; else None."""
    value: float
    """Of a shape: its mean score, 0 in training; of everything else: the share of rows, 0 to 1."""
    reference: float
    """The same in training."""
    up: bool
    z: float
    """How many standard deviations the window lies beyond the floor, one-sided."""
    threshold: float
    """The z from which this question alarms."""
    p: float
    """Probability of as much, if the feature had changed by the floor."""

    @property
    def ratio(self) -> float:
        """z by its threshold: from 1 on it is an alarm."""
        return self.z / self.threshold


def findings(
    found: Evidence, limits: Evidence, counts: NDArray[np.int64], profile: Profile, asked: Questions
) -> tuple[Finding, ...]:
    """Of the first window of `found` all that alarms, the strongest first.

    Of each feature the strongest of its shapes, of its shares, of what is outside, far and missing.
    """
    named = _Naming(counts, profile, asked)
    alarms = [
        named.finding(line, kind, place, z, limit)
        for kind, line, place, z, limit in _strongest(found, limits, asked, least=1.0)
    ]
    return tuple(sorted(alarms, key=lambda finding: -finding.ratio))


def worst_finding(
    found: Evidence, limits: Evidence, counts: NDArray[np.int64], profile: Profile, asked: Questions
) -> Finding | None:
    """What stands out most, alarm or not; None where nothing does."""
    some = _strongest(found, limits, asked, least=1e-9)
    if not some:
        return None
    kind, line, place, z, limit = max(some, key=lambda entry: abs(entry[3]) / entry[4])
    return _Naming(counts, profile, asked).finding(line, kind, place, z, limit)


Standing = tuple[str, int, int, float, float]


def _strongest(found: Evidence, limits: Evidence, asked: Questions, least: float) -> list[Standing]:
    """(kind, line, place, z, limit) of each kind's strongest question, of a ratio of at least `least`."""
    kinds = [("score", found.score[0], limits.score), ("far", found.far[0][:, None], limits.far[:, None])]
    kinds += [
        ("share", np.where(asked.asks == kind, found.share[0], 0.0), limits.share)
        for kind in (Asks.SHARE, Asks.OUTSIDE, Asks.MISSING)
    ]
    entries: list[Standing] = []
    for name, z, limit in kinds:
        if not z.size:
            continue
        ratio = np.abs(z) / limit
        place = ratio.argmax(1)
        lines = np.flatnonzero(ratio[np.arange(place.size), place] >= least)
        entries += [
            (name, int(line), int(place[line]), float(z[line, place[line]]), float(limit[line, place[line]]))
            for line in lines
        ]
    return entries


class _Naming:
    """Says of a place in the arrays which question it is, with its values before and now."""

    def __init__(self, counts: NDArray[np.int64], profile: Profile, asked: Questions) -> None:
        self.counts, self.profile, self.asked = counts, profile, asked

    def finding(self, line: int, kind: str, place: int, z: float, limit: float) -> Finding:
        feature = self.profile.features[line]
        counts = self.counts[line, : feature.counts.size].astype(np.float64)
        seen = feature.counts
        if kind == "score":
            scores = self.asked.scores[line, place, : counts.size - 1]
            value = float(counts[:-1] @ scores / max(counts[:-1].sum(), 1.0))
            return _finding(feature, _SHAPE_NAMES[place], None, value, 0.0, z, limit)
        question, cells = _asked_of(feature, place) if kind == "share" else _far_of(feature)
        value, reference = _share(counts, cells, question), _share(seen, cells, question)
        cell = cell_name(feature, place) if question == "share" else None
        return _finding(feature, question, cell, value, reference, z, limit)


def cell_name(feature: FeatureProfile, place: int) -> str:
    """The cell at `place` of the counts, in words: the category, the only value in it, or its bounds."""
    if not feature.is_numeric:
        return feature.categories[place - 1]
    single = float(feature.singles[place - 1])
    if feature.kind == "boolean" and single in (0.0, 1.0):
        return "true" if single else "false"
    if not np.isnan(single):
        return f"{single:.6g}"
    low, high = feature.edges[place - 1], feature.edges[place]
    return f"{low:.4g} to {high:.4g}"


def _asked_of(feature: FeatureProfile, place: int) -> tuple[Question, list[int]]:
    size = feature.counts.size
    if place == size - 1:
        return "missing", [place]
    if not feature.is_numeric:
        return ("unseen" if place == size - 2 else "share"), [place]
    if place == 1:
        return "below", [0, 1]
    return ("above", [place, place + 1]) if place == size - 3 else ("share", [place])


def _far_of(feature: FeatureProfile) -> tuple[Question, list[int]]:
    return "far", [0, feature.counts.size - 2]


def _share(counts: Floats, cells: list[int], question: str) -> float:
    rows = counts.sum() if question == "missing" else counts[:-1].sum()
    return float(counts[cells].sum() / max(rows, 1.0))


def _finding(
    feature: FeatureProfile,
    question: Question,
    cell: str | None,
    value: float,
    reference: float,
    z: float,
    limit: float,
) -> Finding:
    return Finding(
        feature.name,
        question,
        cell,
        value,
        reference,
        z > 0,
        abs(z),
        limit,
        math.erfc(abs(z) / math.sqrt(2)) / 2,
    )
