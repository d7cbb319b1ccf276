"""Two lines over the same time: the second is dashed, so that they are told apart without colour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from modelmon.charts.marks import Mark, flags, inside, role_of, with_marks
from modelmon.charts.markup import Svg, picture
from modelmon.charts.scales import Scale, axis_data, finite, reach, short
from modelmon.charts.timeline import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Sample, axes, line, runs_of
from modelmon.counting import count


def pair(
    first: Sequence[Sample],
    second: Sequence[Sample],
    start: datetime,
    end: datetime,
    *,
    label: str,
    names: tuple[str, str],
    marks: Sequence[Mark] = (),
) -> Svg:
    """Samples in order of time, between `start` and `end`; `names` of what the lines are of.

    >>> from datetime import UTC, timedelta
    >>> day = datetime(2026, 3, 1, tzinfo=UTC)
    >>> one = [Sample(day, day + timedelta(hours=1), 0.5)]
    >>> chart = pair(one, [], day, day + timedelta(days=1), label="drift", names=("v1", "v2"))
    >>> chart.count('class="line'), "v1: 1 window, last 0.5; v2: no values in this time" in chart
    (1, True)
    """
    across = Scale(start.timestamp(), end.timestamp(), LEFT, WIDTH - RIGHT)
    up = Scale(*reach([each.value for each in (*first, *second)]), HEIGHT - BOTTOM, TOP)
    marks = inside(marks, across)
    parts = [
        *axes(across, up, start, end),
        *flags(marks, across, TOP, HEIGHT - BOTTOM),
        *line(runs_of(first), across, up),
        *line(runs_of(second), across, up, "line second"),
    ]
    said = "; ".join(_said(name, some) for name, some in zip(names, (first, second), strict=True))
    words = with_marks(f"{label}: {said}", marks)
    data = axis_data(across, start, end)
    return picture(words, (WIDTH, HEIGHT), parts, kind="timeline", role=role_of(marks), **data)


def _said(name: str, samples: Sequence[Sample]) -> str:
    known = finite(each.value for each in samples)
    return (
        f"{name}: {count(len(known), 'window')}, last {short(known[-1])}"
        if known
        else f"{name}: no values in this time"
    )
