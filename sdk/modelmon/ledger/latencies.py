"""How long answered requests took, counted since the project began to.

The series have the same by endpoint and minute, and lose it to retention; these totals only grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from modelmon.ledger.schema import latencies
from modelmon.model import BatchRange
from modelmon.sql.statements import upsert


@dataclass(frozen=True, slots=True)
class LatencyBucket:
    """How many requests took about as long, and how many microseconds together."""

    requests: int
    latency_us: float


def add(connection: Connection, batch: BatchRange, buckets: Mapping[int, LatencyBucket]) -> None:
    """Count what a batch has, by bit length. Each partition has rows of its own: no writer waits."""
    of = {"stream_id": batch.stream_id, "partition": batch.partition}
    rows = [
        {**of, "bucket": bits, "requests": each.requests, "latency_us": each.latency_us}
        for bits, each in buckets.items()
    ]
    upsert(connection, latencies, rows, add=("requests", "latency_us"))


def total(connection: Connection) -> dict[int, LatencyBucket]:
    """Of all partitions: bucket i has latencies in [2**(i-1), 2**i) microseconds, bucket 0 the zeros."""
    sums = (func.sum(latencies.c.requests), func.sum(latencies.c.latency_us))
    query = select(latencies.c.bucket, *sums).group_by(latencies.c.bucket)
    return {
        bits: LatencyBucket(int(requests), float(latency_us))
        for bits, requests, latency_us in connection.execute(query)
    }
