"""Lines over time of one endpoint: the points of its metrics and results, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from modelmon.model import ValuePoint, from_us


@dataclass(frozen=True, slots=True)
class Point:
    """What one window gave; `status` is None of a metric."""

    start: datetime
    value: float
    status: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """A metric or result over time; `kind` is None of a metric."""

    application_name: str
    name: str
    kind: int | None
    points: tuple[Point, ...]


def lines_of(points: Iterable[ValuePoint]) -> tuple[Line, ...]:
    """Points by app and name; of windows without one there is none."""
    found: dict[tuple[str, str], list[ValuePoint]] = {}
    for point in points:
        found.setdefault((point.application_name, point.name), []).append(point)
    return tuple(
        Line(name, what, some[-1].kind, tuple(_point(each) for each in some))
        for (name, what), some in found.items()
    )


def _point(point: ValuePoint) -> Point:
    return Point(from_us(point.start_us), point.value, point.status)
