"""What one batch costs the database: begun, its traffic written, committed; PostgreSQL beside SQLite.

Both wait for the disk at each commit. The limit is SQLite, in turns with the server.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from modelmon.ledger import batches
from modelmon.ledger.latencies import LatencyBucket
from modelmon.ledger.records import records_at
from modelmon.model import BatchRange, SampleFile, TrafficPoint
from modelmon.sql.database import Database
from modelmon.stores.series.migrations import SCHEMA
from modelmon.stores.series.sql import SqlSeries
from tests.services import postgres

ROUNDS = 20
NOW_US = 1_700_000_400_000_000
MINUTE_US = 60_000_000
SIZES = ((1_000, 1), (1_000, 100), (10_000, 1), (10_000, 100))  # events, endpoints


def measure() -> list[dict[str, Any]]:
    """Milliseconds of one batch."""
    if postgres.missing():
        return []
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        server = postgres.Postgres(durable=True)
        stack.callback(server.stop)
        server.start()
        lite, server_side = _Ledger(f"sqlite:///{Path(folder)}/records.db"), _Ledger(server.database())
        stack.enter_context(closing(lite))
        stack.enter_context(closing(server_side))
        return [_row(events, endpoints, lite, server_side) for events, endpoints in SIZES]


def _row(events: int, endpoints: int, lite: _Ledger, server_side: _Ledger) -> dict[str, Any]:
    pairs = [(lite.batch(events, endpoints), server_side.batch(events, endpoints)) for _ in range(ROUNDS)]
    limit, value = (median(times) for times in zip(*pairs, strict=True))
    of = f"{endpoints} endpoints" if endpoints > 1 else "one endpoint"
    name = f"ledger: a batch of {events:,} events of {of} on PostgreSQL (limit: on SQLite)"
    return {"name": name, "value": value, "unit": "ms", "limit": limit, "ratio": value / limit}


class _Ledger:
    """One partition's owner, whose batches follow each other."""

    def __init__(self, url: str) -> None:
        self._records, self._series = records_at(url), SqlSeries(Database(url, SCHEMA))
        self._offsets = count()
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: count(1))
        with self._records.write() as connection:
            self._position = batches.take_over(connection, "stream", 0, "events")

    def batch(self, events: int, endpoints: int) -> float:
        offset = next(self._offsets)
        batch = BatchRange("stream", 0, offset, offset)
        names = [f"{number:032x}" for number in range(endpoints)]
        derived = self._derived(batch, names, events // endpoints)
        points = [TrafficPoint(name, NOW_US, 1, 1, 0, 1.0, 1, 1, 1, (0, 1)) for name in names]
        began = time.perf_counter()
        with self._records.write() as connection:
            opened = batches.OpenBatch(offset, offset, 1, NOW_US)
            assert batches.open_batch(connection, self._position, opened)
        self._series.write_traffic(batch, points)
        with self._records.write() as connection:
            assert batches.commit_batch(connection, self._position, batch, derived, NOW_US)
        return (time.perf_counter() - began) * 1_000

    def _derived(self, batch: BatchRange, names: list[str], each: int) -> batches.Derived:
        events = each * len(names)
        return batches.Derived(
            files=[
                SampleFile(f"{name}/{batch.first}.parquet", name, 0, NOW_US, NOW_US, each, 9_999, 23, batch)
                for name in names
            ],
            counts=[
                batches.EndpointCounts(name, stored=each, first_request_us=NOW_US, last_request_us=NOW_US)
                for name in names
            ],
            numbers={("publisher", name): [next(self._numbers[name]) for _ in range(each)] for name in names},
            latencies={bits: LatencyBucket(events // 8, events * 2.0**bits) for bits in range(9, 17)},
            dirty={(name, NOW_US + batch.first * MINUTE_US): each for name in names},
        )

    def close(self) -> None:
        self._records.close()
        self._series.close()
