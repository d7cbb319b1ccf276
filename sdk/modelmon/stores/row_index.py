"""Where predictions are found by request id and row: an index of each sample file, made when it is needed.

A file never changes, so its index is made once, by whoever asks first, and kept in the ledger until the file
goes. An endpoint without actuals has none. An entry is the hash of a row and the minute it lies in, 10 bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection, select

from modelmon.column_names import TIMESTAMP
from modelmon.errors import ConfigError
from modelmon.ledger.actuals_schema import row_index
from modelmon.ledger.schema import files
from modelmon.model import MINUTE_US
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks, insert_missing
from modelmon.stores.base import SampleStore
from modelmon.stores.row_hashes import Int64s, UInt64s, pairs, row_hashes
from modelmon.stores.samples_reading import gone, read_columns

ENTRY = np.dtype([("hash", "<u8"), ("minute", "<u2")])
PART_ENTRIES = 2**16
"""An index is kept in pieces of so many entries, which every database takes."""
MADE_AT_ONCE = 64  # files whose rows are read together
READ_AT_ONCE = 16
MOST_ROWS = 1_000
"""An id that more rows have stands for none of them."""
CACHED_BYTES = 192 * 2**20
NAMED_BY = (TIMESTAMP, "request_id", "event_row")
Int32s = npt.NDArray[np.int32]


class FileEntries(NamedTuple):
    """The index of one file: sorted hashes, and the minute of each, counted from the epoch."""

    hashes: UInt64s
    minutes: Int32s


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Which of the asked are found in which minutes: two arrays of one length. `paths`: of the files that had
    some. `ambiguous`: asked that so many rows have that they name none; they are not found."""

    asked: Int64s
    minutes_us: Int64s
    paths: Collection[str] = ()
    ambiguous: Collection[int] = ()


class IndexCache:
    """The indexes that were used last, as long as there is room for them. Not for several threads."""

    def __init__(self, most_bytes: int = CACHED_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._held: OrderedDict[str, FileEntries] = OrderedDict()

    def get(self, path: str) -> FileEntries | None:
        if path in self._held:
            self._held.move_to_end(path)
        return self._held.get(path)

    def put(self, path: str, entries: FileEntries) -> None:
        self._bytes += _size(entries) - (_size(self._held[path]) if path in self._held else 0)
        self._held[path] = entries
        while self._bytes > self._most_bytes:
            self._bytes -= _size(self._held.popitem(last=False)[1])


def _size(entries: FileEntries) -> int:
    return entries.hashes.nbytes + entries.minutes.nbytes


def find_rows(
    database: Database, samples: SampleStore, endpoint_id: str, hashes: UInt64s, cache: IndexCache
) -> FoundRows:
    """The minutes of an endpoint's rows that have these hashes, in every file that is listed.

    Raises ConfigError for a file that is corrupt, or listed and gone, UnavailableError.
    """
    before: Mapping[str, int] | None = None
    while True:
        with database.read() as connection:
            listed = _listed(connection, endpoint_id)
            indexed = _indexed(connection, endpoint_id)
        try:
            _make(database, samples, endpoint_id, [path for path in listed if path not in indexed])
            return _found(database, listed, hashes, cache)
        except (FileNotFoundError, LookupError) as error:  # merged meanwhile: then the list has changed too
            if listed == before and isinstance(error, FileNotFoundError):
                raise ConfigError(gone(error, endpoint_id)) from error
            if listed == before:
                raise
            before = listed


def entries_of(request_ids: pa.Array, rows: Int64s, when_us: Int64s) -> FileEntries:
    """The index of these rows, whether they are in a file or not."""
    hashes = row_hashes(request_ids, rows)
    order = np.argsort(hashes, kind="stable")
    return FileEntries(hashes[order], (when_us[order] // MINUTE_US).astype(np.int32))


def _listed(connection: Connection, endpoint_id: str) -> dict[str, int]:
    """Each file's path, and where its minutes are counted from."""
    query = select(files.c.path, files.c.hour_us).where(files.c.endpoint_id == endpoint_id)
    return {path: start_us for path, start_us in connection.execute(query.order_by(files.c.path))}  # noqa: C416 - typed


def _indexed(connection: Connection, endpoint_id: str) -> frozenset[str]:
    query = select(row_index.c.path).where(row_index.c.endpoint_id == endpoint_id, row_index.c.part == 0)
    return frozenset(connection.scalars(query))


def _make(database: Database, samples: SampleStore, endpoint_id: str, paths: Sequence[str]) -> None:
    """Index these files; who does the same meanwhile writes the same."""
    for page in chunks(paths, MADE_AT_ONCE):
        tables = read_columns(samples, page, NAMED_BY)
        made = [(path, _encoded(table)) for path, table in zip(page, tables, strict=True)]
        rows = [
            {"path": path, "part": part, "endpoint_id": endpoint_id, "entries": body}
            for path, parts in made
            for part, body in enumerate(parts)
        ]
        with database.write() as connection:
            still = {path for chunk in chunks(page) for path in _still_listed(connection, chunk)}
            insert_missing(connection, row_index, [row for row in rows if row["path"] in still])


def _still_listed(connection: Connection, paths: Sequence[str]) -> Iterable[str]:
    return connection.scalars(select(files.c.path).where(files.c.path.in_(paths)).with_for_update())


def _encoded(table: pa.Table) -> list[bytes]:
    when_us = table.column(TIMESTAMP).cast(pa.int64()).to_numpy()
    rows = table.column("event_row").to_numpy().astype(np.int64)
    found = entries_of(table.column("request_id"), rows, when_us)
    entries = np.empty(len(found.hashes), ENTRY)
    entries["hash"] = found.hashes
    entries["minute"] = found.minutes % _MINUTES
    return [entries[first : first + PART_ENTRIES].tobytes() for first in range(0, len(entries), PART_ENTRIES)]


_MINUTES = 2**16
"""More than a month has: with the start of its file a minute is known."""


def _decoded(body: bytes, start_us: int) -> FileEntries:
    entries = np.frombuffer(body, ENTRY)
    start = start_us // MINUTE_US
    minutes = (entries["minute"].astype(np.int32) - start) % _MINUTES + start
    return FileEntries(entries["hash"].astype(np.uint64), minutes.astype(np.int32))


def _found(database: Database, listed: Mapping[str, int], hashes: UInt64s, cache: IndexCache) -> FoundRows:
    wanted, asked_as = np.unique(hashes, return_inverse=True)
    found = _Hits(len(wanted))
    paths = [path for path, entries in _entries(database, listed, cache) if found.add(entries, wanted)]
    return found.of(asked_as, paths)


def find_in(entries: FileEntries, hashes: UInt64s) -> FoundRows:
    """The same in one index at hand."""
    wanted, asked_as = np.unique(hashes, return_inverse=True)
    found = _Hits(len(wanted))
    found.add(entries, wanted)
    return found.of(asked_as, ())


class _Hits:
    """Which of some different hashes are found in which minutes, gathered from file to file."""

    def __init__(self, count: int) -> None:
        self._counts = np.zeros(count, np.int64)
        self._found: list[Int64s] = []

    def add(self, entries: FileEntries, wanted: UInt64s) -> bool:
        """Look into one file; whether there was something. `wanted` are in order."""
        if len(wanted) < len(entries.hashes):
            which, places = pairs(entries.hashes, wanted, MOST_ROWS)
        else:  # the shorter ones are looked for in the longer ones
            places, which = pairs(wanted, entries.hashes)
        few = self._counts[which] <= MOST_ROWS
        which, places = which[few], places[few]
        self._counts += np.bincount(which, minlength=len(self._counts))
        if len(which):  # an id that was used again may lie in one minute twice
            self._found.append(np.unique(which << 32 | entries.minutes[places].astype(np.int64)))
        return len(which) > 0

    def of(self, asked_as: Int64s, paths: Collection[str]) -> FoundRows:
        """The same of those that were asked, which hash each of them was."""
        found = np.unique(np.concatenate([np.zeros(0, np.int64), *self._found]))
        found = found[self._counts[found >> 32] <= MOST_ROWS]
        asked, places = pairs(found >> 32, asked_as)
        ambiguous = np.flatnonzero(self._counts[asked_as] > MOST_ROWS).tolist()
        return FoundRows(asked, (found[places] & (2**32 - 1)) * MINUTE_US, paths, ambiguous)


def _entries(
    database: Database, listed: Mapping[str, int], cache: IndexCache
) -> Iterator[tuple[str, FileEntries]]:
    """Each file with its index, which is read where the cache does not have it."""
    for some in chunks(listed, READ_AT_ONCE):
        known = {path: cache.get(path) for path in some}
        missing = {path: listed[path] for path, entries in known.items() if entries is None}
        read = _read(database, missing) if missing else {}
        for path, entries in read.items():
            cache.put(path, entries)
        yield from ((path, known[path] or read[path]) for path in some)


def _read(database: Database, listed: Mapping[str, int]) -> dict[str, FileEntries]:
    """The indexes of these files. Raises LookupError where one is gone."""
    query = select(row_index.c.path, row_index.c.entries).where(row_index.c.path.in_(list(listed)))
    found = {}
    with database.read() as connection:
        rows = connection.execute(query.order_by(row_index.c.path, row_index.c.part)).all()
    for path, parts in groupby(rows, itemgetter(0)):
        found[path] = _decoded(b"".join(entries for _, entries in parts), listed[path])
    if len(found) < len(listed):
        raise LookupError(f"an index is gone: {sorted(listed.keys() - found)[0]}")
    return found
