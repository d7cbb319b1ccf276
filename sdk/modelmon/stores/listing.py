"""Which files hold an endpoint's rows of a span, and what its columns are called: asked of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import BindParameter, CompoundSelect, Connection, Table, bindparam, func, select, union_all

from modelmon.column_names import (
    ACTUAL_PREFIX,
    METADATA_COLUMNS,
    TIMESTAMP,
    original_name,
    returned_names,
    stored_names,
)
from modelmon.errors import ConfigError
from modelmon.ledger.actuals_schema import actual_files
from modelmon.ledger.schema import column_types, endpoints, files
from modelmon.model import MINUTE_US
from modelmon.stores.reaching import LONGEST_US


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file that counts, as the ledger has it; `min_us` and `max_us` are its first and last row's time,
    `in_order` says that its rows are."""

    path: str
    min_us: int
    max_us: int
    rows: int
    in_order: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """What a read needs from the records, as of one moment.

    `columns`: where the endpoint's present features and predictions are stored. `known`: every name it ever
    had. `predictions`: the present ones' own names. `actuals`: files of actuals, where they were asked for.
    """

    files: tuple[ListedFile, ...]
    columns: tuple[str, ...]
    known: frozenset[str]
    predictions: tuple[str, ...] = ()
    actuals: tuple[ListedFile, ...] = ()


def list_files(
    connection: Connection, endpoint_id: str, start_us: int, end_us: int, *, with_actuals: bool = False
) -> Listing:
    """What can be read of an endpoint's rows in [start, end)."""
    listed = list_paths(connection, endpoint_id, start_us, end_us)
    columns, features, predictions = _own_columns(connection, endpoint_id)
    seen = {original_name(column) for column in _seen(connection, endpoint_id)}
    known = frozenset((*features, *predictions)) | seen
    if not with_actuals:
        return Listing(listed, columns, known, predictions)
    known |= {ACTUAL_PREFIX + name for name in predictions}
    first_us = start_us - start_us % MINUTE_US  # an actual lies at the minute of its prediction
    beside = list_paths(connection, endpoint_id, first_us, end_us, actual_files)
    return Listing(listed, columns, known, predictions, beside)


def list_paths(
    connection: Connection, endpoint_id: str, start_us: int, end_us: int, table: Table = files
) -> tuple[ListedFile, ...]:
    """The files with rows of the endpoint in [start, end) that this table lists, the earliest first."""
    afters = {f"after_{reach}": start_us - longest_us for reach, longest_us in LONGEST_US.items()}
    span = {"endpoint_id": endpoint_id, "start_us": start_us, "end_us": end_us}
    return tuple(ListedFile(*row) for row in connection.execute(_listed(table), span | afters))


def newest_row_us(connection: Connection, endpoint_id: str) -> int | None:
    """The time of the endpoint's newest stored row; None: it has none."""
    query = select(func.max(files.c.max_us)).where(files.c.endpoint_id == endpoint_id)
    found: int | None = connection.scalar(query)
    return found


def has_more_files(connection: Connection, endpoint_id: str, most: int) -> bool:
    """Whether the endpoint's rows lie in more files than so many; no more of them are counted."""
    some = select(files.c.path).where(files.c.endpoint_id == endpoint_id).limit(most + 1).subquery()
    found: int = connection.execute(select(func.count()).select_from(some)).scalar_one()
    return found > most


@cache  # put together once: that costs more than asking
def _listed(files: Table) -> CompoundSelect[Any]:
    """An endpoint's files with rows in the span, in order; each reach is a range of the index of its own."""
    start_us: BindParameter[int] = bindparam("start_us")
    end_us: BindParameter[int] = bindparam("end_us")
    query = (
        select(files.c.path, files.c.min_us, files.c.max_us, files.c.rows, files.c.stream_id.is_(None))
        .where(files.c.endpoint_id == bindparam("endpoint_id"), files.c.hour_us < end_us)
        .where(files.c.max_us >= start_us, files.c.min_us < end_us)
    )
    reaches = (
        query.where(files.c.reach == reach, files.c.hour_us > bindparam(f"after_{reach}"))
        for reach in LONGEST_US
    )
    return union_all(*reaches).order_by("min_us", "path")


_SEEN = select(column_types.c.column).where(column_types.c.endpoint_id == bindparam("endpoint_id"))
_OWN = select(endpoints.c.feature_names, endpoints.c.label_names).where(
    endpoints.c.endpoint_id == bindparam("endpoint_id")
)


def stored_column(connection: Connection, endpoint_id: str, name: str) -> str:
    """The column that an endpoint's feature, prediction or metadata of this name is stored in.

    Raises ConfigError for a name it does not have.
    """
    columns, features, predictions = _own_columns(connection, endpoint_id)
    seen = _seen(connection, endpoint_id)
    stored = list(dict.fromkeys((*columns, *seen, TIMESTAMP, *METADATA_COLUMNS)))
    by_name = {name: column for column, name in returned_names(stored).items()}
    found = by_name.get(name, name if name in stored else None)
    if found is None:
        known = frozenset((*features, *predictions)) | {original_name(column) for column in seen}
        raise ConfigError(unknown(name, known, endpoint_id))
    return found


def _seen(connection: Connection, endpoint_id: str) -> Sequence[str]:
    return connection.scalars(_SEEN, {"endpoint_id": endpoint_id}).all()


def _own_columns(
    connection: Connection, endpoint_id: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The stored columns of an endpoint, its features and its predictions; none when nobody registered it."""
    row = connection.execute(_OWN, {"endpoint_id": endpoint_id}).one_or_none()
    if row is None:
        return (), (), ()
    features, predictions = (tuple(msgspec.json.decode(text)) for text in row)
    stored_features, stored_predictions = stored_names(features, predictions)
    return stored_features + stored_predictions, features, predictions


def unknown(name: str, known: Collection[str], endpoint_id: str) -> str:
    """What is said of a column that an endpoint does not have."""
    own = ", ".join(sorted(known)) or "none yet"
    return (
        f"endpoint {endpoint_id} has no column {name!r}; its features and predictions are: {own}; every "
        f"sample also has {', '.join((TIMESTAMP, *METADATA_COLUMNS))}"
    )
