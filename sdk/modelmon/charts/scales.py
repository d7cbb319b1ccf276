"""From values to places, and the round values that an axis names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BEYOND = 1e300
STEPS = (1, 2, 2.5, 5, 10)
TIMES = (
    (60, "%H:%M"), (300, "%H:%M"), (900, "%H:%M"), (1800, "%H:%M"), (3600, "%H:%M"), (3 * 3600, "%H:%M"),
    (6 * 3600, "%H:%M"), (12 * 3600, "%d %b %H:%M"), (86_400, "%d %b"), (2 * 86_400, "%d %b"),
    (7 * 86_400, "%d %b"), (14 * 86_400, "%d %b"),
)  # fmt: skip
_MONTHS = (1, 2, 3, 6, 12)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` onto places from `first` to `last`."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        """The place; of a value that lies outside, the nearest end."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return self.first + min(1, max(0, share)) * (self.last - self.first)


def finite(values: Iterable[float | None]) -> list[float]:
    """Those that can be drawn: numbers so small that their sums and differences are numbers, too."""
    return [value for value in values if value is not None and abs(value) < BEYOND]


def reach(values: Iterable[float | None], *, from_zero: bool = True) -> tuple[float, float]:
    """What an axis has to hold: a little more than the values; never nothing.

    >>> reach([0.0, 2.0]), reach([]), reach([5.0, 5.0], from_zero=False)
    ((0.0, 2.1), (0.0, 1.0), (4.5, 5.5))
    """
    known = finite(values)
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    if from_zero:
        low, high = min(0.0, low), max(0.0, high)
    if low == high:
        more = abs(low) * 0.1 or 0.5
        return low - (0 if from_zero else more), high + more
    more = (high - low) * 0.05
    return low if from_zero and low == 0 else low - more, high + more


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values between the two, at most so many and at least two where they differ.

    >>> ticks(0, 1.05), ticks(0, 37_000)
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 10000.0, 20000.0, 30000.0])
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    if high - low < max(1e-9 * max(abs(low), abs(high)), 1e-300):  # none between them can be told apart
        return [low, high]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * each for each in (*STEPS, 20, 50, 100) if (high - low) / (power * each) < most)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def time_ticks(start: datetime, end: datetime, most: int = 7) -> list[tuple[datetime, str]]:
    """Round moments of UTC, each with how it is written.

    >>> days = time_ticks(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
    >>> [words for _, words in days]
    ['01 Jan 00:00', '01 Jan 12:00', '02 Jan 00:00', '02 Jan 12:00', '03 Jan 00:00']
    """
    length = (end - start).total_seconds()
    for seconds, form in TIMES:
        if length / seconds < most:
            first = math.ceil(start.timestamp() / seconds)
            found = (n * seconds for n in range(first, math.floor(end.timestamp() / seconds) + 1))
            return [(moment := datetime.fromtimestamp(each, UTC), moment.strftime(form)) for each in found]
    return list(_months(start, end, most))


def _months(start: datetime, end: datetime, most: int) -> Iterable[tuple[datetime, str]]:
    months = (end - start) / timedelta(days=30)
    step = next((each for each in _MONTHS if months / each < most), 12 * math.ceil(months / 12 / most))
    for number in range(start.year * 12, end.year * 12 + 12, step):
        moment = datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        if start <= moment <= end:
            yield moment, f"{moment:%b %Y}" if step < 12 else f"{moment:%Y}"


def axis_data(
    across: Scale, start: datetime, end: datetime, points: Iterable[tuple[float, float]] = ()
) -> dict[str, str]:
    """What the page's crosshair needs: the axis of time, where it lies, and (POSIX seconds, value) of points.

    >>> day = datetime(2026, 3, 1, tzinfo=UTC)
    >>> data = axis_data(Scale(0, 1, 44, 630), day, day + timedelta(days=1), [(day.timestamp() + 60, 0.5)])
    >>> data["data_from"], data["data_left"], data["data_points"]
    ('2026-03-01T00:00:00+00:00', '44', '60:0.5')
    """
    first = start.timestamp()
    said = " ".join(f"{seconds - first:.0f}:{short(value)}" for seconds, value in points if finite([value]))
    return {
        "data_from": start.isoformat(), "data_to": end.isoformat(), "data_left": f"{across.first:g}",
        "data_right": f"{across.last:g}", "data_points": said,
    }  # fmt: skip


def short(value: float) -> str:
    """A value for an axis.

    >>> [short(each) for each in (0.25, 30_000, 1_500_000, 0.00002, 0)]
    ['0.25', '30k', '1.5M', '2e-05', '0']
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * (10 if unit == "k" else 1):
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def path(points: Sequence[tuple[float, float | None]]) -> str:
    """Lines through the points, with a gap where one has no height; a lonely point is a dot.

    >>> path([(0, 1), (1, 2), (2, None), (3, 1)])
    'M0 1L1 2M3 1h0'
    """
    found, pen, count = [], "M", 0
    for x, y in points:
        if y is None:
            found += ["h0"] * (count == 1)
            pen, count = "M", 0
            continue
        found.append(f"{pen}{x:.4g} {y:.4g}")
        pen, count = "L", count + 1
    return "".join(found) + "h0" * (count == 1)
