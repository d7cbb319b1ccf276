"""Values of windows over time, with the thresholds that each was judged by, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.charts.marks import Mark, flags, inside, role_of, with_marks
from modelmon.charts.markup import Svg, element, picture, text
from modelmon.charts.scales import Scale, axis_data, finite, path, reach, short, ticks, time_ticks
from modelmon.counting import count

WIDTH, HEIGHT = 640, 180
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 12, 22
MOST = 800
"""Beyond so many points each column of pixels has its least and greatest alone."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One window's value, None where it has none. `status`: 0 calm, 1 suspected, 2 detected, -1 no verdict;
    `suspected` and `detected`: the thresholds stored with it; `state`: "" or incomplete, failed."""

    start: datetime
    end: datetime
    value: float | None
    status: int = -1
    suspected: float | None = None
    detected: float | None = None
    state: str = ""


def timeline(
    samples: Sequence[Sample], start: datetime, end: datetime, *, label: str, marks: Sequence[Mark] = ()
) -> Svg:
    """`samples` in order of time, between `start` and `end`."""
    known = finite(each.value for each in samples)
    limits = finite(limit for each in samples for limit in (each.suspected, each.detected))
    low, high = reach([*known, *limits])
    across = Scale(start.timestamp(), end.timestamp(), LEFT, WIDTH - RIGHT)
    up = Scale(low, high, HEIGHT - BOTTOM, TOP)
    runs, marks = runs_of(samples), inside(marks, across)
    parts = [
        *axes(across, up, start, end),
        *(_hatch(each, across) for each in samples if each.state),
        *_thresholds(samples, across, up),
        *flags(marks, across, TOP, HEIGHT - BOTTOM),
        *line(runs, across, up),
        *(_dot(each, across, up) for each in samples if each.status in (1, 2)),
    ]
    points = ((middle(each), _value(each)) for run in runs for each in run)
    data = axis_data(across, start, end, points)
    said = with_marks(_said(label, samples, known), marks)
    return picture(said, (WIDTH, HEIGHT), parts, kind="timeline", role=role_of(marks), **data)


def axes(across: Scale, up: Scale, start: datetime, end: datetime) -> Iterator[str]:
    """Lines and words of a chart over time."""
    for value in ticks(up.low, up.high, 4):
        y = up(value)
        yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid")
        yield element("text", text(short(value)), x=LEFT - 5, y=y + 4, class_="tick up")
    for moment, words in time_ticks(start, end, most=5):
        x = across(moment.timestamp())
        yield element("line", x1=x, x2=x, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM + 4, class_="grid")
        yield element(
            "text", text(words), x=x, y=HEIGHT - 6, class_=f"tick{_at_an_end(x)}",
            data_time=moment.isoformat(),
        )  # fmt: skip


def _at_an_end(x: float) -> str:
    """The first and the last name stay inside of the chart."""
    return " first" if x < LEFT + 20 else " last" if x > WIDTH - RIGHT - 20 else ""


def middle(sample: Sample) -> float:
    return (sample.start.timestamp() + sample.end.timestamp()) / 2


def runs_of(samples: Sequence[Sample]) -> list[list[Sample]]:
    """The runs between gaps, with no more points than one can see."""
    size = max(1, -(-len(samples) * 2 // MOST)) if len(samples) > MOST else 1
    return [[*_reduced(run, size)] for run in _runs(samples)]


def line(runs: Iterable[Sequence[Sample]], across: Scale, up: Scale, kind: str = "line") -> Iterator[str]:
    """A gap where a window has no value, and where windows are missing."""
    points: list[tuple[float, float | None]] = []
    for run in runs:
        points += [(across(middle(each)), up(_value(each))) for each in run]
        points.append((0.0, None))
    if points:
        yield element("path", d=path(points), class_=kind)


def _runs(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Windows with a value that follow on each other."""
    run: list[Sample] = []
    for each in samples:
        has_value = bool(finite([each.value]))
        if run and (not has_value or each.start - run[-1].end > run[-1].end - run[-1].start):
            yield run
            run = []
        if has_value:
            run.append(each)
    if run:
        yield run


def _reduced(run: Sequence[Sample], size: int) -> Iterator[Sample]:
    """Of each group of so many the least and the greatest: what one sees is the same."""
    for first in range(0, len(run), size):
        group = run[first : first + size]
        ends = (min(group, key=_value), max(group, key=_value))
        yield from sorted(dict.fromkeys(ends), key=middle)


def _value(sample: Sample) -> float:
    assert sample.value is not None
    return sample.value


def _thresholds(samples: Sequence[Sample], across: Scale, up: Scale) -> Iterator[str]:
    """Steps where a threshold changed; nothing over windows that had none."""
    for name in ("suspected", "detected"):
        found, before = [], None
        for each in samples:
            limit = getattr(each, name)
            if limit is None or not finite([limit]):
                before = None
                continue
            first, last, y = across(each.start.timestamp()), across(each.end.timestamp()), up(limit)
            pen = f"M{first:.4g} {y:.4g}" if before is None else f"V{y:.4g}" * (before != limit)
            found.append(f"{pen}H{last:.4g}")
            before = limit
        if found:
            yield element("path", d="".join(found), class_=f"threshold {name}")


def _hatch(sample: Sample, across: Scale) -> str:
    x = across(sample.start.timestamp())
    width = max(1.0, across(sample.end.timestamp()) - x)
    words = element("title", text(f"{sample.state}: {sample.start:%Y-%m-%d %H:%M}"))
    box = {"x": x, "y": TOP, "width": width, "height": HEIGHT - TOP - BOTTOM}
    return element("rect", words, class_=f"hatch {sample.state}", **box)


def _dot(sample: Sample, across: Scale, up: Scale) -> str:
    if not finite([sample.value]):
        return ""
    x, y = across(middle(sample)), up(_value(sample))
    name = "suspected" if sample.status == 1 else "detected"
    triangle = f"M{x - 4:.5g} {y + 3:.5g}l4-7 4 7z"
    shape = triangle if sample.status == 1 else f"M{x - 4:.5g} {y:.5g}l4-4 4 4-4 4z"
    words = f"{name}: {short(_value(sample))}, {sample.start:%Y-%m-%d %H:%M}"
    return element("path", element("title", text(words)), d=shape, class_=name)


def _said(label: str, samples: Sequence[Sample], known: Sequence[float]) -> str:
    if not known:
        return f"{label}: no values in this time"
    bad = [each for each in samples if each.status in (1, 2)]
    found = f"{label}: {count(len(known), 'window')}, last {short(known[-1])}"
    return f"{found}; {len(bad)} above a threshold, the first on {bad[0].start:%d %B %Y}" if bad else found
