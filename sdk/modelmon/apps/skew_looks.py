"""When the first days of serving are looked at: after 1, 2, 4, … windows, then once a day; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from modelmon.alarm_budget import MOST
from modelmon.model import Window

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Look:
    """All that was served from `start` to `end`, looked at together.

    It may spend what `windows` windows may, which have ended since the look before. `next_end` is when the
    next one ends, None after the last.
    """

    start: datetime
    end: datetime
    windows: int
    next_end: datetime | None

    def budget(self, probability: float) -> float:
        """Of a false alarm in this look, where each window may alarm with `probability`."""
        return min(MOST, self.windows * probability)


def look_of(since: datetime, window: Window, days: int) -> Look | None:
    """The newest look that has ended with this window, of the first `days` since `since`; None after them.

    >>> from datetime import UTC
    >>> midnight = datetime(2025, 1, 1, tzinfo=UTC)
    >>> hour = Window(midnight.replace(hour=2), midnight.replace(hour=3))
    >>> look = look_of(midnight.replace(minute=20), hour, 7)
    >>> look.end.hour, look.windows, look.next_end.hour
    (2, 1, 4)
    """
    length = window.end - window.start
    before = max(0, -((since - window.start) // length))
    begin = window.start - before * length
    ends = _ends(max(1, days * DAY // length), max(1, DAY // length))
    if before + 1 > ends[-1]:
        return None
    place = max(place for place, end in enumerate(ends) if end <= before + 1)
    previous = ends[place - 1] if place else 0
    following = begin + ends[place + 1] * length if place + 1 < len(ends) else None
    return Look(since, begin + ends[place] * length, ends[place] - previous, following)


def _ends(last: int, daily: int) -> list[int]:
    """After how many windows there is a look."""
    doubled = {2**power for power in range(daily.bit_length()) if 2**power < daily}
    return sorted({end for end in doubled | set(range(daily, last + 1, daily)) | {last} if end <= last})
