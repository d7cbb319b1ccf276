"""Samples as one table: listed files only, pruned by time and column, types unified, own names restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection, select

from modelmon.columns import (
    METADATA_COLUMNS,
    METADATA_PREFIX,
    PREFIXES,
    ROW_ORDER,
    TIMESTAMP,
    original_name,
    returned_names,
    stored_names,
)
from modelmon.errors import ConfigError
from modelmon.ledger.schema import column_types, endpoints, files
from modelmon.sql.database import Database
from modelmon.stores.base import SampleStore

if TYPE_CHECKING:
    import pyarrow as pa

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file that counts, as the ledger has it; `min_us` and `max_us` are its first and last row's time."""

    path: str
    min_us: int
    max_us: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What a read needs from the records, as of one moment.

    `columns`: where the endpoint's present features and labels are stored. `known`: every name it ever had.
    """

    files: tuple[ListedFile, ...]
    columns: tuple[str, ...]
    known: frozenset[str]


def read_sample(
    database: Database,
    samples: SampleStore,
    endpoint_id: str,
    start_us: int,
    end_us: int,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """The rows of one endpoint in [start, end), by time and place in the stream.

    `timestamp` (UTC, microseconds), features, labels and metadata, or just `columns` in their order. Features
    and labels have their own names back; where two columns would then be called the same, the feature has
    the name, the label is `label.<name>` and our own column `metadata.<name>`. A name the endpoint has but
    no row of the span is a column of nulls.

    Raises ConfigError for a column the endpoint does not have, a corrupt file, or one that is listed and
    gone; UnavailableError when a store does not answer.
    """
    before: Listing | None = None
    while True:
        with database.read() as connection:
            listing = _list(connection, endpoint_id, start_us, end_us)
        try:
            table = _read(samples, listing, start_us, end_us, columns)
        except FileNotFoundError as error:
            # Compaction replaced it after we had listed it: then the list has changed too.
            if listing == before:
                raise ConfigError(_gone(error, endpoint_id)) from error
            before = listing
        else:
            return _named(table, listing, endpoint_id, columns)


def _list(connection: Connection, endpoint_id: str, start_us: int, end_us: int) -> Listing:
    listed = connection.execute(
        select(files.c.path, files.c.min_us, files.c.max_us)
        .where(files.c.endpoint_id == endpoint_id)
        .where(files.c.hour_us > start_us - HOUR_US, files.c.hour_us < end_us)
        .where(files.c.max_us >= start_us, files.c.min_us < end_us)
        .order_by(files.c.min_us, files.c.path)
    )
    columns, names = _own_columns(connection, endpoint_id)
    seen = connection.scalars(select(column_types.c.column).where(column_types.c.endpoint_id == endpoint_id))
    known = frozenset(names) | {original_name(column) for column in seen}
    return Listing(tuple(ListedFile(*row) for row in listed), columns, known)


def _own_columns(connection: Connection, endpoint_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The stored and the own names of an endpoint's features and labels; none when nobody registered it."""
    query = select(endpoints.c.feature_names, endpoints.c.label_names)
    row = connection.execute(query.where(endpoints.c.endpoint_id == endpoint_id)).one_or_none()
    if row is None:
        return (), ()
    features, labels = (tuple(msgspec.json.decode(text)) for text in row)
    stored_features, stored_labels = stored_names(features, labels)
    return stored_features + stored_labels, features + labels


def _read(
    samples: SampleStore, listing: Listing, start_us: int, end_us: int, columns: Sequence[str] | None
) -> pa.Table:
    from modelmon.stores import samples_types

    wanted = (
        None if columns is None else [*ROW_ORDER, *(stored for name in columns for stored in _stored(name))]
    )
    tables = [samples.read(file.path, wanted) for file in listing.files]
    held = {name for schema in samples_types.schemas(tables) for name in schema.names}
    missing = [name for name in listing.columns if name not in held] if columns is None else []
    if missing or not tables:
        tables.append(samples_types.empty(missing))
    table = samples_types.in_row_order(samples_types.unified(tables))
    return samples_types.between(table, start_us, end_us)


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
            raise ConfigError(_unknown(name, listing, endpoint_id))
        found[name] = pa.nulls(table.num_rows) if column is None else table.column(column)
    return pa.table(found)


def _unknown(name: str, listing: Listing, endpoint_id: str) -> str:
    own = ", ".join(sorted(listing.known)) or "none yet"
    return (
        f"endpoint {endpoint_id} has no column {name!r}; its features and labels are: {own}; every sample "
        f"also has {', '.join((TIMESTAMP, *METADATA_COLUMNS))}"
    )


def _gone(error: FileNotFoundError, endpoint_id: str) -> str:
    return (
        f"a sample file of endpoint {endpoint_id} is listed in the records and gone: {error}; restore it "
        "from a backup, or delete its row from the table `files`, to go on without its samples"
    )
