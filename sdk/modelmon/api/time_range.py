"""The time that a page shows, as its address says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, func, select

from modelmon.api.problems import Problem
from modelmon.errors import no_such
from modelmon.ledger.schema import traffic
from modelmon.ledger.window_ledger import project_period
from modelmon.model import from_us
from modelmon.settings import Settings

RANGES = {
    "1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30),
    "1y": timedelta(days=365),
}  # fmt: skip
SHORTEST, WINDOWS = "7d", 30
"""Without a word a page shows this range, or a longer one that holds so many windows."""


class Ranged(msgspec.Struct, kw_only=True, frozen=True, rename={"from_": "from"}):
    """Parameters of every page: `range` before `to` (now, where it says nothing), or from `from` to `to`.
    Without a range it is that of `default_range`."""

    range: str = ""
    from_: datetime | None = None
    to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)`; `name` of its range, "" for one of its own. `is_of_the_past`: the newest data are older
    than the range before now, so it ends with them."""

    start: datetime
    end: datetime
    name: str
    is_of_the_past: bool

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
    period = timedelta(minutes=project_period(connection, settings.base_period))
    name = asked.range or default_range(period)
    if asked.from_ is not None:
        end = asked.to or from_us(now_us)
        if end <= asked.from_:
            raise Problem(
                400, f"from: {asked.from_:%Y-%m-%d %H:%M} is not before to, {end:%Y-%m-%d %H:%M}", "from"
            )
        return Span(asked.from_, end, "", False)
    if asked.to is not None:
        return Span(asked.to - RANGES[name], asked.to, name, False)
    now, newest = from_us(now_us), newest_data(connection)
    is_past = newest is not None and newest < now - RANGES[name]
    end = newest + timedelta(minutes=1) if is_past and newest is not None else now
    return Span(end - RANGES[name], end, name, is_past)


def newest_data(connection: Connection) -> datetime | None:
    """Of the last request of any endpoint."""
    newest_us = connection.scalar(select(func.max(traffic.c.last_request_us)))
    return None if newest_us is None else from_us(newest_us)
