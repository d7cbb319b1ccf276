"""The weekly digest: who gets it, on which day, at what time, by whose clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from modelmon.model import from_us, to_us

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Digest:
    """It goes to these channels, none: nobody gets it. `at` is a time of the day in `time_zone`."""

    channels: tuple[str, ...] = ()
    day: str = "monday"
    at: time = time(8)
    time_zone: str = "UTC"

    def last_due_us(self, now_us: int) -> int:
        """When it was due last, be it now.

        >>> monday = to_us(datetime(2026, 11, 30, 7, tzinfo=UTC))
        >>> [Digest(time_zone=each).last_due_us(monday) == monday for each in ("Europe/Berlin", "UTC")]
        [True, False]
        """
        zone = ZoneInfo(self.time_zone)
        now = from_us(now_us).astimezone(zone)
        back = (now.weekday() - DAYS.index(self.day)) % 7
        due = datetime.combine(now.date() - timedelta(days=back), self.at, zone)
        if due > now:
            due = datetime.combine(due.date() - timedelta(days=7), self.at, zone)
        return to_us(due.astimezone(UTC))
