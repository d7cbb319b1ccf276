"""How often which values occurred: a histogram with thresholds as lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from modelmon.charts.markup import Svg, element, picture, text
from modelmon.charts.scales import Scale, finite, short, ticks
from modelmon.counting import count

WIDTH, HEIGHT = 260, 180
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 12, 22


def spread(
    edges: Sequence[float], counts: Sequence[int], *, label: str, thresholds: Sequence[float] = ()
) -> Svg:
    """So many values in the bins between these edges.

    >>> spread([0.0, 1.0, 2.0], [3, 1], label="drift", thresholds=[0.7]).count("threshold")
    1
    """
    if not counts:
        return picture(f"{label}: no values", (WIDTH, HEIGHT), [], kind="spread")
    limits = finite(thresholds)
    low, high = min([edges[0], *limits]), max([edges[-1], *limits])
    across = Scale(low, high, LEFT, WIDTH - RIGHT)
    up = Scale(0, max(counts), HEIGHT - BOTTOM, TOP)
    bins = zip(pairwise(edges), counts, strict=True)
    parts = [_bar(*ends, count, across, up) for ends, count in bins if count]
    for limit in limits:
        x = across(limit)
        parts.append(element("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="threshold"))
    named = ((across(value), short(value)) for value in ticks(low, high, 4))
    parts += [element("text", text(words), x=x, y=HEIGHT - 6, class_="tick") for x, words in named]
    return picture(_said(label, edges, counts), (WIDTH, HEIGHT), parts, kind="spread")


def _said(label: str, edges: Sequence[float], counts: Sequence[int]) -> str:
    most = max(range(len(counts)), key=lambda place: counts[place])
    return (
        f"{label}: {count(sum(counts), 'value')} from {short(edges[0])} to {short(edges[-1])}, "
        f"most from {short(edges[most])} to {short(edges[most + 1])}"
    )


def _bar(first: float, last: float, count: int, across: Scale, up: Scale) -> str:
    left, right, y = across(first), across(last), up(count)
    title = element("title", text(f"{short(first)} – {short(last)}: {count}"))
    size = {"width": max(1.0, right - left - 1), "height": up(0) - y}
    return element("rect", title, x=left, y=y, class_="bar", **size)
