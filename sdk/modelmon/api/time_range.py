"""The time that a page shows, as its address says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection

from modelmon.api.problems import Problem
from modelmon.errors import no_such
from modelmon.ledger import registry
from modelmon.ledger.window_ledger import project_period
from modelmon.model import from_us, to_us
from modelmon.settings import Settings
from modelmon.views.data_reach import data_reach

RANGES = {
    "1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30),
    "1y": timedelta(days=365),
}  # fmt: skip
SHORTEST, WINDOWS = "7d", 30
"""Without a word a page shows this range, or a longer one that holds so many windows."""
LEAST, MINUTE = timedelta(minutes=10), timedelta(minutes=1)


class Ranged(msgspec.Struct, kw_only=True, frozen=True, rename={"from_": "from"}):
    """Parameters of every page: `range` before `to` (now, where it says nothing), or from `from` to `to`.
    Without a range it is that of `default_range`, or shorter where the data are younger."""

    range: str = ""
    from_: datetime | None = None
    to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)`; `name` of its range, "" for one of its own. `is_of_the_past`: the newest data are older
    than the range before now, so it ends with them. `is_all`: it begins with the first data."""

    start: datetime
    end: datetime
    name: str
    is_of_the_past: bool
    is_all: bool = False

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def default_range(period: timedelta) -> str:
    """Long enough for a picture: a week of ten minutes, a year of weeks.

    >>> [default_range(period) for period in (timedelta(minutes=10), timedelta(days=1), timedelta(weeks=1))]
    ['7d', '30d', '1y']
    """
    long_enough = (
        each for each, length in RANGES.items() if length >= RANGES[SHORTEST] and length >= WINDOWS * period
    )
    return next(long_enough, [*RANGES][-1])


def span_of(connection: Connection, asked: Ranged, now_us: int, settings: Settings) -> Span:
    """Raises Problem 400 for a range that does not exist, or one that ends before it begins."""
    if asked.range and asked.range not in RANGES:
        raise Problem(400, str(no_such(f"range: there is no {asked.range!r}", asked.range, RANGES)), "range")
    if asked.from_ is not None:
        return _from(asked.from_, asked.to or from_us(now_us))
    period = timedelta(minutes=project_period(connection, settings.base_period))
    name = asked.range or default_range(period)
    if asked.to is not None:
        return Span(asked.to - RANGES[name], asked.to, name, False)
    now, reach = from_us(now_us), data_reach(connection)
    if reach is not None and not asked.range:
        first = _start_of_window(reach.first, _longest_period(connection, period))
        if reach.newest - first < RANGES[name] / 2:
            return _whole(first, reach.newest, now)
    is_past = reach is not None and reach.newest < now - RANGES[name]
    end = reach.newest + MINUTE if is_past and reach is not None else now
    return Span(end - RANGES[name], end, name, is_past)


def _from(start: datetime, end: datetime) -> Span:
    if end <= start:
        raise Problem(400, f"from: {start:%Y-%m-%d %H:%M} is not before to, {end:%Y-%m-%d %H:%M}", "from")
    return Span(start, end, "", False)


def _whole(first: datetime, newest: datetime, now: datetime) -> Span:
    """All data; until now, unless they ended longer ago than they last."""
    length = max(LEAST, newest - first)
    is_past = newest < now - length
    end = newest + MINUTE if is_past else now
    return Span(min(first, end - length), end, "", is_past, is_all=True)


def _longest_period(connection: Connection, period: timedelta) -> timedelta:
    """Of the project's, and those that apps have of their own."""
    own = (app.base_period for app in registry.active_apps(connection))
    return max([period, *(timedelta(minutes=each) for each in own if each)])


def _start_of_window(moment: datetime, period: timedelta) -> datetime:
    period_us = period // timedelta(microseconds=1)
    return from_us(to_us(moment) // period_us * period_us)
