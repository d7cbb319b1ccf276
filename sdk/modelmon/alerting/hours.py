"""Mute times: hours of the week at which nobody is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_SPAN = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))?)?\s*(?:(\d\d):(\d\d)-(\d\d):(\d\d))?")


@dataclass(frozen=True, slots=True)
class Span:
    """From minute `start` of each of these days (0 Monday) for `length` minutes, past midnight too."""

    days: frozenset[int]
    start: int = 0
    length: int = DAY_MINUTES

    def holds(self, local: datetime) -> bool:
        """Whether it holds at that moment, as the clocks show it there."""
        minute = local.hour * 60 + local.minute
        today = self.start <= minute < self.start + self.length
        since_yesterday = minute + DAY_MINUTES < self.start + self.length
        yesterday = (local - timedelta(days=1)).weekday()
        return (today and local.weekday() in self.days) or (since_yesterday and yesterday in self.days)


@dataclass(frozen=True, slots=True)
class Hours:
    """When nobody is told, by the clocks of a zone."""

    muted: tuple[Span, ...] = ()
    zone: str = "UTC"

    def is_muted(self, moment: datetime) -> bool:
        """Whether nobody is told at this moment.

        >>> from datetime import UTC
        >>> nights = Hours((read_span("22:00-07:00"),), "Europe/Berlin")
        >>> [nights.is_muted(datetime(2026, 7, 1, hour, tzinfo=UTC)) for hour in (4, 5, 19, 20)]
        [True, False, False, True]
        """
        if not self.muted:
            return False
        local = moment.astimezone(ZoneInfo(self.zone))
        return any(each.holds(local) for each in self.muted)

    @property
    def is_always(self) -> bool:
        """Whether there is no minute of a week at which anybody is told.

        >>> [Hours(tuple(map(read_span, each))).is_always for each in (["mon-sun"], ["mon-fri", "sat"], [])]
        [True, False, False]
        """
        # Where there is such a minute, there is one at which a mute time has just ended.
        ends = (
            _MONDAY + timedelta(days=day, minutes=each.start + each.length)
            for each in self.muted for day in each.days
        )  # fmt: skip
        return bool(self.muted) and all(any(each.holds(end) for each in self.muted) for end in ends)


def read_span(text: object) -> Span | None:
    """`22:00-07:00` of every day, `sat-sun`, `mon-fri 18:00-08:00`; None for what is none.

    >>> read_span("sat-sun") == Span(frozenset({5, 6})), read_span("25:00-26:00"), read_span("")
    (True, None, None)
    """
    match = _SPAN.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    if match is None or not any(match.groups()):
        return None
    first, last = match[1] or DAYS[0], match[2] or match[1] or DAYS[-1]
    if first not in DAYS or last not in DAYS:
        return None
    begin, end = DAYS.index(first), DAYS.index(last)
    days = frozenset((begin + number) % 7 for number in range((end - begin) % 7 + 1))
    if match[3] is None:
        return Span(days)
    hours = int(match[3]), int(match[5])
    start, until = hours[0] * 60 + int(match[4]), hours[1] * 60 + int(match[6])
    if max(hours) > 24 or max(int(match[4]), int(match[6])) > 59 or max(start, until) > DAY_MINUTES:
        return None
    return Span(days, start, (until - start) % DAY_MINUTES or DAY_MINUTES)
