"""A mean over time before the span that the reference lies in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from modelmon.charts.marks import Mark, flags, inside, role_of, with_marks
from modelmon.charts.markup import Svg, element, picture, text
from modelmon.charts.scales import Scale, finite, path, reach, short
from modelmon.charts.timeline import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, axes
from modelmon.counting import count


def band(
    times: Sequence[datetime],
    values: Sequence[float | None],
    *,
    label: str,
    low: float | None = None,
    mean: float | None = None,
    high: float | None = None,
    marks: Sequence[Mark] = (),
) -> Svg:
    """`values` at these times, at least one; from `low` to `high` reaches the reference, around its `mean`.

    >>> band([datetime(2026, 1, 1)], [3.0], label="wind", low=1, mean=2, high=3).count("area")
    1
    """
    start, end = times[0], max(times[-1], times[0] + timedelta(minutes=1))
    bottom, top = reach([*values, low, mean, high], from_zero=False)
    across, up = Scale(start.timestamp(), end.timestamp(), LEFT + 4, WIDTH - RIGHT - 4), _up(bottom, top)
    known = finite(values)
    points = [
        (across(at.timestamp()), up(value) if value is not None and finite([value]) else None)
        for at, value in zip(times, values, strict=True)
    ]
    parts = [*axes(across, up, start, end), *_reference(up, low, mean, high)]
    marks = inside(marks, across)
    parts += flags(marks, across, TOP, HEIGHT - BOTTOM)
    parts.append(element("path", d=path(points), class_="line"))
    for (x, y), at, value in zip(points, times, values, strict=True):
        if y is not None and value is not None:
            title = element("title", text(f"{short(value)}, {at:%Y-%m-%d %H:%M}"))
            parts.append(element("circle", title, cx=x, cy=y, r=2.5, class_="dot"))
    said = with_marks(_said(label, known, mean), marks)
    return picture(said, (WIDTH, HEIGHT), parts, kind="band", role=role_of(marks))


def _up(bottom: float, top: float) -> Scale:
    return Scale(bottom, top, HEIGHT - BOTTOM, TOP)


def _reference(up: Scale, low: float | None, mean: float | None, high: float | None) -> list[str]:
    parts = []
    size = {"x": LEFT, "width": WIDTH - LEFT - RIGHT}
    if low is not None and high is not None and len(finite([low, high])) == 2:
        words = element("title", text(f"the reference: {short(low)} to {short(high)}"))
        height = max(1.0, up(low) - up(high))
        parts.append(element("rect", words, y=up(high), height=height, class_="area", **size))
    if mean is not None and finite([mean]):
        y = up(mean)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="threshold"))
    return parts


def _said(label: str, known: Sequence[float], mean: float | None) -> str:
    if not known:
        return f"{label}: no values in this time"
    found = f"{label}: {count(len(known), 'value')}, last {short(known[-1])}"
    return found if mean is None else f"{found}; {short(mean)} in the reference"
