"""The ledger of the actuals: what a batch adds to them, in the transaction that applies the batch.

A prediction and its actual may come with two partitions at once. Each of the two transactions holds the
endpoint's counts and looks whether the other one was first; who finds that derives everything anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, select

from modelmon.ledger.actuals_schema import actual_counts, actual_files, row_index, waiting_actuals
from modelmon.ledger.file_tables import file_row
from modelmon.ledger.schema import files, traffic
from modelmon.model import SampleFile
from modelmon.sql.statements import chunks, insert_missing, upsert

ALL_AT_ONCE = 5_000
"""Of so many waiting actuals of an endpoint all hashes are read; of more those that are asked for."""
_COUNTS = ("received", "stored", "waiting", "expired")


class AppliedMeanwhileError(Exception):
    """Something that this transaction rests on has changed since it was looked up: it is rolled back."""


class WaitingKey(NamedTuple):
    """Where an actual that waits stood on the stream."""

    stream_id: str
    partition: int
    offset: int
    item: int
    place: int


@dataclass(frozen=True, slots=True)
class Seen:
    """How an endpoint stood when predictions and actuals were looked for: its stored rows, and the actuals it
    had got, of which `waiting` wait."""

    stored: int = 0
    received: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class ActualsCount:
    """What a batch adds to one endpoint's actuals, in rows. `settled`: they waited and are stored now."""

    received: int = 0
    stored: int = 0
    waiting: int = 0
    settled: int = 0


@dataclass(frozen=True, slots=True)
class DerivedActuals:
    """What a batch adds to the actuals.

    `dirty`: (endpoint, minute of the prediction) to rows. `waiting`: rows of `waiting_actuals`, `settled`
    those that have found their prediction. `seen` are the endpoints of the batch, `predicted` those of them
    that got predictions, and `found_in` the sample files that predictions were found in.
    """

    files: Sequence[SampleFile] = ()
    dirty: Mapping[tuple[str, int], int] = field(default_factory=dict)
    waiting: Sequence[Mapping[str, Any]] = ()
    settled: Collection[WaitingKey] = ()
    counts: Mapping[str, ActualsCount] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)
    predicted: Collection[str] = ()
    found_in: Collection[str] = ()


def see(connection: Connection, endpoint_ids: Collection[str]) -> dict[str, Seen]:
    """How these endpoints stand now."""
    found = dict.fromkeys(endpoint_ids, Seen())
    columns = (actual_counts.c.received, actual_counts.c.waiting)
    for chunk in chunks(endpoint_ids):
        query = (
            select(traffic.c.endpoint_id, traffic.c.stored, *(func.coalesce(each, 0) for each in columns))
            .outerjoin(actual_counts, actual_counts.c.endpoint_id == traffic.c.endpoint_id)
            .where(traffic.c.endpoint_id.in_(chunk))
        )
        found |= {endpoint_id: Seen(*counts) for endpoint_id, *counts in connection.execute(query)}
    return found


def hold(connection: Connection, derived: DerivedActuals, counted: Collection[str]) -> None:
    """Keep the counts of the endpoints of a batch with actuals from changing until the transaction ends.

    Those that the batch is counted for as well: taken in one order, two batches don't wait for each other.
    Raises AppliedMeanwhileError where predictions came that actuals of the batch, which are to wait, may be
    of, and where a file is gone that predictions were found in.
    """
    if not derived.counts:
        return
    stored = hold_traffic(connection, {*derived.counts, *counted})
    waiting = [each for each, count in derived.counts.items() if count.waiting]
    _check({each: derived.seen[each].stored for each in waiting}, {each: stored[each] for each in waiting})
    for paths in chunks(derived.found_in):
        still = select(func.count()).where(files.c.path.in_(paths))
        _check(len(paths), connection.scalar(still))  # one that is gone was merged, or its rows were erased


def hold_traffic(connection: Connection, endpoint_ids: Collection[str]) -> dict[str, int]:
    """The stored rows of these endpoints; nobody else counts of them until the transaction ends."""
    in_order = sorted(endpoint_ids)  # as they are counted
    insert_missing(connection, traffic, [_no_traffic(endpoint_id) for endpoint_id in in_order])
    stored: dict[str, int] = {}
    for chunk in chunks(in_order):
        query = select(traffic.c.endpoint_id, traffic.c.stored).where(traffic.c.endpoint_id.in_(chunk))
        rows = connection.execute(query.order_by(traffic.c.endpoint_id).with_for_update())
        stored |= {row.endpoint_id: row.stored for row in rows}
    return stored


def _check(seen: object, now: object) -> None:
    if seen != now:
        raise AppliedMeanwhileError


def apply(connection: Connection, derived: DerivedActuals, now_us: int) -> None:
    """Add what the batch adds; after the endpoints' traffic, which says whose turn it is.

    Raises AppliedMeanwhileError where actuals came that the batch's predictions may be of.
    """
    now, seen = see(connection, derived.predicted), derived.seen
    _check(*([how[each].received for each in derived.predicted] for how in (seen, now)))
    if not derived.counts:
        return
    _check(len(derived.settled), _settle(connection, derived.settled))  # one waited too long, or was erased
    insert_missing(connection, waiting_actuals, derived.waiting)
    upsert(connection, actual_files, [file_row(file, now_us) for file in derived.files])
    upsert(
        connection,
        actual_counts,
        [_count_row(endpoint_id, count, now_us) for endpoint_id, count in derived.counts.items()],
        add=_COUNTS,
        largest=("received_us",),
    )


def read_waiting(connection: Connection, endpoint_id: str, hashes: Collection[int]) -> list[Any]:
    """Actuals of an endpoint that wait for these hashes."""
    table = waiting_actuals
    mine = (table.c.endpoint_id == endpoint_id, table.c.key_hash.is_not(None))
    # Nearly always none of those that wait is of this batch.
    held = connection.scalars(select(table.c.key_hash).where(*mine).limit(ALL_AT_ONCE)).all()
    wanted = set(hashes) if len(held) == ALL_AT_ONCE else set(hashes).intersection(held)
    return [
        row
        for chunk in chunks(sorted(wanted))
        for row in connection.execute(select(table).where(*mine, table.c.key_hash.in_(chunk)))
    ]


def read_waiting_of_entities(
    connection: Connection, endpoint_id: str, start_us: int, end_us: int
) -> list[Any]:
    """Actuals of an endpoint that wait for predictions of an entity made in [start, end)."""
    table = waiting_actuals
    overlaps = (table.c.since_us < end_us, table.c.until_us > start_us)
    mine = (table.c.endpoint_id == endpoint_id, table.c.key_hash.is_(None))
    return list(connection.execute(select(table).where(*mine, *overlaps)))


def key_of(row: Any) -> WaitingKey:
    """Where a waiting actual stood on the stream."""
    return WaitingKey(row.stream_id, row.partition, row.offset, row.item, row.place)


def expire(connection: Connection, condition: ColumnElement[bool], limit: int) -> int:
    """Let go of the oldest actuals that wait under this condition; returns how many, 0 once none is left."""
    key = list(waiting_actuals.primary_key)
    oldest = (waiting_actuals.c[name] for name in ("arrived_us", "offset", "item", "place"))
    query = select(*key, waiting_actuals.c.endpoint_id).where(condition).order_by(*oldest).limit(limit)
    of_endpoint: defaultdict[str, list[WaitingKey]] = defaultdict(list)
    for row in connection.execute(query):
        of_endpoint[row.endpoint_id].append(key_of(row))
    rows = []
    for endpoint_id, keys in of_endpoint.items():
        gone = _settle(connection, keys)
        rows.append({**_count_row(endpoint_id, ActualsCount(waiting=-gone), 0), "expired": gone})
    upsert(connection, actual_counts, rows, add=_COUNTS, largest=("received_us",))
    return sum(map(len, of_endpoint.values()))


def expire_surplus(connection: Connection, most: int, limit: int) -> tuple[str, int]:
    """Let go of the oldest that wait for one endpoint beyond so many; of which, and how many: ("", 0) once no
    endpoint has more."""
    counts = actual_counts.c
    query = select(counts.endpoint_id, counts.waiting).where(counts.waiting > most)
    row = connection.execute(query.order_by(counts.endpoint_id).limit(1)).one_or_none()
    if row is None:
        return "", 0
    theirs = waiting_actuals.c.endpoint_id == row.endpoint_id
    return row.endpoint_id, expire(connection, theirs, min(limit, row.waiting - most))


def forget_index(connection: Connection, paths: Iterable[str]) -> None:
    """These sample files are listed no more."""
    for chunk in chunks(paths):
        connection.execute(delete(row_index).where(row_index.c.path.in_(chunk)))


def _settle(connection: Connection, keys: Collection[WaitingKey]) -> int:
    """Delete these; returns how many were there."""
    places: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for *item, place in keys:
        places[tuple(item)].append(place)
    columns = list(waiting_actuals.primary_key)[:-1]
    deleted = 0
    for where, inside in sorted(places.items()):
        one = [column == value for column, value in zip(columns, where, strict=True)]
        for chunk in chunks(inside):
            statement = delete(waiting_actuals).where(*one, waiting_actuals.c.place.in_(chunk))
            deleted += connection.execute(statement).rowcount
    return deleted


def _count_row(endpoint_id: str, count: ActualsCount, now_us: int) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint_id,
        "received": count.received,
        "stored": count.stored + count.settled,
        "waiting": count.waiting - count.settled,
        "expired": 0,
        "received_us": now_us,
    }


def _no_traffic(endpoint_id: str) -> dict[str, Any]:
    zeros = dict.fromkeys(("received", "stored", "errors", "rejected", "late", "missing", "repeated"), 0)
    return {"endpoint_id": endpoint_id, **zeros, "committed_us": 0, "last_error": ""}
