"""How many endpoints were suspected or detected when: spans of incidents, counted in bins of time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, or_, select

from modelmon.incidents import RESULT_STATUS
from modelmon.ledger.incident_schema import incidents
from modelmon.model import DAY_US, HOUR_US, MINUTE_US, from_us, to_us
from modelmon.views.selection import of_endpoints

SUSPECTED, DETECTED = 1, 2


@dataclass(frozen=True, slots=True)
class DriftBin:
    """How many endpoints were at worst `suspected`, and how many `detected`, in windows that start from
    `start` on until `end`."""

    start: datetime
    end: datetime
    suspected: int
    detected: int


class BadSpan(NamedTuple):
    """From the start of an incident's first bad window to that of its last one; `detected_us` is the first
    one that was detected."""

    endpoint_id: str
    first_us: int
    last_us: int
    detected_us: int | None

    def levels(self, start_us: int, length_us: int, many: int) -> Iterator[tuple[int, int]]:
        """Each of the bins that it reaches over, and how bad it was there."""
        first = max(0, (self.first_us - start_us) // length_us)
        last = min(many - 1, (self.last_us - start_us) // length_us)
        for place in range(first, last + 1):
            end_us = start_us + (place + 1) * length_us
            is_detected = self.detected_us is not None and self.detected_us < end_us
            yield place, DETECTED if is_detected else SUSPECTED


def bin_length_us(start: datetime, end: datetime) -> int:
    """As MLRun cuts it: ten minutes up to six hours, an hour up to three days, else a day."""
    hours = (to_us(end) - to_us(start)) / HOUR_US
    return 10 * MINUTE_US if hours <= 6 else HOUR_US if hours <= 72 else DAY_US


def read_drift_over_time(connection: Connection, start: datetime, end: datetime) -> tuple[DriftBin, ...]:
    """Every bin of `[start, end)`, in order; bins lie between multiples of their length. Calm windows in the
    midst of an incident count with it."""
    length_us = bin_length_us(start, end)
    first_us = to_us(start) // length_us * length_us
    many = -(-(to_us(end) - first_us) // length_us)
    worst: dict[tuple[int, str], int] = {}
    for span in bad_spans(connection, first_us, first_us + many * length_us):
        for place, level in span.levels(first_us, length_us, many):
            key = place, span.endpoint_id
            worst[key] = max(level, worst.get(key, 0))
    counts = [[0, 0] for _ in range(many)]
    for (place, _), level in worst.items():
        counts[place][level - 1] += 1
    starts = range(first_us, first_us + many * length_us, length_us)
    return tuple(
        DriftBin(from_us(each), from_us(each + length_us), *some)
        for each, some in zip(starts, counts, strict=True)
    )


def bad_spans(
    connection: Connection, start_us: int, end_us: int, endpoint_ids: Collection[str] | None = None
) -> Iterator[BadSpan]:
    """The incidents of results, of these endpoints (None: all), that had bad windows in this time."""
    query = select(*(incidents.c[name] for name in BadSpan._fields)).where(
        incidents.c.rule == RESULT_STATUS,
        # An incident ends after its last window: what was ended before has none in this time.
        or_(incidents.c.resolved_us.is_(None), incidents.c.resolved_us >= start_us),
        incidents.c.last_us >= start_us,
        incidents.c.first_us < end_us,
    )
    for part in of_endpoints(query, incidents.c.endpoint_id, endpoint_ids):
        for row in connection.execute(part):
            yield BadSpan(*row)
