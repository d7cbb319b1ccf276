"""How often which values occurred: a histogram with thresholds as lines."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelmon.charts.markup import Svg, element, picture, text
from modelmon.charts.scales import Scale, finite, short, ticks

WIDTH, HEIGHT = 260, 180
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 12, 22
LEAST_BINS, MOST_BINS = 5, 30


def spread(values: Sequence[float | None], *, label: str, thresholds: Sequence[float] = ()) -> Svg:
    """Of the values that are numbers, in 5 to 30 bins of the width that Freedman and Diaconis choose.

    >>> spread([1.0, 1.0, 2.0], label="drift").count("bar")
    2
    """
    known = sorted(finite(values))
    if not known:
        return picture(f"{label}: no values", (WIDTH, HEIGHT), [], kind="spread")
    limits = finite(thresholds)
    low, high = min(known + limits), max(known + limits)
    if low == high:
        low, high = low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    counts = _counted(known, low, high)
    across = Scale(low, high, LEFT, WIDTH - RIGHT)
    up = Scale(0, max(counts), HEIGHT - BOTTOM, TOP)
    width = (high - low) / len(counts)
    parts = [_bar(low + n * width, width, count, across, up) for n, count in enumerate(counts) if count]
    for limit in limits:
        x = across(limit)
        parts.append(element("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="threshold"))
    named = ((across(value), short(value)) for value in ticks(low, high, 4))
    parts += [element("text", text(words), x=x, y=HEIGHT - 6, class_="tick") for x, words in named]
    middle = known[len(known) // 2]
    said = (
        f"{label}: {len(known)} values from {short(known[0])} to {short(known[-1])}, median {short(middle)}"
    )
    return picture(said, (WIDTH, HEIGHT), parts, kind="spread")


def _counted(known: Sequence[float], low: float, high: float) -> list[int]:
    size = len(known)
    quarter = known[(3 * size) // 4] - known[size // 4]
    width = 2 * quarter / size ** (1 / 3)
    wanted = math.ceil((high - low) / width) if width > 0 else LEAST_BINS
    bins = min(MOST_BINS, max(LEAST_BINS, wanted))
    counts = [0] * bins
    for value in known:
        counts[min(bins - 1, int((value - low) / (high - low) * bins))] += 1
    return counts


def _bar(first: float, width: float, count: int, across: Scale, up: Scale) -> str:
    left, right, y = across(first), across(first + width), up(count)
    title = element("title", text(f"{short(first)} – {short(first + width)}: {count}"))
    size = {"width": max(1.0, right - left - 1), "height": up(0) - y}
    return element("rect", title, x=left, y=y, class_="bar", **size)
