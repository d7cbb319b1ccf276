"""Functions of a project that was made in bulk: some work, one is behind, one is silent."""

from __future__ import annotations

from modelmon.ledger import heartbeats, registry
from modelmon.ledger.records import open_records
from modelmon.model import Heartbeat, PartitionProgress, WorkerState, wall_clock_us
from modelmon.settings import Settings

HOUR_US = 3_600_000_000


def make_functions(settings: Settings) -> None:
    """They were heard just now, and are believed for an hour; `modelmon-writer` is believed no more."""
    now_us = wall_clock_us()
    database = open_records(settings)
    with database.write() as connection:
        for name, kind in (
            ("modelmon-stream", "infra"), ("modelmon-writer", "infra"), ("histogram-data-drift", "app"),
            ("serving-00", "serving"),
        ):  # fmt: skip
            registry.put_function(connection, name, kind, {}, deployed=True, now_us=now_us)
        heartbeats.put(connection, _beat("modelmon-stream", now_us, now_us + HOUR_US, WorkerState.BEHIND))
        heartbeats.put(connection, _beat("histogram-data-drift", now_us, now_us + HOUR_US, WorkerState.READY))
        heartbeats.put(connection, _beat("modelmon-writer", now_us - 2 * HOUR_US, now_us - HOUR_US))
    database.close()


def _beat(
    name: str, beat_us: int, expires_us: int, state: WorkerState = WorkerState.READY
) -> Heartbeat:  # fmt: skip
    behind = 70 if state is WorkerState.BEHIND else 0
    partitions = (PartitionProgress(0, 100, 100 - behind, 100 - behind, 100 - behind),)
    return Heartbeat(name, "w", "t", state, "", beat_us, beat_us, expires_us, 1.0 * behind, partitions)
