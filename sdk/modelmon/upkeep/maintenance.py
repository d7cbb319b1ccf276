"""Keeping the stores small: retention, compaction and the sweep, within a time, to be killed anywhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, func, select

from modelmon.ledger import registry
from modelmon.ledger.schema import positions, void_ranges
from modelmon.model import DAY_US, HOUR_US
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.actuals import open_actuals
from modelmon.stores.artifacts import open_artifacts
from modelmon.stores.base import SampleStore
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.upkeep.compaction import compact
from modelmon.upkeep.cutting import cut_months
from modelmon.upkeep.folding import fold
from modelmon.upkeep.kept_files import prune_artifacts
from modelmon.upkeep.pruning import prune, prune_actuals, prune_notes
from modelmon.upkeep.sweep import sweep

REST_US = 600_000_000  # nothing ages faster than this; each look at all hours costs a scan of the ledger
SWEEP_EVERY_US = HOUR_US  # a sweep looks at every file
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
    samples, actuals = open_samples(settings), open_actuals(settings)
    pruned = 0
    with closing(open_series(settings)) as series:
        if settings.retention_days:
            before_us = now_us - round(settings.retention_days * DAY_US)
            pruned = prune(database, samples, series, before_us, deadline)
            pruned += prune_artifacts(database, open_artifacts(settings), before_us, deadline)
            pruned += prune_actuals(database, actuals, before_us, deadline)
            for store in (samples, actuals):
                cut_months(database, store, before_us, now_us, deadline)
        folded, all_folded = fold(database, series, now_us, deadline)
    all_forgotten = prune_notes(database, settings, now_us, deadline)
    merged, finished = 0, True
    for store in (samples, actuals):
        of_store = compact(database, store, now_us, deadline, min_files=settings.compact_min_files)
        merged, finished = merged + of_store[0], finished and of_store[1]
    swept, state = _sweep_when_due(database, (samples, actuals), state, given_up, now_us, deadline)
    finished = (
        finished and all_folded and all_forgotten and not state["sweep_after"] and time.monotonic() < deadline
    )
    with database.write() as connection:
        registry.set_value(connection, STATE, {**state, "rested_us": now_us if finished else -REST_US})
    return {"pruned_files": pruned, "merged_files": merged, "swept_files": swept, "folded_points": folded}


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
    stores: Sequence[SampleStore],
    state: dict[str, Any],
    given_up: int,
    now_us: int,
    deadline: float,
) -> tuple[int, dict[str, Any]]:
    """Sweep once an hour, and when batches have been given up since: plain readers see their files."""
    after, since_us = state.get("sweep_after", ""), state.get("swept_us", -SWEEP_EVERY_US)
    place = state.get("sweep_store", 0)
    seen = state.get("given_up", 0)
    if not after:
        if seen == given_up and 0 <= now_us - since_us < SWEEP_EVERY_US:
            return 0, {"sweep_after": "", "swept_us": since_us, "given_up": seen}
        seen, place = given_up, 0
    swept = 0
    for store in stores[place:]:
        found, after = sweep(database, store, now_us, deadline, after=after)
        swept += found
        if after:
            break
        place += 1
    swept_us = since_us if after else now_us
    return swept, {"sweep_after": after, "sweep_store": place, "swept_us": swept_us, "given_up": seen}
