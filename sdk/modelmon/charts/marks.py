"""What happened meanwhile, over a chart of time: each kind with a sign of its own, and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.charts.markup import element, text
from modelmon.charts.scales import Scale

SIGNS = {"raised": "▲", "resolved": "✓", "judged": "↻", "model": "■", "reference": "○", "function": "▼"}
"""Over the line of a mark, by its kind; the same stand beside the words of a list."""
DEPLOYED = frozenset(("model", "reference", "function"))
"""Kinds that one can go to with the keyboard: there are few of them."""
WIDTH = 18
"""Of a sign: two that are nearer stand beside each other."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, in words; `kind`: raised, resolved, judged (again), model, reference or
    function. `short` is what is written into the chart while one is at the mark."""

    at: datetime
    words: str
    kind: str
    short: str = ""


def inside(marks: Iterable[Mark], across: Scale) -> list[Mark]:
    """Those that the chart has a place for, in order of time."""
    found = [each for each in marks if across.low <= each.at.timestamp() <= across.high]
    return sorted(found, key=lambda each: each.at)


def flags(marks: Iterable[Mark], across: Scale, top: float, bottom: float) -> Iterator[str]:
    """Each mark as a line with its sign, in order of time; they lie inside."""
    marks = [*marks]
    at = [across(mark.at.timestamp()) for mark in marks]
    for mark, x, place in zip(marks, at, _places(at, across.last), strict=True):
        yield _flag(mark, x, place, top, bottom, is_right=x > (across.first + across.last) / 2)


def _places(at: Sequence[float], last: float) -> Sequence[float]:
    """Where signs at these places can be read, none beyond the last place."""
    found: list[float] = []
    for x in at:
        found.append(max(x, found[-1] + WIDTH) if found else x)
    for n in range(len(found) - 1, -1, -1):
        found[n] = min(found[n], found[n + 1] - WIDTH if n + 1 < len(found) else last)
    return found


def role_of(marks: Sequence[Mark]) -> str:
    """A picture has no parts that one can go to; a group has."""
    return "group" if any(mark.kind in DEPLOYED for mark in marks) else "img"


def with_marks(label: str, marks: Sequence[Mark]) -> str:
    """What a chart shows, with what was deployed, for who does not see it."""
    said = [f"{mark.words}, {mark.at:%Y-%m-%d %H:%M}" for mark in marks if mark.kind in DEPLOYED]
    return f"{label}. Deployed: {'; '.join(said)}" if said else label


def _flag(mark: Mark, x: float, place: float, top: float, bottom: float, *, is_right: bool) -> str:
    words = f"{mark.words}, {mark.at:%Y-%m-%d %H:%M}"
    parts = [
        element("title", text(words)),
        element("line", x1=x, x2=x, y1=top, y2=bottom),
        element("text", text(SIGNS[mark.kind]), x=place, y=top - 2, class_="tick"),
    ]
    if mark.kind not in DEPLOYED:
        return element("g", "".join(parts), class_=f"mark {mark.kind}")
    side = {"x": x + (-5 if is_right else 5), "text_anchor": "end" if is_right else "start"}
    parts.append(element("text", text(mark.short or mark.words), y=top + 12, class_="words", **side))
    return element(
        "g", "".join(parts), class_=f"mark {mark.kind}", tabindex=0, role="img", aria_label=words,
    )  # fmt: skip
