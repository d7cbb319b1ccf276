"""Actuals beside their predictions: which of several counts, and which rows of a sample they belong to.

The newest counts, by the order of the stream: within a partition that of its messages, between partitions
that of their arrival. A row says which prediction it is of by request id and row, or by the prediction's own
place in the stream where it was named by an entity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelmon.column_names import ACTUAL_PREFIX, ROW_ORDER, TIMESTAMP
from modelmon.model import MINUTE_US
from modelmon.stores.row_hashes import Int64s, pairs
from modelmon.stores.samples_types import TIMESTAMP_TYPE

NAMED = {"request_id": pa.string(), "event_row": pa.int32()}
PLACED = {"of_partition": pa.int32(), "of_offset": pa.int64(), "of_item": pa.int32()}
CAME = {
    "arrived": TIMESTAMP_TYPE, "stream": pa.string(), "stream_partition": pa.int32(),
    "stream_offset": pa.int64(), "event_item": pa.int32(),
}  # fmt: skip
ROW_TYPES: dict[str, pa.DataType] = {TIMESTAMP: TIMESTAMP_TYPE, **NAMED, **PLACED, **CAME}
"""The columns of a file of actuals; beside them `actual.<name>` for each prediction. `timestamp` is the
minute of the prediction; `of_…` is its place, null where it is named by request id."""
NO_ROWS = pa.schema(ROW_TYPES).empty_table()
_BY_ID = ("request_id", "event_row")
_BY_PLACE = ROW_ORDER[1:]
_NAMING = (*_BY_ID, *_BY_PLACE)
MOST_AT_ONCE, MINUTES_A_DAY = 500_000, 1_440


def actual_columns(table: pa.Table) -> list[str]:
    """The columns that hold actuals."""
    return [name for name in table.column_names if name.startswith(ACTUAL_PREFIX)]


def with_actuals(sample: pa.Table, rows: pa.Table, predictions: Sequence[str]) -> pa.Table:
    """The sample with a column `actual.<name>` for each prediction, null where nothing has come."""
    whose, which = belonging(sample, rows)
    order = np.argsort(_ranks(rows)[which], kind="stable")
    whose, which = whose[order], which[order]
    names = [ACTUAL_PREFIX + name for name in predictions]
    for name in dict.fromkeys((*names, *actual_columns(rows))):
        taken = _newest(rows.column(name), whose, which, len(sample)) if name in rows.column_names else None
        column = pa.nulls(len(sample)) if taken is None else taken
        sample = sample.append_column(_free(name, sample.column_names), column)
    return sample


def _newest(column: pa.ChunkedArray, whose: Int64s, which: Int64s, length: int) -> pa.ChunkedArray:
    known = column.is_valid().to_numpy(zero_copy_only=False)[which]
    chosen = np.full(length, -1, np.int64)
    chosen[whose[known]] = which[known]  # of several the last one stays
    return column.take(pa.array(chosen, mask=chosen < 0))


def without_superseded(rows: pa.Table) -> pa.Table:
    """The rows that still say something: of each prediction and column the newest."""
    keys = _keys(rows)
    order = np.argsort(_ranks(rows), kind="stable")
    kept = np.zeros(len(rows), bool)
    for name in actual_columns(rows):
        known = order[rows.column(name).is_valid().to_numpy(zero_copy_only=False)[order]]
        last = np.full(int(keys.max(initial=0)) + 1, -1, np.int64)
        last[keys[known]] = known
        kept[last[last >= 0]] = True
    return rows if kept.all() else rows.filter(pa.array(kept))


def _free(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name = ACTUAL_PREFIX + name
    return name


def belonging(sample: pa.Table, rows: pa.Table) -> tuple[Int64s, Int64s]:
    """Every (row of the sample, row of actuals) that go together: the minute is the same, too. A request id
    that was used again later has not come true, whichever span is read.

    Of very many rows each day is matched by itself: what is looked for stays in the processor's cache.
    """
    minutes, theirs = _minutes(sample), _minutes(rows)
    whole = (np.arange(len(sample)), np.arange(len(rows)))
    parts = _by_day(minutes, theirs) if len(sample) > MOST_AT_ONCE else [whole]
    nothing = whole[0][:0]
    found = [(nothing, nothing), *(_of_part(sample, rows, *part) for part in parts)]
    whose, which = (np.concatenate(each) for each in zip(*found, strict=True))
    same = minutes[whose] == theirs[which]
    return whose[same], which[same]


def _by_day(minutes: Int64s, theirs: Int64s) -> list[tuple[Int64s, Int64s]]:
    """The places of each day that both have."""
    own, other = minutes // MINUTES_A_DAY, theirs // MINUTES_A_DAY
    days = np.intersect1d(own, other).tolist()
    return [(np.flatnonzero(own == day), np.flatnonzero(other == day)) for day in days]


def _of_part(sample: pa.Table, rows: pa.Table, mine: Int64s, theirs: Int64s) -> tuple[Int64s, Int64s]:
    some, came = _part(sample, _NAMING, mine), _part(rows, (*NAMED, *PLACED), theirs)
    by_id = came.column("request_id").is_valid().to_numpy(zero_copy_only=False)
    found = [
        _matched(some, came, np.flatnonzero(by_id), _BY_ID, _BY_ID),
        _matched(some, came, np.flatnonzero(~by_id), _BY_PLACE, (*PLACED, "event_row")),
    ]
    whose, which = (np.concatenate(each) for each in zip(*found, strict=True))
    return mine[whose], theirs[which]


def _part(table: pa.Table, names: Sequence[str], places: Int64s) -> pa.Table:
    """These rows of the columns that the table has; without a copy where they lie together."""
    held = table.select([name for name in dict.fromkeys(names) if name in table.column_names])
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return held.slice(int(places[0]), len(places))
    return held.take(pa.array(places))


def _minutes(table: pa.Table) -> Int64s:
    minutes: Int64s = table.column(TIMESTAMP).cast(pa.int64()).to_numpy() // MINUTE_US
    return minutes


def _matched(
    sample: pa.Table, rows: pa.Table, places: Int64s, own: Sequence[str], of: Sequence[str]
) -> tuple[Int64s, Int64s]:
    if not len(places) or not len(sample):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    both = [
        (sample.column(mine), rows.column(theirs).take(pa.array(places)))
        for mine, theirs in zip(own, of, strict=True)
    ]
    codes = _codes([_together(*each) for each in both])
    mine, theirs = codes[: len(sample)], codes[len(sample) :]
    order = np.argsort(mine, kind="stable")
    which, whose = pairs(mine[order], theirs)
    return order[whose], places[which]


def _together(first: pa.ChunkedArray, second: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([*first.chunks, *second.cast(first.type).chunks], first.type)


def _keys(rows: pa.Table) -> Int64s:
    """The same number for rows of the same prediction."""
    return _codes([rows.column(name) for name in (TIMESTAMP, *NAMED, *PLACED)])


def _codes(columns: Sequence[pa.ChunkedArray]) -> Int64s:
    """The same number where all these columns have the same values; null is a value."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        own = _indices(encoded).astype(np.int64)
        _, codes = np.unique(codes * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    return codes.astype(np.int64)


def _indices(encoded: Any) -> Int64s:
    indices: Int64s = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return indices


def _ranks(rows: pa.Table) -> Int64s:
    """The place of each row in the order in which they came."""
    stream = _indices(rows.column("stream").combine_chunks().dictionary_encode())
    arrived, partition, offset, item = (
        rows.column(name).cast(pa.int64()).to_numpy()
        for name in ("arrived", "stream_partition", "stream_offset", "event_item")
    )
    order = np.lexsort((item, offset, partition, stream))
    came = arrived[order].copy()
    cuts = np.flatnonzero(np.diff(stream[order]) | np.diff(partition[order])) + 1
    for part in np.split(np.arange(len(order)), cuts):  # a clock that went back moves no message
        came[part] = np.maximum.accumulate(came[part])
    ranks = np.empty(len(order), np.int64)
    ranks[order[np.argsort(came, kind="stable")]] = np.arange(len(order))
    return ranks
