"""Which rows anomalies are told by: a bounded sample of the first calm days that an endpoint has served.

They are read from the samples when they are needed, so that no row is kept a second time. In `evaluate` they
are the rows of the reference.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from modelmon.model import Window
from modelmon.stats.calibration import DAY, ENOUGH, WEEKS
from modelmon.stats.frames import columns
from modelmon.stats.row_encoding import joined, rows_of
from modelmon.stats.time_columns import only_time_column, seconds_of

if TYPE_CHECKING:
    from modelmon.apps.context import MonitoringApplicationContext
    from modelmon.stats.frames import Frame

Places = NDArray[np.intp]

MOST_STRETCHES = 336
MOST_ROWS = 40_000
MOST_READ = 1_000_000
"""Where so many rows were read of at least 24 stretches, no more are."""
FEWEST_READ = 24
LEAST_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class ReferencePeriod:
    """The calm stretches within [start, end) that teach, in order, and how long each is.

    `left_out`: how many were troubled.
    """

    start: datetime
    end: datetime
    stretches: tuple[Window, ...]
    seconds: float
    left_out: int

    @property
    def key(self) -> Hashable:
        return self.start, self.end, self.seconds, tuple(each.start for each in self.stretches)


def lacking_words(window_seconds: float, seconds: float, span_seconds: float, number: int) -> str:
    """Why an alarm is suspected at most, where so many stretches of `seconds` teach; "" where it may be
    detected.

    >>> lacking_words(3600, 3600, WEEKS, 300), lacking_words(DAY, 3600, WEEKS, 300)
    ('', '20 stretches as long as the window are wanted')
    """
    if seconds < window_seconds * 0.999 or number < ENOUGH:
        return f"{ENOUGH} stretches as long as the window are wanted"
    if window_seconds < DAY and span_seconds < WEEKS * 0.999:
        return "windows shorter than a day want two whole weeks"
    return ""


def reference_period(context: MonitoringApplicationContext, days: int) -> ReferencePeriod | None:
    """Of the first `days` days since the model serves the days that ended before the window, or None."""
    window, served = context.window, context.served
    length = window.end - window.start
    begin = window.start - (window.start - served.since) // length * length
    ended = min(days, (window.start - begin) // timedelta(days=1))
    if ended < 1:
        return None
    span = timedelta(days=ended)
    step = min(length, span / ENOUGH)
    number = span // step
    chosen = np.unique(np.linspace(0, number - 1, min(number, MOST_STRETCHES)).astype(int)).tolist()
    every = [Window(begin + place * step, begin + (place + 1) * step) for place in chosen]
    troubled = [(first, last + length) for first, last in served.troubled(begin, begin + span)]
    calm = [
        each for each in every if not any(first < each.end and each.start < end for first, end in troubled)
    ]
    return ReferencePeriod(begin, begin + span, tuple(calm), step.total_seconds(), len(every) - len(calm))


def stored_stretches(context: MonitoringApplicationContext, period: ReferencePeriod) -> list[Frame]:
    """The rows of the period, thinned evenly, one frame a stretch that has any, in order.

    Raises UnavailableError.
    """
    most = max(ENOUGH, MOST_ROWS // max(len(period.stretches), 1))
    order = list(range(len(period.stretches)))
    random.Random(len(order)).shuffle(order)  # noqa: S311 - no secret
    found: dict[int, Frame] = {}
    read = 0
    for place in order:
        if read >= MOST_READ and len(found) >= FEWEST_READ:
            break
        stretch = period.stretches[place]
        frames = [each for each in context.served.read(stretch.start, stretch.end) if len(each)]
        read += sum(len(each) for each in frames)
        if frames:
            found[place] = thinned(joined(frames), most)
    return [found[place] for place in sorted(found)]


def cut_reference(frame: Frame, window_seconds: float) -> tuple[list[Frame], float, float]:
    """Rows at hand, one frame for each stretch as long as the window, or a twentieth of the whole: with how
    long they are and how long the whole is. Without a column of times they are one stretch of no length."""
    found = columns(frame)
    when = only_time_column(found)
    if when is None:
        return [thinned(frame, MOST_ROWS)], 0.0, 0.0
    seconds = seconds_of(found, when)
    start, end = float(np.nanmin(seconds)), float(np.nanmax(seconds))
    step = min(window_seconds, (end - start) / ENOUGH)
    if step <= 0:
        return [thinned(frame, MOST_ROWS)], 0.0, 0.0
    place = np.floor((seconds - start) / step)
    number = int(np.nanmax(place)) + 1
    chosen = np.unique(np.linspace(0, number - 1, min(number, MOST_STRETCHES)).astype(int))
    most = max(ENOUGH, MOST_ROWS // chosen.size)
    order = np.argsort(place, kind="stable")
    edges = np.searchsorted(place[order], np.stack([chosen, chosen + 1]))
    parts = [order[first:last] for first, last in edges.T.tolist() if last > first]
    return [rows_of(frame, _evenly(part, most)) for part in parts], step, end - start


def thinned(frame: Frame, most: int) -> Frame:
    """At most so many of the rows, evenly spread."""
    return frame if len(frame) <= most else rows_of(frame, _evenly(np.arange(len(frame)), most))


def _evenly(places: Places, most: int) -> Places:
    return places if places.size <= most else places[np.linspace(0, places.size - 1, most).astype(int)]
