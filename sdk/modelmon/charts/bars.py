"""Counts over time, several on top of each other: requests and errors, suspected and detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from modelmon.charts.marks import Mark, flags, inside, role_of, with_marks
from modelmon.charts.markup import Svg, element, picture, text
from modelmon.charts.scales import Scale, axis_data, reach, short
from modelmon.charts.timeline import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, axes

TOP = 12


def bars(
    times: Sequence[datetime],
    stacks: Mapping[str, Sequence[float]],
    start: datetime,
    end: datetime,
    *,
    label: str,
    marks: Sequence[Mark] = (),
) -> Svg:
    """`times` are the starts of the bars, each as long as to the next one; a stack's name is its class.

    The first stack is at the bottom.
    """
    sums = [sum(values) for values in zip(*stacks.values(), strict=True)]
    across = Scale(start.timestamp(), end.timestamp(), LEFT, WIDTH - RIGHT)
    up = Scale(*reach(sums), HEIGHT - BOTTOM, TOP)
    marks = inside(marks, across)
    parts = [*axes(across, up, start, end), *flags(marks, across, TOP, HEIGHT - BOTTOM)]
    base = [0.0] * len(times)
    for name, values in stacks.items():
        for place, value in enumerate(values):
            if value > 0:
                parts.append(_bar(times, place, base[place], value, end, across, up, name))
                base[place] += value
    data = axis_data(across, start, end, zip((each.timestamp() for each in times), sums, strict=True))
    totals = ", ".join(f"{short(sum(values))} {name}" for name, values in stacks.items())
    said = with_marks(f"{label}: {totals}", marks)
    return picture(said, (WIDTH, HEIGHT), parts, kind="bars", role=role_of(marks), **data)


def _bar(
    times: Sequence[datetime], place: int, base: float, value: float, end: datetime, across: Scale, up: Scale,
    name: str,
) -> str:  # fmt: skip
    until = times[place + 1] if place + 1 < len(times) else end
    left, right = across(times[place].timestamp()), across(until.timestamp())
    top, bottom = up(base + value), up(base)
    words = element("title", text(f"{short(value)} {name}, {times[place]:%Y-%m-%d %H:%M}"))
    size = {"width": max(1.0, right - left - 1), "height": max(0.0, bottom - top)}
    return element("rect", words, x=left, y=top, class_=f"bar {name}", **size)
