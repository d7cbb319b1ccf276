"""A few numbers as a line without axes, for a cell of a table."""

from __future__ import annotations

from collections.abc import Sequence

from modelmon.charts.markup import Svg, element, picture
from modelmon.charts.scales import Scale, finite, path, reach, short
from modelmon.counting import count

WIDTH, HEIGHT, EDGE = 120, 28, 3


def sparkline(
    values: Sequence[float | None],
    *,
    label: str,
    statuses: Sequence[int] = (),
    threshold: float | None = None,
) -> Svg:
    """`values` in order, None where there is none; `statuses` (1 suspected, 2 detected) put a mark on theirs;
    `threshold` is a thin line.

    >>> sparkline([0.1, None, 0.9], label="drift", statuses=[0, 0, 2]).count("<path")
    2
    """
    known = finite(values)
    said = (
        f"{label}: {count(len(known), 'value')}, last {short(known[-1])}" if known else f"{label}: no values"
    )
    low, high = reach([*known, threshold])
    across = Scale(0, max(1, len(values) - 1), EDGE, WIDTH - EDGE)
    up = Scale(low, high, HEIGHT - EDGE, EDGE)
    shown = [value if value in known else None for value in values]
    places = [(across(n), None if value is None else up(value)) for n, value in enumerate(shown)]
    parts = (
        [element("path", d=path(places), class_="line", vector_effect="non-scaling-stroke")] if known else []
    )
    if threshold is not None and known:
        parts.insert(
            0, element("line", x1=0, x2=WIDTH, y1=up(threshold), y2=up(threshold), class_="threshold")
        )
    for (x, y), status in zip(places, statuses, strict=False):
        if status in (1, 2) and y is not None:
            parts.append(_mark(x, y, status))
    return picture(said, (WIDTH, HEIGHT), parts, kind="spark")


def _mark(x: float, y: float, status: int) -> str:
    """A triangle for suspected, a diamond for detected."""
    shapes = {1: f"M{x - 3:.4g} {y + 2:.4g}l3-5 3 5z", 2: f"M{x - 3:.4g} {y:.4g}l3-3 3 3-3 3z"}
    return element("path", d=shapes[status], class_=("suspected", "detected")[status - 1])
