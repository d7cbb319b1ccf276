"""Keeping the stores small: retention, compaction and the sweep, within a time, to be killed anywhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, delete, func, select

from modelmon.ledger import endpoint_apps, registry
from modelmon.ledger.acknowledged import forget_reported
from modelmon.ledger.schema import files, positions, void_ranges, windows
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import CHUNK, chunks
from modelmon.stores.base import SampleStore
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore
from modelmon.upkeep.compaction import compact
from modelmon.upkeep.cutting import cut_months
from modelmon.upkeep.folding import fold
from modelmon.upkeep.sweep import sweep

__all__ = ["compact", "maintain", "prune", "sweep"]

DAY_US = 86_400_000_000
REST_US = 600_000_000  # nothing ages faster than this; each look at all hours costs a scan of the ledger
SWEEP_EVERY_US = 3_600_000_000  # a sweep looks at every file
STATE = "maintenance"  # the project value that remembers where we are


def maintain(database: Database, settings: Settings, now_us: int) -> dict[str, Any]:
    """Prune, fold, compact and sweep for about `maintenance_seconds` at most; the next call goes on from
    there.

    Returns how many files were pruned and swept, how many merged, and how many points of traffic fewer
    there are; nothing while there is nothing to do, which is looked up every ten minutes, or when a batch
    that was given up has left files.
    Raises UnavailableError and ConfigError.
    """
    with database.read() as connection:
        state = registry.get_value(connection, STATE, {})
        given_up = _given_up(connection)
    rests = 0 <= now_us - state.get("rested_us", -REST_US) < REST_US and given_up == state.get("given_up", 0)
    if not settings.maintenance_seconds or rests:
        return {}
    deadline = time.monotonic() + settings.maintenance_seconds
    samples = open_samples(settings)
    pruned = 0
    with closing(open_series(settings)) as series:
        if settings.retention_days:
            before_us = now_us - round(settings.retention_days * DAY_US)
            pruned = prune(database, samples, series, before_us, deadline)
            cut_months(database, samples, before_us, now_us, deadline)
        folded, all_folded = fold(database, series, now_us, deadline)
    merged, finished = compact(database, samples, now_us, deadline, min_files=settings.compact_min_files)
    swept, state = _sweep_when_due(database, samples, state, given_up, now_us, deadline)
    finished = finished and all_folded and not state["sweep_after"] and time.monotonic() < deadline
    with database.write() as connection:
        registry.set_value(connection, STATE, {**state, "rested_us": now_us if finished else -REST_US})
    return {"pruned_files": pruned, "merged_files": merged, "swept_files": swept, "folded_points": folded}


def prune(
    database: Database, samples: SampleStore, series: SeriesStore, before_us: int, deadline: float
) -> int:
    """Forget files, series and closed windows that ended before this; returns how many files went.

    A file goes when its newest row is older. The newest window of each endpoint and app stays: where the
    app stands is read from it. Stops at `deadline` (of `time.monotonic`), to go on in the next call.
    """
    pruned = 0
    while paths := _unlist(database, before_us):
        samples.delete(paths)  # killed before this, the sweep finds them
        pruned += len(paths)
        if time.monotonic() >= deadline:
            return pruned
    for pairs in chunks(_with_old_windows(database, before_us)):
        _forget_windows(database, pairs, before_us)
        if time.monotonic() >= deadline:
            return pruned
    series.prune(before_us)
    with database.write() as connection:
        forget_reported(connection, before_us)
    return pruned


def _unlist(database: Database, before_us: int) -> Sequence[str]:
    old = select(files.c.path).where(files.c.hour_us < before_us, files.c.max_us < before_us).limit(CHUNK)
    with database.write() as connection:
        paths = connection.scalars(old).all()
        if paths:
            connection.execute(delete(files).where(files.c.path.in_(paths)))
    return paths


def _with_old_windows(database: Database, before_us: int) -> list[dict[str, Any]]:
    """Endpoints and apps with windows to forget, each with the start of its newest window."""
    pair, newest_us = (windows.c.endpoint_id, windows.c.application_name), func.max(windows.c.start_us)
    query = (
        select(*pair, newest_us.label("newest_us"))
        .group_by(*pair)
        .having(func.min(windows.c.end_us) <= before_us, func.min(windows.c.start_us) < newest_us)
    )
    with database.read() as connection:
        return [
            {"endpoint": row.endpoint_id, "app": row.application_name, "newest_us": row.newest_us}
            for row in connection.execute(query)
        ]


def _forget_windows(database: Database, pairs: Sequence[dict[str, Any]], before_us: int) -> None:
    with database.write() as connection:
        for pair in pairs:
            old = (
                windows.c.endpoint_id == pair["endpoint"], windows.c.application_name == pair["app"],
                windows.c.start_us < pair["newest_us"], windows.c.end_us <= before_us,
                windows.c.answered >= windows.c.wanted, windows.c.check_us.is_(None),
            )  # fmt: skip
            endpoint_apps.forget(connection, *old)
            connection.execute(delete(windows).where(*old))


def _given_up(connection: Connection) -> int:
    """How many batches were given up and have since been applied in smaller ones: what they left on disk
    counts nowhere, and the sweep may take it."""
    same = (void_ranges.c.stream_id == positions.c.stream_id) & (
        void_ranges.c.partition == positions.c.partition
    )
    query = select(func.count()).select_from(void_ranges.join(positions, same))
    return connection.scalar(query.where(positions.c.applied >= void_ranges.c.last)) or 0


def _sweep_when_due(
    database: Database,
    samples: SampleStore,
    state: dict[str, Any],
    given_up: int,
    now_us: int,
    deadline: float,
) -> tuple[int, dict[str, Any]]:
    """Sweep once an hour, and when batches have been given up since: plain readers see their files."""
    after, since_us = state.get("sweep_after", ""), state.get("swept_us", -SWEEP_EVERY_US)
    seen = state.get("given_up", 0)
    if not after:
        if seen == given_up and 0 <= now_us - since_us < SWEEP_EVERY_US:
            return 0, {"sweep_after": "", "swept_us": since_us, "given_up": seen}
        seen = given_up
    swept, after = sweep(database, samples, now_us, deadline, after=after)
    return swept, {"sweep_after": after, "swept_us": since_us if after else now_us, "given_up": seen}
