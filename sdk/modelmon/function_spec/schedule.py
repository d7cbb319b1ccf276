"""When a cron trigger ticks next: Go durations and cron expressions, as Nuclio reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
SHORTHANDS = {
    "@yearly": "0 0 0 1 1 *", "@annually": "0 0 0 1 1 *", "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0", "@daily": "0 0 0 * * *", "@midnight": "0 0 0 * * *", "@hourly": "0 0 * * * *",
}  # fmt: skip
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
RANGES = (("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12),
          ("day of week", 0, 7))  # fmt: skip
LONGEST = timedelta(days=366 * 8)  # 29 February comes at least this often
ANY = ("*", "?")


def seconds_of(duration: str) -> float:
    """Seconds of a Go duration. Raises ValueError for anything else.

    >>> seconds_of("1h30m"), seconds_of("500ms")
    (5400.0, 0.5)
    """
    parts = DURATION.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is not a duration; write for example 10s, 5m or 1h30m")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


class Schedule:
    """Times of a cron expression: 5 fields, 6 with seconds first, `@every 5m`, `@daily` …; UTC.

    >>> Schedule("*/15 3 * * *").next_after(datetime(2026, 1, 1, 3, 15, tzinfo=UTC)).isoformat()
    '2026-01-01T03:30:00+00:00'
    """

    def __init__(self, expression: str) -> None:
        self._every = _every(expression)
        if self._every is not None:
            return
        fields = SHORTHANDS.get(expression, expression).split()
        if len(fields) == 5:
            fields.insert(0, "0")
        if len(fields) != 6:
            raise ValueError(f"schedule {expression!r} has {len(fields)} fields; write 5, or 6 with seconds")
        if fields[0] == "*":
            fields[0] = "0"  # as Nuclio reads it
        sets = [_values(field, *limits) for field, limits in zip(fields, RANGES, strict=True)]
        self._seconds, self._minutes, self._hours = (sorted(values) for values in sets[:3])
        self._days, self._months = sets[3], sets[4]
        self._weekdays = {day % 7 for day in sets[5]}
        # cron's own rule: with both days restricted, either is enough
        self._either = fields[3] not in ANY and fields[5] not in ANY
        self._expression = expression

    def next_after(self, moment: datetime) -> datetime:
        """The first time of the schedule that is later than `moment`. Raises ValueError if none comes."""
        if self._every is not None:
            return moment + self._every
        first = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        day = first.replace(hour=0, minute=0, second=0)
        while day - first < LONGEST:
            if self._is_day(day) and (found := self._in_day(day, first)):
                return found
            day += timedelta(days=1)
        raise ValueError(f"schedule {self._expression!r} never comes")

    def _is_day(self, day: datetime) -> bool:
        if day.month not in self._months:
            return False
        in_month, in_week = day.day in self._days, day.isoweekday() % 7 in self._weekdays
        return (in_month or in_week) if self._either else (in_month and in_week)

    def _in_day(self, day: datetime, first: datetime) -> datetime | None:
        times = (
            day.replace(hour=hour, minute=minute, second=second)
            for hour in self._hours
            for minute in self._minutes
            for second in self._seconds
        )
        return next((time for time in times if time >= first), None)


def _every(expression: str) -> timedelta | None:
    if not expression.startswith("@every "):
        if expression.startswith("@") and expression not in SHORTHANDS:
            raise ValueError(f"schedule {expression!r}: known are @every, {', '.join(SHORTHANDS)}")
        return None
    return timedelta(seconds=seconds_of(expression.removeprefix("@every ").strip()))


def _values(field: str, what: str, least: int, most: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        try:
            first, last = _span(span, least, most)
            width = int(step) if step else 1
        except ValueError:
            first, last, width = 0, -1, 1
        if "/" in part and "-" not in span and span not in ANY:
            last = most  # "5/15" starts at 5
        if width < 1 or not least <= first <= last <= most:
            raise ValueError(f"{what} {part!r} of a schedule must be within {least}-{most}")
        found.update(range(first, last + 1, width))
    return found


def _span(span: str, least: int, most: int) -> tuple[int, int]:
    if span in ANY:
        return least, most
    first, dash, last = span.partition("-")
    return _number(first), _number(last if dash else first)


def _number(text: str) -> int:
    name = text.upper()
    if name in MONTHS:
        return MONTHS.index(name) + 1
    return DAYS.index(name) if name in DAYS else int(text)
