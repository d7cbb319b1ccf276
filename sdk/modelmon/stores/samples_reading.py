"""Samples as one table: listed files only, pruned by time and column, types unified, own names restored.

A file that upkeep has made is in order, so where it overlaps with no other it is joined on as it is: only the
columns asked for are read. All others are read with the columns that make the order, and sorted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, pairwise, zip_longest
from typing import TYPE_CHECKING

from modelmon.column_names import (
    IDENTITY,
    METADATA_PREFIX,
    PREFIXES,
    ROW_ORDER,
    TIMESTAMP,
    returned_names,
)
from modelmon.errors import ConfigError, StoreError
from modelmon.model import MINUTE_US
from modelmon.sql.database import Database
from modelmon.stores.base import SampleStore
from modelmon.stores.listing import ListedFile, Listing, list_files, unknown

if TYPE_CHECKING:
    import pyarrow as pa

PIECE_ROWS = 100_000
READERS = 8  # files read at a time: a disk and an object store answer several questions at once
ALONE_SECONDS = 0.01  # so long the calling thread reads alone: twelve small files, on a busy machine too


def read_sample(
    database: Database,
    samples: SampleStore,
    endpoint_id: str,
    start_us: int,
    end_us: int,
    columns: Sequence[str] | None = None,
    *,
    actuals: SampleStore | None = None,
) -> pa.Table:
    """The rows of one endpoint in [start, end), by time and place in the stream.

    `timestamp` (UTC, microseconds), features, predictions and metadata, or just `columns` in their order.
    Features and predictions have their own names back; where two columns would then be called the same, the
    feature has the name, the prediction is `label.<name>` and our own column `metadata.<name>`. A name the
    endpoint has but no row of the span is a column of nulls. With `actuals` each prediction has a column
    `actual.<name>`, too, null where nothing has come for the row.

    Raises ConfigError for a column the endpoint does not have, StoreError for a corrupt file, or one that is
    listed and gone; UnavailableError when a store does not answer.
    """
    before: Listing | None = None
    while True:
        with database.read() as connection:
            listing = list_files(connection, endpoint_id, start_us, end_us, with_actuals=actuals is not None)
        try:
            table = _read(samples, listing, start_us, end_us, columns, actuals)
        except FileNotFoundError as error:
            # Compaction replaced it after we had listed it: then the list has changed too.
            if listing == before:
                raise StoreError(gone(error, endpoint_id)) from error
            before = listing
        else:
            return _named(table, listing, endpoint_id, columns)


def read_pieces(
    database: Database,
    samples: SampleStore,
    endpoint_id: str,
    start_us: int,
    end_us: int,
    columns: Sequence[str] | None = None,
    *,
    rows: int = PIECE_ROWS,
    actuals: SampleStore | None = None,
) -> Iterator[pa.Table]:
    """The same rows in the same order, as tables of about so many, so that any span fits into memory.

    A piece ends where a file begins: it has more rows where many files overlap, or one is larger. Each is
    read as `read_sample` reads its part of the span, so a column's type can differ between them.
    """
    with database.read() as connection:
        listed = list_files(connection, endpoint_id, start_us, end_us).files
    bounds = [start_us, *_cuts(listed, start_us, rows), end_us]
    for first_us, last_us in pairwise(bounds):
        yield read_sample(database, samples, endpoint_id, first_us, last_us, columns, actuals=actuals)


def read_stored(
    database: Database, samples: SampleStore, endpoint_id: str, span: tuple[int, int], columns: Sequence[str]
) -> tuple[pa.Table, frozenset[str]]:
    """Stored columns of the rows in [start, end) under their stored names, as far as there are such, and the
    paths of the files that they may be from."""
    before: Listing | None = None
    while True:
        with database.read() as connection:
            listing = list_files(connection, endpoint_id, *span)
        try:
            return _read(samples, listing, *span, columns), frozenset(file.path for file in listing.files)
        except FileNotFoundError as error:
            if listing == before:
                raise StoreError(gone(error, endpoint_id)) from error
            before = listing


def _cuts(listed: Sequence[ListedFile], start_us: int, rows: int) -> Iterator[int]:
    held = 0
    for file in listed:
        if held + file.rows > rows and file.min_us > start_us and held:
            yield file.min_us
            start_us, held = file.min_us, 0
        held += file.rows


def _read(
    samples: SampleStore,
    listing: Listing,
    start_us: int,
    end_us: int,
    columns: Sequence[str] | None,
    actuals: SampleStore | None = None,
) -> pa.Table:
    from modelmon.stores import samples_types

    wanted = None if columns is None else [stored for name in columns for stored in _stored(name)]
    if wanted is not None and actuals is not None:
        wanted += IDENTITY
    tables = list(_tables(samples, listing.files, (start_us, end_us), wanted))
    held = {name for schema in samples_types.schemas(tables) for name in schema.names}
    missing = [name for name in listing.columns if name not in held] if columns is None else []
    if missing or not tables:
        tables.append(samples_types.empty(missing))
    sample = samples_types.unified(tables)
    return sample if actuals is None else _joined(sample, actuals, listing, (start_us, end_us))


def _joined(sample: pa.Table, store: SampleStore, listing: Listing, span: tuple[int, int]) -> pa.Table:
    from modelmon.stores import actuals_joining, samples_types

    # A prediction's actuals lie at the minute that it was made in.
    span = span[0] - span[0] % MINUTE_US, span[1]
    tables = _read_all(store, [_Question(file.path, None, span) for file in listing.actuals])
    rows = samples_types.unified([*tables, actuals_joining.NO_ROWS])
    return actuals_joining.with_actuals(sample, rows, listing.predictions)


def _tables(
    samples: SampleStore, listed: Sequence[ListedFile], span: tuple[int, int], wanted: Sequence[str] | None
) -> Iterator[pa.Table]:
    """The rows of these files that lie in the span, in order."""
    from modelmon.stores import samples_types

    alone = _standing_alone(listed)
    whole = frozenset(file for file in listed if span[0] <= file.min_us and file.max_us < span[1])
    questions = [
        _Question.about(file, file in alone, None if file in whole else span, wanted) for file in listed
    ]
    pairs = zip(listed, _read_all(samples, questions), strict=True)
    for is_alone, group in groupby(pairs, lambda pair: pair[0] in alone):
        if is_alone:
            for file, table in group:
                yield table if file in whole else samples_types.between(table, *span)
        else:
            found = samples_types.unified([table for _, table in group])
            yield samples_types.between(samples_types.in_row_order(found), *span)


@dataclass(frozen=True, slots=True)
class _Question:
    """What of a file is read; None for all columns, and for the whole of its time."""

    path: str
    columns: Sequence[str] | None = None
    span: tuple[int, int] | None = None

    @classmethod
    def about(
        cls, file: ListedFile, alone: bool, span: tuple[int, int] | None, wanted: Sequence[str] | None
    ) -> _Question:
        keys = ROW_ORDER if not alone else (TIMESTAMP,) if span else ()
        return cls(file.path, None if wanted is None else [*keys, *wanted], span)

    def put_to(self, samples: SampleStore) -> pa.Table:
        table = samples.read(self.path, self.columns, self.span)
        # Without any column the table would have no rows either.
        return table if table.column_names else samples.read(self.path, [TIMESTAMP], self.span)


def _standing_alone(listed: Sequence[ListedFile]) -> frozenset[ListedFile]:
    """Files in order, of rows that lie between those of their neighbours. `listed` comes by `min_us`."""
    alone: set[ListedFile] = set()
    reached_us = -math.inf
    for file, after in zip_longest(listed, listed[1:]):
        if file.in_order and reached_us < file.min_us and (after is None or file.max_us < after.min_us):
            alone.add(file)
        reached_us = max(reached_us, file.max_us)
    return frozenset(alone)


def read_in_order(samples: SampleStore, paths: Sequence[str]) -> pa.Table:
    """All rows of these files, of which there is at least one, in order."""
    from modelmon.stores import samples_types

    tables = _read_all(samples, [_Question(path) for path in paths])
    return samples_types.in_row_order(samples_types.unified(tables))


def read_columns(samples: SampleStore, paths: Sequence[str], columns: Sequence[str]) -> list[pa.Table]:
    """The rows of each of these files, with those of the columns that it has."""
    return _read_all(samples, [_Question(path, columns) for path in paths])


def _read_all(samples: SampleStore, questions: Sequence[_Question]) -> list[pa.Table]:
    """Several files at a time; few columns of files that are at hand without others' help.

    Handing a small file to another thread costs more than reading it.
    """
    alone: list[pa.Table] = []
    if not samples.is_far and all(question.columns is not None for question in questions):
        until = time.monotonic() + ALONE_SECONDS
        while len(alone) < len(questions) and time.monotonic() < until:
            alone.append(questions[len(alone)].put_to(samples))
    return alone + _read_together(samples, questions[len(alone) :])


def _read_together(samples: SampleStore, questions: Sequence[_Question]) -> list[pa.Table]:
    if min(READERS, len(questions)) < 2:
        return [question.put_to(samples) for question in questions]
    with ThreadPoolExecutor(min(READERS, len(questions)), "samples") as readers:
        asked = [readers.submit(question.put_to, samples) for question in questions]
        try:
            return [each.result() for each in asked]
        finally:
            readers.shutdown(wait=False, cancel_futures=True)


def _stored(name: str) -> tuple[str, ...]:
    """Every column that may be meant by `name`."""
    return (name, name.removeprefix(METADATA_PREFIX), *(prefix + name for prefix in PREFIXES.values()))


def _named(table: pa.Table, listing: Listing, endpoint_id: str, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow as pa

    names = returned_names(table.column_names)
    if columns is None:
        return table.rename_columns(list(names.values()))
    by_name = {name: column for column, name in names.items()}
    found = {}
    for name in dict.fromkeys(columns):
        column = next((c for c in (by_name.get(name), *_stored(name)) if c in names), None)
        if column is None and name not in listing.known:
            raise ConfigError(unknown(name, listing.known, endpoint_id))
        found[name] = pa.nulls(table.num_rows) if column is None else table.column(column)
    return pa.table(found)


def gone(error: FileNotFoundError, endpoint_id: str) -> str:
    """What to say of a file that is listed and not there."""
    return (
        f"a sample file of endpoint {endpoint_id} is listed in the records and gone: {error}; restore it "
        "from a backup, or delete its row from the table `files`, to go on without its samples"
    )
