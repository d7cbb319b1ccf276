"""Actuals of a batch find their predictions, and predictions of a batch the actuals that wait for them.

What is found becomes rows of a file of actuals, at the minute of the prediction; what is not waits in the
ledger. All of it is the batch's: written under its name, and listed in the transaction that applies it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from modelmon.column_names import TIMESTAMP
from modelmon.errors import RejectedError, no_such
from modelmon.ledger.actuals import (
    ActualsCount,
    DerivedActuals,
    Seen,
    read_waiting,
    read_waiting_of_entities,
    see,
)
from modelmon.ledger.stored_columns import KnownNames, known_names
from modelmon.model import UNKNOWN_ENDPOINT
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.stream.actual_rows import ActualRows, Placed, day_tables, stream_ids
from modelmon.stages.stream.aside import Aside, Refused
from modelmon.stages.stream.batch import Decoded, EndpointColumns, HourTable, SentActuals, Tabled
from modelmon.stages.stream.entities import find_by_entity, in_table
from modelmon.stages.stream.files import stream_name
from modelmon.stores.base import SampleStore
from modelmon.stores.row_hashes import Int64s, UInt64s, row_hashes
from modelmon.stores.row_index import MOST_ROWS, FileEntries, IndexCache, entries_of, find_in, find_rows
from modelmon.stores.samples_types import time_span, unified
from modelmon.wire import Actuals
from modelmon.wire.naming import as_registered


class Sources(NamedTuple):
    """Where predictions are looked for."""

    database: Database
    samples: SampleStore
    cache: IndexCache


RefusedItems = dict[int, dict[int, Refused]]
"""Events that can't be kept, by offset and item."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What is to be written of a batch's actuals, what the ledger is told of it but for the files, and the
    events that can't be kept."""

    tables: Sequence[HourTable] = ()
    derived: DerivedActuals = field(default_factory=DerivedActuals)
    refused: RefusedItems = field(default_factory=dict)


def match(sources: Sources, tabled: Tabled) -> Matched:
    """Find predictions and actuals of a batch. Nothing is changed: it may be asked again."""
    columns, seen = {each.endpoint_id: each for each in tabled.columns}, dict(tabled.seen)
    refused: RefusedItems = {}
    sent = _admitted(sources.database, tabled.decoded, columns, refused)
    asked = {*sent, *(each for each, how in seen.items() if how.waiting and each in columns)}
    if unseen := [each for each in sent if each not in seen]:
        with sources.database.read() as connection:
            seen |= see(connection, unseen)
    derived = DerivedActuals(seen=seen, predicted=list(columns))
    if not asked:
        return Matched(derived=derived, refused=refused)
    found = [
        _of_endpoint(
            sources,
            each,
            _unambiguous(sources, each, sent.get(each), refused),
            columns.get(each),
            seen[each],
        )
        for each in sorted(asked)
    ]
    return Matched([table for each in found for table in each.tables], _summed(derived, found), refused)


def set_aside(decoded: Decoded, refused: RefusedItems, settings: Settings) -> None:
    """Set events aside that can't be kept."""
    aside = Aside(decoded, settings)
    for message in decoded.batch.messages if refused else ():
        if message.offset in refused:
            aside.add_refused(message, refused[message.offset])


def _summed(derived: DerivedActuals, found: Sequence[Matched]) -> DerivedActuals:
    parts = [each.derived for each in found]
    return replace(
        derived,
        dirty={place: rows for each in parts for place, rows in each.dirty.items()},
        waiting=[row for each in parts for row in each.waiting],
        settled=[key for each in parts for key in each.settled],
        counts={endpoint_id: count for each in parts for endpoint_id, count in each.counts.items()},
        found_in=sorted({path for each in parts for path in each.found_in}),
    )


# --- which events can be kept ---------------------------------------------------------------------------


def _admitted(
    database: Database, decoded: Decoded, columns: Mapping[str, EndpointColumns], refused: RefusedItems
) -> dict[str, ActualRows]:
    """The rows of each endpoint's events; those of an endpoint or with a name that nobody knows are
    `refused`."""
    rows: dict[str, ActualRows] = {}
    if not decoded.actuals:
        return rows
    with database.read() as connection:
        known = known_names(connection, {each.event.endpoint_id for each in decoded.actuals})
    batch = decoded.batch
    for sent in decoded.actuals:
        endpoint_id = sent.event.endpoint_id
        try:
            event = _named(sent, known.get(endpoint_id), columns.get(endpoint_id))
        except RejectedError as error:
            whose = endpoint_id if endpoint_id in known else UNKNOWN_ENDPOINT
            aside = Refused(whose, error, len(sent.event), ())
            refused.setdefault(sent.offset, {})[sent.item] = aside
        else:
            mine = rows.setdefault(endpoint_id, ActualRows())
            mine.add(event, sent.offset, sent.item, batch.range, batch.now_us)
    return rows


def _named(sent: SentActuals, known: KnownNames | None, columns: EndpointColumns | None) -> Actuals:
    """The event with its columns called as the endpoint's predictions are."""
    event = sent.event
    if known is None and columns is None:
        raise RejectedError(
            f"no endpoint has the id {event.endpoint_id!r}: none was registered, and none has had a request",
            "endpoint_id",
        )
    learned = columns.names if columns is not None else None
    predictions = (known.predictions if known else ()) or (learned.predictions if learned else ())
    if not predictions:
        return event
    names = as_registered(predictions, list(event.columns))
    for own, name in zip(event.columns, names, strict=True):
        if name not in predictions:
            raise RejectedError(
                str(no_such(f"the endpoint has no prediction {own!r}", own, predictions)), "actuals.columns"
            )
    return msgspec.structs.replace(event, columns=dict(zip(names, event.columns.values(), strict=True)))


# --- one endpoint ---------------------------------------------------------------------------------------


class _Stored(NamedTuple):
    """Stored predictions and the files that they are in; `ambiguous` rows name too many."""

    placed: Sequence[Placed]
    paths: Sequence[str]
    ambiguous: Sequence[int]


class _Sent(NamedTuple):
    """What came in the batch, and the stored predictions that it names."""

    rows: ActualRows
    found: _Stored


@dataclass(frozen=True, slots=True)
class _Here:
    """The predictions of the batch itself: their rows under stored names, and the index of them."""

    table: pa.Table
    entries: FileEntries

    @classmethod
    def of(cls, columns: EndpointColumns) -> _Here:
        table = unified([hour.table for hour in columns.hours])
        when_us = table.column(TIMESTAMP).cast(pa.int64()).to_numpy()
        rows = table.column("event_row").to_numpy().astype(np.int64)
        return cls(table, entries_of(table.column("request_id"), rows, when_us))


def _unambiguous(sources: Sources, endpoint_id: str, sent: ActualRows | None, refused: RefusedItems) -> _Sent:
    """The rows of an endpoint's events, and what is stored of their predictions; an event that names a
    request whose id stands for very many is `refused`."""
    rows = sent or ActualRows()
    found = _stored(sources, endpoint_id, rows)
    if not found.ambiguous:
        return _Sent(rows, found)
    events = {rows.keys[place][2:4]: rows.request_ids[place] for place in found.ambiguous}
    counts = Counter(key[2:4] for key in rows.keys)
    for (offset, item), request_id in events.items():
        told = f"more than {MOST_ROWS:,} predictions have the id {request_id!r}: it names none of them"
        error = RejectedError(told, "actuals.request_ids")
        of_message = refused.setdefault(offset, {})
        of_message[item] = Refused(endpoint_id, error, counts[offset, item], ())
    left = rows.take([place for place, key in enumerate(rows.keys) if key[2:4] not in events])
    return _Sent(left, _stored(sources, endpoint_id, left))


def _of_endpoint(
    sources: Sources, endpoint_id: str, came: _Sent, columns: EndpointColumns | None, seen: Seen
) -> Matched:
    sent = came.rows
    here = None if columns is None else _Here.of(columns)
    waited = ActualRows()
    if here is not None and seen.waiting:
        waited.add_waiting(_waiting_for(sources.database, endpoint_id, here))
    found = [*came.found.placed, *_found_here(here, sent)]
    late = _found_here(here, waited)
    unmatched = np.setdiff1d(np.arange(len(sent)), _places(found)).tolist()
    settled = _places(late).tolist()
    count = ActualsCount(len(sent), len(sent) - len(unmatched), len(unmatched), len(settled))
    streams = {each: stream_name(each) for each in stream_ids((sent, waited))}
    tables = day_tables(
        endpoint_id, streams, [*((sent, each) for each in found), *((waited, each) for each in late)]
    )
    return Matched(
        tables,
        DerivedActuals(
            dirty=_minutes(endpoint_id, tables),
            waiting=sent.waiting(endpoint_id, unmatched, _hashes(sent).view(np.int64).tolist()),
            settled=[waited.keys[place] for place in settled],
            counts={endpoint_id: count} if count != ActualsCount() else {},
            found_in=came.found.paths,
        ),
    )


def _waiting_for(database: Database, endpoint_id: str, here: _Here) -> list[Any]:
    """Actuals that may wait for predictions of the batch."""
    first_us, last_us = time_span(here.table)
    with database.read() as connection:
        return [
            *read_waiting(connection, endpoint_id, here.entries.hashes.view(np.int64).tolist()),
            *read_waiting_of_entities(connection, endpoint_id, first_us, last_us + 1),
        ]


def _stored(sources: Sources, endpoint_id: str, rows: ActualRows) -> _Stored:
    """The stored predictions that these rows name."""
    by_id, by_entity = _ways(rows)
    found: list[Placed] = []
    paths: set[str] = set()
    ambiguous: list[int] = []
    if len(by_id):
        hits = find_rows(sources.database, sources.samples, endpoint_id, _hashes(rows)[by_id], sources.cache)
        found.append(Placed(by_id[hits.asked], hits.minutes_us))
        paths |= set(hits.paths)
        ambiguous = by_id[list(hits.ambiguous)].tolist()
    if len(by_entity):
        of_entities, files = find_by_entity(
            sources.database, sources.samples, endpoint_id, rows, by_entity.tolist()
        )
        found += of_entities
        paths |= files
    return _Stored(found, sorted(paths), ambiguous)


def _found_here(here: _Here | None, rows: ActualRows) -> list[Placed]:
    """The predictions of the batch that these rows name."""
    if here is None or not len(rows):
        return []
    by_id, by_entity = _ways(rows)
    hits = find_in(here.entries, _hashes(rows)[by_id])
    found = [Placed(by_id[hits.asked], hits.minutes_us)]
    return [*found, in_table(here.table, rows, by_entity.tolist())] if len(by_entity) else found


def _ways(rows: ActualRows) -> tuple[Int64s, Int64s]:
    """The rows that are named by request id, and those that are named by an entity."""
    is_by_id = np.array([since_us is None for since_us in rows.since_us], bool)
    return np.flatnonzero(is_by_id), np.flatnonzero(~is_by_id)


def _hashes(rows: ActualRows) -> UInt64s:
    return row_hashes(pa.array(rows.request_ids, pa.string()), np.array(rows.rows, np.int64))


def _places(found: Sequence[Placed]) -> Int64s:
    places: Int64s = np.unique(np.concatenate([np.zeros(0, np.int64), *(each.places for each in found)]))
    return places


def _minutes(endpoint_id: str, tables: Sequence[HourTable]) -> dict[tuple[str, int], int]:
    """Minutes of predictions to the actuals that came for them."""
    found: dict[tuple[str, int], int] = {}
    for each in tables:
        minutes_us, rows = np.unique(
            each.table.column(TIMESTAMP).cast(pa.int64()).to_numpy(), return_counts=True
        )
        for minute_us, count in zip(minutes_us.tolist(), rows.tolist(), strict=True):
            found[endpoint_id, minute_us] = found.get((endpoint_id, minute_us), 0) + count
    return found
