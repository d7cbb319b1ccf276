"""When events were noticed to be missing: gaps in the publishers' numbers, by minute; the stream function's.

Nobody knows when an event happened that never came. It counts in the minute of the newest event of the batch
in which its number was first passed over. Where it comes later, it is taken back in the minute of the oldest
event of that batch, which it nearly always is itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, func, select

from modelmon.ledger.metadata import metadata
from modelmon.ledger.schema import publishers
from modelmon.model import MINUTE_US
from modelmon.sql.statements import upsert
from modelmon.sql.types import BIG, Name

lost_events = Table(
    "lost_events", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("minute_us", BIG, primary_key=True, autoincrement=False),
    Column("events", BIG, nullable=False),  # less than none where more came late than were missed
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """The times of the events of one endpoint in a batch; None: there are none."""

    endpoint_id: str
    first_us: int | None
    last_us: int | None


def note_lost(connection: Connection, missing: Mapping[str, int], spans: Iterable[Span], now_us: int) -> None:
    """Note how many more events of each endpoint are missing after a batch than before, or how many fewer."""
    known = {span.endpoint_id: span for span in spans}
    rows = []
    for endpoint_id, events in missing.items():
        if events:
            span = known.get(endpoint_id, Span(endpoint_id, None, None))
            moment_us = span.last_us if events > 0 else span.first_us
            moment_us = now_us if moment_us is None else moment_us
            minute_us = moment_us - moment_us % MINUTE_US
            rows.append({"endpoint_id": endpoint_id, "minute_us": minute_us, "events": events})
    upsert(connection, lost_events, rows, add=("events",))


def lost_between(connection: Connection, endpoint_id: str, start_us: int, end_us: int) -> int | None:
    """So many were noticed to be missing in [start, end) and have not come since; None where no publisher
    numbers the events of the endpoint."""
    numbered = select(publishers.c.endpoint_id).where(publishers.c.endpoint_id == endpoint_id)
    if connection.execute(numbered.limit(1)).first() is None:
        return None
    query = select(func.sum(lost_events.c.events)).where(
        lost_events.c.endpoint_id == endpoint_id,
        lost_events.c.minute_us >= start_us,
        lost_events.c.minute_us < end_us,
    )
    return max(0, int(connection.scalar(query) or 0))
