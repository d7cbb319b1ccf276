"""The steps of the graph around storey's own: each takes a batch and hands on what it made of it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import storey

from modelmon.ledger.batches import KnownNames, commit_batch, is_open, known_names, known_types
from modelmon.ledger.publishers import Applied, Key, applied_numbers
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.stream.batch import Batch, Decoded, EndpointColumns, Tabled
from modelmon.stages.stream.columns import endpoint_columns
from modelmon.stages.stream.decode import decode, set_sparse_aside
from modelmon.stages.stream.derive import derive
from modelmon.stages.stream.repeats import drop_repeats
from modelmon.stages.stream.traffic import traffic_points
from modelmon.stores.base import SampleStore, SeriesStore
from modelmon.waiting import when_available

MOST_CACHED_ENDPOINTS = 20_000


def wall_clock_us() -> int:
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Parts:
    """What the steps work with: the stores and the settings of one stage."""

    settings: Settings
    samples: SampleStore
    samples_path: str
    series: SeriesStore
    records: Database
    writers: Executor
    clock: Callable[[], int] = wall_clock_us


class Decode(storey.MapClass):  # type: ignore[misc]
    """Batch → Decoded: every item accepted or set aside alone."""

    def __init__(self, parts: Parts, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._settings = parts.settings

    def do(self, batch: Batch) -> Decoded:
        with _collector_paused():
            return decode(batch, self._settings)


class Columns(storey.MapClass):  # type: ignore[misc]
    """Decoded → Tabled: each endpoint's events as Arrow columns, cut by the hour."""

    def __init__(self, parts: Parts, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._parts = parts
        self._types: dict[str, dict[str, str]] = {}

    async def do(self, decoded: Decoded) -> Tabled:
        names: Mapping[str, KnownNames] = {}
        if decoded.discovered or decoded.numbers:
            known = await when_available(lambda: self._look_up(decoded), self._parts.settings, "the records")
            if known is None:  # another owner has the partition: what it applied must not look repeated
                return Tabled(Decoded(decoded.batch), ())
            names, applied = known
            drop_repeats(decoded, applied)
            for endpoint_id in names:
                del decoded.discovered[endpoint_id]  # registered already
        with _collector_paused():
            set_sparse_aside(decoded, names, self._parts.settings)
            columns = [
                self._columns(decoded, endpoint_id, names.get(endpoint_id)) for endpoint_id in decoded.served
            ]
        return Tabled(decoded, columns)

    def _columns(self, decoded: Decoded, endpoint_id: str, known: KnownNames | None) -> EndpointColumns:
        types = self._types[endpoint_id]
        partition = decoded.batch.range.partition
        columns = endpoint_columns(endpoint_id, decoded.served[endpoint_id], partition, known, types)
        types.update(columns.types)
        return columns

    def _look_up(self, decoded: Decoded) -> tuple[dict[str, KnownNames], dict[Key, Applied]] | None:
        # Names are read each time, since a registration may change them; types only steer what a column of
        # nulls becomes, and this process wrote them itself.
        if len(self._types) > MOST_CACHED_ENDPOINTS:
            self._types.clear()
        endpoint_ids, batch = list(decoded.discovered), decoded.batch
        new = [endpoint_id for endpoint_id in endpoint_ids if endpoint_id not in self._types]
        with self._parts.records.read() as connection:
            if not is_open(connection, batch.position, batch.range):
                return None
            if new:
                self._types.update(known_types(connection, new))
            return known_names(connection, endpoint_ids), applied_numbers(connection, decoded.numbers)


class WriteSeries(storey.MapClass):  # type: ignore[misc]
    """Tabled → Tabled, once what the batch adds to each minute's traffic is written."""

    def __init__(self, parts: Parts, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._parts = parts

    async def do(self, tabled: Tabled) -> Tabled:
        points = traffic_points(tabled)
        if points:
            batch = tabled.decoded.batch.range
            await when_available(
                lambda: self._parts.series.write_traffic(batch, points), self._parts.settings, "the series"
            )
        return tabled


class Commit(storey.MapClass):  # type: ignore[misc]
    """Tabled → bool or None: everything that the batch adds to the records, in one transaction.

    False, with nothing written, when another owner has taken the partition over. None, with nothing written,
    when the batch has to go through the graph once more: some of it was applied with another partition.
    """

    def __init__(self, parts: Parts, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._parts = parts

    async def do(self, tabled: Tabled) -> bool | None:
        derived = derive(tabled)
        batch = tabled.decoded.batch

        def commit() -> bool | None:
            with self._parts.records.write() as connection:
                return commit_batch(connection, batch.position, batch.range, derived, self._parts.clock())

        return await when_available(commit, self._parts.settings, "the records")


@contextmanager
def _collector_paused() -> Iterator[None]:
    """A batch is many new objects at once, and walking them costs the collector more than making them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
