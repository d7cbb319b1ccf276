"""The ledger of the stream function: positions, open batches, and what one batch adds, in one transaction.

A position is one row per (stream id, partition). Whoever takes it over raises its epoch; every later
write names that epoch, so that an owner that was replaced while it slept changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.engine import Row

from modelmon.ledger import actuals, dead_letters, latencies, outbox, schema
from modelmon.ledger.actuals import DerivedActuals
from modelmon.ledger.endpoints import register_discovered
from modelmon.ledger.file_tables import file_row, range_row
from modelmon.ledger.latencies import LatencyBucket
from modelmon.ledger.lost_events import Span, note_lost
from modelmon.ledger.publishers import has_any, lock_numbers, note_numbers
from modelmon.ledger.stored_columns import KnownNames, SchemaChange, learn_names, record_schema
from modelmon.model import MINUTE_US, BatchRange, DeadLetter, Endpoint, SampleFile
from modelmon.sql.statements import insert_missing, upsert


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch that was begun and not committed. `tries` counts its starts, `opened_us` is the first one's
    wall clock."""

    first: int
    last: int
    tries: int
    opened_us: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition stands for its present owner. `applied` is -1 while nothing is."""

    stream_id: str
    partition: int
    epoch: int
    applied: int
    open: OpenBatch | None = None


@dataclass(frozen=True, slots=True)
class EndpointCounts:
    """What a batch adds to one endpoint's counts, in rows. Times are microseconds, None: none seen.

    `repeated` came before and is in no other count.
    """

    endpoint_id: str
    stored: int = 0
    errors: int = 0
    rejected: int = 0
    repeated: int = 0
    first_request_us: int | None = None
    last_request_us: int | None = None
    completed_us: int | None = None
    last_error: str | None = None
    last_error_us: int | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """Everything that one batch adds to the records and the ledger.

    `names`: endpoint to the names it gets where it has none. `numbers`: (publisher, endpoint) to the
    numbers seen, none of which was applied before. `dirty`: (endpoint, minute) to stored rows. `types`:
    (endpoint, column) to type. `latencies`: bit length to requests. `nop_us`: clock of the controller that
    came last, 0 when none came.
    """

    files: Sequence[SampleFile] = ()
    discovered: Collection[Endpoint] = ()
    names: Mapping[str, KnownNames] = field(default_factory=dict)
    counts: Sequence[EndpointCounts] = ()
    numbers: Mapping[tuple[str, str], Sequence[int]] = field(default_factory=dict)
    dead_letters: Sequence[DeadLetter] = ()
    dirty: Mapping[tuple[str, int], int] = field(default_factory=dict)
    changes: Collection[SchemaChange] = ()
    types: Mapping[tuple[str, str], str] = field(default_factory=dict)
    latencies: Mapping[int, LatencyBucket] = field(default_factory=dict)
    actuals: DerivedActuals = field(default_factory=DerivedActuals)
    nop_us: int = 0


def take_over(connection: Connection, stream_id: str, partition: int, stream: str) -> Position:
    """Become the owner of a partition: from now on the writes of any earlier owner are refused."""
    rows = schema.positions
    new = {
        "stream_id": stream_id, "partition": partition, "stream": stream,
        "epoch": 0, "applied": -1, "applied_us": 0, "nop_us": 0,
    }  # fmt: skip
    insert_missing(connection, rows, [new])
    connection.execute(update(rows).where(_at(stream_id, partition)).values(epoch=rows.c.epoch + 1))
    return read_position(connection, stream_id, partition)


def read_position(connection: Connection, stream_id: str, partition: int) -> Position:
    """Where a partition that was taken over once stands now."""
    rows = schema.positions
    return _position(connection.execute(select(rows).where(_at(stream_id, partition))).one())


def positions(connection: Connection) -> list[Position]:
    """Every partition of every stream that was ever taken over."""
    rows = schema.positions
    return [
        _position(row)
        for row in connection.execute(select(rows).order_by(rows.c.stream_id, rows.c.partition))
    ]


def open_batch(
    connection: Connection, position: Position, batch: OpenBatch, void: BatchRange | None = None
) -> bool:
    """Begin (or begin again) a batch; False when another owner has taken the partition over.

    `void` names a batch that was given up: series points that were written under its name never count.
    """
    rows = schema.positions
    changed = connection.execute(
        update(rows)
        .where(_at(position.stream_id, position.partition), rows.c.epoch == position.epoch)
        .values(open_first=batch.first, open_last=batch.last, open_tries=batch.tries, open_us=batch.opened_us)
    )
    if changed.rowcount != 1:
        return False
    if void is not None:
        insert_missing(connection, schema.void_ranges, [{**range_row(void), "noted_us": batch.opened_us}])
    return True


def commit_batch(
    connection: Connection,
    position: Position,
    batch: BatchRange,
    derived: Derived,
    now_us: int,
    limits: dead_letters.Limits = dead_letters.DEFAULT,
) -> bool | None:
    """Apply a batch and everything derived from it; False, and nothing is written, when another owner has
    taken the partition over. Committing the same batch again changes nothing and is True.

    None, and nothing is written, when some of its numbers were applied meanwhile, with another partition:
    then everything has to be derived anew. So it has after AppliedMeanwhileError, which rolls back.
    """
    if not is_open(connection, position, batch):
        return _is_applied(connection, position.epoch, batch)
    numbers = lock_numbers(connection, derived.numbers)
    if any(has_any(numbers[key], seen) for key, seen in derived.numbers.items()):
        return None
    if not _apply(connection, position.epoch, batch, derived.nop_us, now_us):
        return False
    _mark_dirty(connection, derived)  # first, as the controller does: else they would wait for each other
    upsert(connection, schema.files, [file_row(file, now_us) for file in derived.files])
    facts = register_discovered(connection, derived.discovered, now_us)
    learn_names(connection, derived.names, now_us)
    actuals.hold(connection, derived.actuals, [each.endpoint_id for each in derived.counts])
    missing = note_numbers(connection, derived.numbers, numbers, now_us)
    _count(connection, derived, missing, now_us)
    note_lost(connection, missing, map(_span, derived.counts), now_us)
    actuals.apply(connection, derived.actuals, now_us)
    latencies.add(connection, batch, derived.latencies)
    dead_letters.keep(connection, derived.dead_letters, limits)
    record_schema(connection, derived.changes, derived.types, now_us)
    outbox.write(connection, facts, now_us)
    return True


def _completed_minutes(derived: Derived) -> dict[tuple[str, int], int]:
    """A minute without rows for each batch job that is complete: the controller hears of it."""
    return {
        (each.endpoint_id, each.completed_us - each.completed_us % MINUTE_US): 0
        for each in derived.counts
        if each.completed_us is not None
    }


def void_ranges(connection: Connection) -> list[BatchRange]:
    """Batches that were given up after failing: series points under their names don't count."""
    rows = connection.execute(select(schema.void_ranges))
    return [BatchRange(row.stream_id, row.partition, row.first, row.last) for row in rows]


def is_open(connection: Connection, position: Position, batch: BatchRange) -> bool:
    """Whether this batch was begun by this owner, is not applied and nobody else has the partition."""
    rows = schema.positions
    is_mine = _is_mine(position.epoch, batch)
    return connection.scalar(select(rows.c.epoch).where(is_mine)) is not None


def _at(stream_id: str, partition: int) -> Any:
    rows = schema.positions
    return (rows.c.stream_id == stream_id) & (rows.c.partition == partition)


def _position(row: Row[Any]) -> Position:
    opened = None
    if row.open_first is not None:
        opened = OpenBatch(row.open_first, row.open_last, row.open_tries, row.open_us)
    return Position(row.stream_id, row.partition, row.epoch, row.applied, opened)


def _apply(connection: Connection, epoch: int, batch: BatchRange, nop_us: int, now_us: int) -> bool:
    rows = schema.positions
    is_mine = _is_mine(epoch, batch)
    changed = connection.execute(
        update(rows)
        .where(is_mine)
        .values(
            applied=batch.last,
            applied_us=now_us,
            nop_us=nop_us or rows.c.nop_us,
            open_first=None,
            open_last=None,
            open_tries=None,
            open_us=None,
        )
    )
    return changed.rowcount == 1


def _is_mine(epoch: int, batch: BatchRange) -> Any:
    rows = schema.positions
    return (
        _at(batch.stream_id, batch.partition)
        & (rows.c.epoch == epoch)
        & (rows.c.open_first == batch.first)
        & (rows.c.open_last == batch.last)
    )


def _is_applied(connection: Connection, epoch: int, batch: BatchRange) -> bool:
    # A commit whose answer was lost on the way is tried again.
    rows = schema.positions
    found = connection.execute(
        select(rows.c.epoch, rows.c.applied).where(_at(batch.stream_id, batch.partition))
    ).one_or_none()
    return found is not None and (found.epoch, found.applied) == (epoch, batch.last)


def _mark_dirty(connection: Connection, derived: Derived) -> None:
    minutes, came = _completed_minutes(derived) | dict(derived.dirty), derived.actuals.dirty
    rows = [
        {
            "endpoint_id": place[0], "minute_us": place[1], "version": 1,
            "rows": minutes.get(place, 0), "actuals": came.get(place, 0),
        }
        for place in dict.fromkeys((*minutes, *came))
    ]  # fmt: skip
    upsert(connection, schema.dirty, rows, add=("version", "rows", "actuals"))


def _count(connection: Connection, derived: Derived, missing: Mapping[str, int], now_us: int) -> None:
    upsert(
        connection,
        schema.traffic,
        [_traffic_row(counts, missing.get(counts.endpoint_id, 0), now_us) for counts in derived.counts],
        add=("received", "stored", "errors", "rejected", "late", "missing", "repeated"),
        smallest=("first_request_us",),
        largest=("last_request_us", "committed_us", "completed_us", "last_error_us"),
        said=("last_error",),
    )


def _span(counts: EndpointCounts) -> Span:
    """Of what was answered; of an endpoint whose requests all failed, of those."""
    failed_us = counts.last_error_us
    first_us = failed_us if counts.first_request_us is None else counts.first_request_us
    last_us = failed_us if counts.last_request_us is None else counts.last_request_us
    return Span(counts.endpoint_id, first_us, last_us)


def _traffic_row(counts: EndpointCounts, missing: int, now_us: int) -> dict[str, Any]:
    return {
        "endpoint_id": counts.endpoint_id,
        "received": counts.stored + counts.errors + counts.rejected,
        "stored": counts.stored,
        "errors": counts.errors,
        "rejected": counts.rejected,
        "late": 0,
        "missing": missing,
        "repeated": counts.repeated,
        "first_request_us": counts.first_request_us,
        "last_request_us": counts.last_request_us,
        "committed_us": now_us,
        "completed_us": counts.completed_us,
        "last_error": counts.last_error or "",
        "last_error_us": counts.last_error_us,
    }
