"""Actuals of one endpoint, a list a column: as they came in a batch, as they wait, and as they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from itertools import chain, pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from modelmon.column_names import ACTUAL_PREFIX, TIMESTAMP
from modelmon.ledger.actuals import WaitingKey
from modelmon.model import MINUTE_US, BatchRange
from modelmon.stages.stream.arrow_arrays import column
from modelmon.stages.stream.batch import HourTable
from modelmon.stores.actuals_joining import ROW_TYPES
from modelmon.stores.reaching import LONGEST_US
from modelmon.stores.row_hashes import Int64s
from modelmon.stores.samples_types import unified
from modelmon.wire import Actuals


@dataclass(slots=True)
class ActualRows:
    """Rows of one endpoint; all lists have one length. `since_us` is None of rows that a request id names.

    `keys` say where each stood on the stream. A name that a row has no value of is None there.
    """

    request_ids: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    entity_values: list[str] = field(default_factory=list)
    since_us: list[int | None] = field(default_factory=list)
    until_us: list[int | None] = field(default_factory=list)
    keys: list[WaitingKey] = field(default_factory=list)
    arrived_us: list[int] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, event: Actuals, offset: int, item: int, batch: BatchRange, now_us: int) -> None:
        """The rows of one event of a batch."""
        count = len(event)
        none = [None] * count
        self.request_ids += event.request_ids or [""] * count
        self.rows += event.rows or [0] * count
        self.entities += [event.entity] * count
        self.entity_values += event.entity_values or [""] * count
        self.since_us += event.since_us or none
        self.until_us += event.until_us or none
        place = (batch.stream_id, batch.partition, offset, item)
        self.keys += [WaitingKey(*place, number) for number in range(count)]
        self.arrived_us += [now_us] * count
        self._add_values(event.columns, count)

    def add_waiting(self, found: Iterable[Any]) -> None:
        """Rows of `waiting_actuals`."""
        for row in found:
            self.request_ids.append(row.request_id)
            self.rows.append(row.row)
            self.entities.append(row.entity)
            self.entity_values.append(row.entity_value)
            self.since_us.append(row.since_us)
            self.until_us.append(row.until_us)
            self.keys.append(WaitingKey(row.stream_id, row.partition, row.offset, row.item, row.place))
            self.arrived_us.append(row.arrived_us)
            self._add_values({name: [value] for name, value in msgspec.json.decode(row.actuals).items()}, 1)

    def _add_values(self, columns: dict[str, list[Any]], count: int) -> None:
        before = len(self.keys) - count
        for name in dict.fromkeys((*self.values, *columns)):
            held = self.values.setdefault(name, [None] * before)
            held += columns.get(name) or [None] * count

    def take(self, places: Sequence[int]) -> ActualRows:
        """The rows at these places."""
        taken = ActualRows()
        for each in fields(self):
            held = getattr(self, each.name)
            if isinstance(held, list):
                setattr(taken, each.name, [held[place] for place in places])
        taken.values = {name: [held[place] for place in places] for name, held in self.values.items()}
        return taken

    def waiting(self, endpoint_id: str, places: Iterable[int], hashes: Sequence[int]) -> list[dict[str, Any]]:
        """Rows of `waiting_actuals` for those at these places; `hashes` is by place."""
        return [
            {
                **self.keys[place]._asdict(),
                "endpoint_id": endpoint_id,
                "key_hash": hashes[place] if self.since_us[place] is None else None,
                "request_id": self.request_ids[place],
                "row": self.rows[place],
                "entity": self.entities[place],
                "entity_value": self.entity_values[place],
                "since_us": self.since_us[place],
                "until_us": self.until_us[place],
                "actuals": msgspec.json.encode(self._told(place)).decode(),
                "arrived_us": self.arrived_us[place],
            }
            for place in places
        ]

    def _told(self, place: int) -> dict[str, Any]:
        return {name: held[place] for name, held in self.values.items() if held[place] is not None}


@dataclass(frozen=True, slots=True)
class Placed:
    """Which rows are of predictions made when: two arrays of one length. `of`: the predictions' partition,
    offset, item and row, where the rows are named by an entity."""

    places: Int64s
    when_us: Int64s
    of: tuple[Int64s, Int64s, Int64s, Int64s] | None = None


def day_tables(
    endpoint_id: str, streams: dict[str, str], found: Iterable[tuple[ActualRows, Placed]]
) -> list[HourTable]:
    """The actuals that have a prediction, a table a day of predictions. `streams`: id to its short name."""
    tables = [_table(rows, placed, streams) for rows, placed in found if len(placed.places)]
    if not tables:
        return []
    table = unified(tables)
    days = table.column(TIMESTAMP).cast(pa.int64()).to_numpy() // LONGEST_US["day"]
    order = np.argsort(days, kind="stable")
    table, days = table.take(pa.array(order)), days[order]
    cuts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
    return [_day(endpoint_id, table.slice(start, end - start)) for start, end in pairwise(cuts)]


def _day(endpoint_id: str, table: pa.Table) -> HourTable:
    when_us = table.column(TIMESTAMP).cast(pa.int64()).to_numpy()
    first_us, last_us = int(when_us.min()), int(when_us.max())
    start_us = first_us - first_us % LONGEST_US["day"]
    return HourTable(endpoint_id, start_us, first_us, last_us, table, "day", _digest(table))


def _digest(table: pa.Table) -> str:
    """Of what is in it. Which predictions are found is no matter of the messages alone: who was replaced
    while it slept must not write over what another one has found since."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return sha256(memoryview(sink.getvalue())).hexdigest()[:16]


def _table(rows: ActualRows, placed: Placed, streams: dict[str, str]) -> pa.Table:
    picked = placed.places.tolist()
    keys = [rows.keys[place] for place in picked]
    named: dict[str, Any] = {
        "request_id": [rows.request_ids[place] for place in picked],
        "event_row": [rows.rows[place] for place in picked],
        **dict.fromkeys(("of_partition", "of_offset", "of_item"), [None] * len(picked)),
    }
    if placed.of is not None:
        of = dict(zip(("of_partition", "of_offset", "of_item", "event_row"), placed.of, strict=True))
        named |= {"request_id": [None] * len(picked), **of}
    data = {
        TIMESTAMP: placed.when_us // MINUTE_US * MINUTE_US,
        **named,
        "arrived": [rows.arrived_us[place] for place in picked],
        "stream": [streams[key.stream_id] for key in keys],
        "stream_partition": [key.partition for key in keys],
        "stream_offset": [key.offset for key in keys],
        "event_item": [key.item for key in keys],
    }
    typed = {name: pa.array(data[name]).cast(kind) for name, kind in ROW_TYPES.items()}
    told = {
        ACTUAL_PREFIX + name: column([held[place] for place in picked])[0]
        for name, held in rows.values.items()
    }
    return pa.table({**typed, **told})


def stream_ids(found: Iterable[ActualRows]) -> set[str]:
    """The streams that these rows came by."""
    return {key.stream_id for key in chain.from_iterable(rows.keys for rows in found)}
