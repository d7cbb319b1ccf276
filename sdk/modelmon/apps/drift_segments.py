"""The segments of a window, each judged against its own part of the training set, within one budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelmon.apps.drift_reference import TRAINING
from modelmon.private_columns import is_private

if TYPE_CHECKING:
    from modelmon.apps.drift_window import AskedWindow
    from modelmon.stats import Judgement, Profile, SegmentCounts, Segments

SHOWN = 10
"""Segments that a result names, the worst first."""
OTHERS = "all others"
PART = 0.5
"""Of what a window may spend: the part of all segments together. The rest is for all rows."""


@dataclass(frozen=True, slots=True)
class JudgedSegment:
    """One segment of the window; `value` is None for the rows of all rarer values together."""

    column: str
    value: str | None
    found: Judgement

    @property
    def words(self) -> str:
        """Where its findings are.

        >>> JudgedSegment("country", "NO", None).words
        "where `country` is 'NO'"
        """
        return f"where `{self.column}` is {OTHERS if self.value is None else repr(self.value)}"


@dataclass(frozen=True, slots=True)
class JudgedSegments:
    """What the segments show. `number` of them share the budget, `silent` had too few rows. `unseen` has by
    column the rows of values that training has not, with some of these. `told`: what can't be judged."""

    number: int = 0
    silent: int = 0
    judged: tuple[JudgedSegment, ...] = ()
    unseen: Mapping[str, Mapping[str, Any]] | None = None
    told: Mapping[str, str] | None = None

    @property
    def worst(self) -> JudgedSegment | None:
        return self.judged[0] if self.judged else None

    @property
    def alarms(self) -> tuple[JudgedSegment, ...]:
        return tuple(each for each in self.judged if each.found.alarm)

    def shown(self) -> dict[str, Any]:
        """As a result says it; empty where none were asked for. Values stand below their column's name."""
        by_column: dict[str, dict[str, Any]] = {}
        for each in self.judged[:SHOWN]:
            value = OTHERS if each.value is None else each.value
            by_column.setdefault(each.column, {})[value] = _one(each.found)
        said: dict[str, Any] = {"number": self.number, "silent": self.silent, "worst": by_column}
        more = {"unseen": dict(self.unseen or {}), "told": dict(self.told or {})}
        said |= {name: value for name, value in more.items() if value}
        return {"segments": said} if self.number or self.told else {}


def _one(found: Judgement) -> dict[str, Any]:
    return {"rows": found.rows, "ratio": found.ratio, "calibration": found.calibration.how}


def judged_segments(asked: AskedWindow, budget: float, least: int) -> JudgedSegments:
    """The segments that the choices ask for, the worst first; `budget` is what a window may spend.

    A segment of fewer than `least` rows in the window is silent. None is judged where windows are not
    compared with the training set, or the column is private by now.
    """
    wanted, told = _wanted(asked)
    number = sum(each.judged for each in wanted)
    judged: list[JudgedSegment] = []
    unseen: dict[str, dict[str, Any]] = {}
    for segments in wanted:
        counts = asked.segment_counts(segments)
        if counts.unseen_rows:
            unseen[segments.column] = {"rows": counts.unseen_rows, "values": list(counts.unseen)}
        judged += _judged(asked, segments, counts, budget * PART / number, least)
    judged.sort(key=lambda each: -each.found.ratio)
    return JudgedSegments(number, number - len(judged), tuple(judged), unseen, told)


def shares_budget(asked: AskedWindow) -> bool:
    """Whether the window has segments to judge, so that all its rows have half of the budget."""
    return bool(_wanted(asked)[0])


def _wanted(asked: AskedWindow) -> tuple[list[Segments], dict[str, str]]:
    kept = {each.column: each for each in asked.profile.segments}
    wanted, told = [], {}
    for name in asked.chosen.choices.segments:
        if is_private(asked.context.settings, name):
            continue
        if asked.reference != TRAINING:
            told[name] = f"segments are compared with the training set alone, not with {asked.reference}"
        elif name not in kept:
            told[name] = (
                "the training set was logged without segments of it: log the model again, or set a reference"
            )
        elif not kept[name].judged:
            told[name] = "no value of it has rows enough in the training set"
        else:
            wanted.append(kept[name])
    return wanted, told


def _judged(
    asked: AskedWindow, segments: Segments, counts: SegmentCounts, budget: float, least: int
) -> Iterator[JudgedSegment]:
    parts: Sequence[Profile | None] = (*segments.profiles, segments.others)
    for place, (value, part) in enumerate(zip((*segments.values, None), parts, strict=True)):
        lines = counts.counts[place]
        if part is not None and lines[0].sum() >= least:
            # Within a segment its own column is the same in every row.
            found = asked.judged_part(part, lines, budget, segments.column if value is not None else "")
            if found is not None:
                yield JudgedSegment(segments.column, value, found)
