"""The exactly-once protocol: how one batch of one partition is applied, whatever dies in between.

`apply_batch` is the whole of it. `tests/unit/test_protocol_model.py` runs these very steps, in the order that
`functions/stream/main.py` wires them in, through thousands of interleavings of whatever can go wrong.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from modelmon.errors import RejectedError
from modelmon.ledger.actuals import AppliedMeanwhileError, Seen, see
from modelmon.ledger.batches import Position, commit_batch, is_open, open_batch
from modelmon.ledger.dead_letters import Limits
from modelmon.ledger.publishers import Applied, Key, applied_numbers
from modelmon.ledger.stored_columns import KnownNames, known_columns, known_names, known_types
from modelmon.model import BatchRange, SampleFile, wall_clock_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.stream.actuals import Sources, match, set_aside
from modelmon.stages.stream.arrow_tables import endpoint_columns
from modelmon.stages.stream.aside import Objections, set_events_aside
from modelmon.stages.stream.batch import Batch, Decoded, EndpointColumns, Tabled
from modelmon.stages.stream.decode import decode
from modelmon.stages.stream.derive import derive
from modelmon.stages.stream.files import write_tables
from modelmon.stages.stream.new_columns import ColumnLimit, events_with_too_many
from modelmon.stages.stream.partition import Cut
from modelmon.stages.stream.repeats import drop_repeats
from modelmon.stages.stream.sparse import most_empty_cells, sparse_events
from modelmon.stages.stream.traffic import traffic_points
from modelmon.stores.base import SampleStore
from modelmon.stores.row_index import IndexCache
from modelmon.stores.series.base import SeriesStore
from modelmon.waiting import when_available
from modelmon.wire.event_columns import EventColumns

MOST_CACHED_ENDPOINTS = 20_000
T = TypeVar("T")


class WhenAvailable(Protocol):
    """Gives the result of a blocking action, once what it needs is there: `when_available`."""

    def __call__(self, action: Callable[[], T], settings: Settings, what: str) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the steps work with. `types` remembers, per endpoint, the type that each column had last, `seen`
    the columns that it was seen with."""

    settings: Settings
    samples: SampleStore
    samples_path: str
    series: SeriesStore
    records: Database
    writers: Executor
    actuals: SampleStore
    clock: Callable[[], int] = wall_clock_us
    wait: WhenAvailable = when_available
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)
    indexes: IndexCache = field(default_factory=IndexCache)


async def apply_batch(
    parts: Parts,
    position: Position,
    cut: Cut,
    now_us: int,
    through: Callable[[Batch], Awaitable[bool | None]],
) -> bool:
    """Apply the messages of one cut; False, with nothing applied, when another owner has the partition.

    1. `begin`, a transaction: the ledger is told the batch's range and how often it was started. What follows
       is written under names and keys that this range alone decides, so writing it again writes the same.
    2. `read` and `tabulate`: messages become columns, or dead letters. Nothing is written.
    3. `write_actuals`: actuals find their predictions; a file for each endpoint and day of these, durable.
    4. `write_files`: one file for each endpoint and hour, durable. Readers don't see it: no ledger lists it.
    5. `write_series`: the traffic of each minute, keyed by the range; readers add up what was applied.
    6. `commit`, a transaction: the ledger lists the files, counts, registers, and moves its position past the
       batch, all or nothing. It checks in the same transaction that the partition is still ours.

    The caller acknowledges after that, and never before: what dies earlier is delivered again, and the
    ledger knows what it has. `through` takes a batch through steps 2 to 6. Where that gives None, some of the
    batch was applied with another partition meanwhile, and it goes through once more.
    """
    batch = await begin(parts, position, cut, now_us)
    if batch is None:
        return False
    try:
        while (is_applied := await through(batch)) is None:
            pass
    finally:
        gc.unfreeze()  # what `_collector_paused` has set apart
    return is_applied


async def begin(parts: Parts, position: Position, cut: Cut, now_us: int) -> Batch | None:
    """Open a batch in the ledger; None when another owner has the partition."""
    opened = cut.open if cut.open.opened_us else replace(cut.open, opened_us=now_us)

    def tell() -> bool:
        with parts.records.write() as connection:
            return open_batch(connection, position, opened, cut.void)

    if not await parts.wait(tell, parts.settings, "the records"):
        return None
    return Batch(
        range=BatchRange(position.stream_id, position.partition, opened.first, opened.last),
        position=position,
        now_us=opened.opened_us,
        messages=cut.messages,
        starts=opened.tries - 1 if cut.set_aside else 0,
    )


async def read(parts: Parts, batch: Batch) -> Decoded:
    """Every item accepted or set aside alone."""
    with _collector_paused():
        return decode(batch, parts.settings)


async def tabulate(parts: Parts, decoded: Decoded) -> Tabled:
    """Each endpoint's events as Arrow columns, cut by the hour."""
    names: Mapping[str, KnownNames] = {}
    seen: Mapping[str, Seen] = {}
    if decoded.discovered or decoded.numbers:
        known = await parts.wait(lambda: _look_up(parts, decoded), parts.settings, "the records")
        if known is None:  # another owner has the partition: what it applied must not look repeated
            return Tabled(Decoded(decoded.batch), ())
        names, applied, seen = known
        drop_repeats(decoded, applied)
        for endpoint_id in names:
            del decoded.discovered[endpoint_id]  # registered already
    with _collector_paused():
        set_events_aside(decoded, _objections(parts, decoded, names), parts.settings)
        columns = [
            _columns(parts, decoded, endpoint_id, names.get(endpoint_id)) for endpoint_id in decoded.served
        ]
    return Tabled(decoded, columns, seen=seen)


async def write_actuals(parts: Parts, tabled: Tabled) -> Tabled:
    """One durable file for each endpoint and day of the predictions that actuals have come for: those of the
    batch, and those that waited for predictions of the batch."""
    sources, batch = Sources(parts.records, parts.samples, parts.indexes), tabled.decoded.batch.range
    sizes: dict[str, int] = {}
    matched = await parts.wait(lambda: match(sources, tabled), parts.settings, "the records")
    set_aside(tabled.decoded, matched.refused, parts.settings)

    def write() -> list[SampleFile]:
        return write_tables(parts.actuals, parts.writers, batch, matched.tables, sizes)

    files = await parts.wait(write, parts.settings, "the actuals") if matched.tables else ()
    return replace(tabled, actuals=replace(matched.derived, files=files))


async def write_files(parts: Parts, tabled: Tabled) -> Tabled:
    """One durable file for each endpoint and hour, named by the batch's range."""
    tables = [table for columns in tabled.columns for table in columns.hours]
    batch, sizes = tabled.decoded.batch.range, dict[str, int]()

    def write() -> list[SampleFile]:
        return write_tables(parts.samples, parts.writers, batch, tables, sizes)

    return replace(tabled, files=await parts.wait(write, parts.settings, "the samples"))


async def write_series(parts: Parts, tabled: Tabled) -> Tabled:
    """What the batch adds to each minute's traffic, keyed by the batch's range."""
    batch, points = tabled.decoded.batch.range, traffic_points(tabled)
    if points:
        await parts.wait(lambda: parts.series.write_traffic(batch, points), parts.settings, "the series")
    return tabled


async def commit(parts: Parts, tabled: Tabled) -> bool | None:
    """Everything that the batch adds to the records and the ledger, in one transaction.

    False, with nothing written, when another owner has the partition. None, with nothing written, when the
    batch has to go through the steps once more: some of it was applied with another partition.
    """
    derived, batch = derive(tabled), tabled.decoded.batch
    limits = Limits.of(parts.settings)

    def apply() -> bool | None:
        try:
            with parts.records.write() as connection:
                return commit_batch(connection, batch.position, batch.range, derived, parts.clock(), limits)
        except AppliedMeanwhileError:
            return None

    return await parts.wait(apply, parts.settings, "the records")


def _objections(parts: Parts, decoded: Decoded, names: Mapping[str, KnownNames]) -> Objections:
    most_empty, most = most_empty_cells(len(decoded.served)), parts.settings.endpoint_max_columns

    def objections(endpoint_id: str, events: EventColumns) -> dict[int, RejectedError]:
        known = names.get(endpoint_id, KnownNames())
        found = sparse_events(events, known, most_empty)
        limit = ColumnLimit(known, parts.seen[endpoint_id], most)
        return found | events_with_too_many(events, limit, found)

    return objections


def _columns(parts: Parts, decoded: Decoded, endpoint_id: str, known: KnownNames | None) -> EndpointColumns:
    types, partition = parts.types[endpoint_id], decoded.batch.range.partition
    columns = endpoint_columns(endpoint_id, decoded.served[endpoint_id], partition, known, types)
    types.update(columns.types)
    parts.seen[endpoint_id].update(columns.types, columns.new)
    return columns


def _look_up(
    parts: Parts, decoded: Decoded
) -> tuple[dict[str, KnownNames], dict[Key, Applied], dict[str, Seen]] | None:
    # Names are read each time, since a registration may change them; types only steer what a column of
    # nulls becomes, and this process wrote them itself.
    if len(parts.types) > MOST_CACHED_ENDPOINTS:
        parts.types.clear()
        parts.seen.clear()
    endpoint_ids, batch = list(decoded.discovered), decoded.batch
    new = [endpoint_id for endpoint_id in endpoint_ids if endpoint_id not in parts.types]
    with parts.records.read() as connection:
        if not is_open(connection, batch.position, batch.range):
            return None
        if new:
            parts.types.update(known_types(connection, new))
            parts.seen.update(known_columns(connection, new))
        numbers = applied_numbers(connection, decoded.numbers)
        return known_names(connection, endpoint_ids), numbers, see(connection, endpoint_ids)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """A batch is many new objects at once, and walking them costs the collector more than making them.

    What was made is set apart until the batch is applied.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
