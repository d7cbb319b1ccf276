"""Folding: the many points that batches wrote of one minute become one, once the minute is over.

A stream function that commits every second leaves sixty points a minute: of a thousand endpoints 86 million a
day. A pass looks at the endpoints that had commits since the pass before, and at their minutes since then.
Rows that come later than an hour stay points of their own: they are few, and count all the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, select

from modelmon.ledger import batches, registry
from modelmon.ledger.schema import traffic
from modelmon.model import MINUTE_US
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore

OVER_US = 10 * MINUTE_US  # a minute that ended so long ago gets little more
LATE_US = 60 * MINUTE_US
PIECE_US = 7 * 1_440 * MINUTE_US  # minutes of one endpoint that are read at a time
STATE = "folding"  # the project value that remembers where we are


@dataclass(frozen=True, slots=True)
class _Pass:
    """Where folding stands: everything before `folded_us` is done; the pass under way goes up to `until_us`
    and has come to the minute `place_us` of the endpoint `endpoint_id`, "" when none is under way."""

    folded_us: int = 0
    until_us: int = 0
    endpoint_id: str = ""
    place_us: int = 0


def fold(database: Database, series: SeriesStore, now_us: int, deadline: float) -> tuple[int, bool]:
    """Fold until `deadline` (of `time.monotonic`); returns how many points fewer there are, and whether
    everything that can be folded is. The next call goes on from there."""
    with database.read() as connection:
        at = _Pass(**registry.get_value(connection, STATE, {}))
        if not at.endpoint_id:
            at = replace(at, until_us=max(now_us - OVER_US, at.folded_us), place_us=0)
        applied = {(each.stream_id, each.partition): each.applied for each in batches.positions(connection)}
        void = batches.void_ranges(connection)
        endpoints = _with_commits(connection, at)
    fewer = 0
    for endpoint_id, first_us in endpoints:
        begin_us = at.place_us if endpoint_id == at.endpoint_id else max(at.folded_us - LATE_US, first_us)
        for start_us, end_us in _pieces(begin_us, at.until_us):
            fewer += series.fold_traffic([endpoint_id], start_us, end_us, applied, void)
            if time.monotonic() >= deadline:
                _remember(database, replace(at, endpoint_id=endpoint_id, place_us=end_us))
                return fewer, False
    _remember(database, _Pass(folded_us=at.until_us))
    return fewer, True


def _with_commits(connection: Connection, at: _Pass) -> list[tuple[str, int]]:
    """Endpoints that the pass has to look at, each with the minute of its first request."""
    query = select(traffic.c.endpoint_id, traffic.c.first_request_us).where(
        traffic.c.committed_us >= at.folded_us,
        traffic.c.endpoint_id >= at.endpoint_id,
        traffic.c.first_request_us < at.until_us,
    )
    rows = connection.execute(query.order_by(traffic.c.endpoint_id))
    return [(endpoint_id, first_us - first_us % MINUTE_US) for endpoint_id, first_us in rows]


def _pieces(start_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    while start_us < end_us:
        yield start_us, min(start_us + PIECE_US, end_us)
        start_us += PIECE_US


def _remember(database: Database, at: _Pass) -> None:
    with database.write() as connection:
        registry.set_value(connection, STATE, asdict(at))
