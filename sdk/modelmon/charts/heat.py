"""States over time as cells: one line of a heat map, and the axis above all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from modelmon.charts.markup import Svg, element, picture, text
from modelmon.charts.scales import time_ticks

WIDTH, HEIGHT, AXIS = 960, 22, 18
BAD = ("detected", "suspected", "failed")


def heat(cells: Sequence[str], starts: Sequence[datetime]) -> Svg:
    """A cell for each of `starts`; "" leaves its place empty. Equal cells beside each other are one.

    >>> from datetime import UTC
    >>> hours = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in range(4)]
    >>> heat(["no detection", "", "detected", "detected"], hours).count("<rect")
    2
    """
    parts, place = [], 0
    for state, run in groupby(cells):
        many = len(list(run))
        if state:
            parts.append(_cell(state, place, many, starts))
        place += many
    return picture(_said(cells, starts), (WIDTH, HEIGHT), parts, kind="heat")


def heat_times(starts: Sequence[datetime], minutes: int) -> Svg:
    """The axis of bins that start then and are so long."""
    first = starts[0]
    end = starts[-1] + timedelta(minutes=minutes)
    parts = [
        element(
            "text", text(words), x=(moment - first) / (end - first) * WIDTH, y=AXIS - 5, class_="tick",
            data_time=moment.isoformat(),
        )
        for moment, words in time_ticks(first, end)
        if 0.03 < (moment - first) / (end - first) < 0.97
    ]  # fmt: skip
    return picture(
        f"from {first:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC", (WIDTH, AXIS), parts,
        kind="axis",
    )  # fmt: skip


def _cell(state: str, place: int, many: int, starts: Sequence[datetime]) -> str:
    """A bad one is higher: it is told from others without colour."""
    name = state.replace(" ", "-")
    top, height = (1, HEIGHT - 2) if state in BAD else (6, HEIGHT - 12)
    until = f" to {starts[place + many - 1]:%Y-%m-%d %H:%M}" if many > 1 else ""
    words = element("title", text(f"{state}, {starts[place]:%Y-%m-%d %H:%M}{until}"))
    wide = WIDTH / len(starts)
    box = {"x": place * wide, "y": top, "width": many * wide - 1, "height": height}
    return element("rect", words, class_=f"cell {name}", **box)


def _said(cells: Sequence[str], starts: Sequence[datetime]) -> str:
    for state in BAD:
        if state in cells:
            first = starts[cells.index(state)]
            return f"{state} in {cells.count(state)} of {len(cells)} cells, first {first:%Y-%m-%d %H:%M}"
    return "never suspected in this time" if any(cells) else "no window in this time"
