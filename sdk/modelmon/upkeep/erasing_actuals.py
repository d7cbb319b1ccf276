"""What came true for rows that somebody wants forgotten goes first: its rows alone say whose it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Row, select

from modelmon.column_names import IDENTITY, TIMESTAMP, original_name
from modelmon.errors import ConfigError
from modelmon.ledger.actuals import expire, hold_traffic
from modelmon.ledger.actuals_schema import actual_files, waiting_actuals
from modelmon.model import MINUTE_US
from modelmon.sql.database import Database
from modelmon.sql.statements import CHUNK, chunks
from modelmon.stores.actuals_joining import ROW_TYPES, belonging
from modelmon.stores.base import SampleStore
from modelmon.stores.matching import is_meant
from modelmon.stores.samples_reading import read_columns
from modelmon.stores.samples_types import time_span
from modelmon.upkeep.rewriting import begin, carry_out

OF_ROWS = (TIMESTAMP, *IDENTITY)
"""What has to be known of a row to find its actuals."""
Wanted = Mapping[tuple[str, str], str]


def erase_actuals(
    database: Database,
    actuals: SampleStore,
    endpoint_id: str,
    rows: pa.Table,
    now_us: int,
    clean: set[str],
    *,
    dry_run: bool,
) -> int:
    """Take the actuals of these rows of samples out of their files; returns how many there were.

    The files that were looked at, or written, are added to `clean`: they hold none any more. Raises
    ConfigError for a file that is listed and gone.
    """
    erased = 0
    before: list[str] = []
    while left := [row for row in _files_of(database, endpoint_id, rows) if row.path not in clean]:
        try:
            for file in left:
                erased += _erase(database, actuals, file, rows, now_us, dry_run, clean)
        except FileNotFoundError as error:  # it was merged meanwhile: then the list has changed
            if (paths := [row.path for row in left]) == before:
                raise ConfigError(f"a file of actuals is listed in the records and gone: {error}") from error
            before = paths
    return erased


def came_meanwhile(connection: Connection, endpoint_id: str, rows: pa.Table, clean: Collection[str]) -> bool:
    """Whether actuals that may be of these rows were stored since; none are until the transaction ends.

    Whoever stores some holds the endpoint's traffic as well, and looks whether their rows are still there.
    """
    hold_traffic(connection, [endpoint_id])
    return any(row.path not in clean for row in _files(connection, endpoint_id, rows))


def erase_waiting(database: Database, endpoint_id: str, rows: pa.Table, wanted: Wanted) -> int:
    """Let go of actuals that wait for a request of these rows, or for an entity that is meant."""
    mine = waiting_actuals.c.endpoint_id == endpoint_id
    ids = {each for each in rows.column("request_id").to_pylist() if each} if rows.num_rows else set()
    conditions = [mine & waiting_actuals.c.request_id.in_(chunk) for chunk in chunks(sorted(ids))]
    with database.read() as connection:
        conditions += [mine & each for each in _of_entities(connection, endpoint_id, wanted)]
    gone = 0
    for condition in conditions:
        more = 1
        while more:
            with database.write() as connection:
                more = expire(connection, condition, CHUNK)
            gone += more
    return gone


def _of_entities(connection: Connection, endpoint_id: str, wanted: Wanted) -> Sequence[Any]:
    columns, found = waiting_actuals.c, []
    for (column, key), text in wanted.items():
        name = key or original_name(column)
        query = select(columns.entity_value).distinct()
        values = connection.scalars(query.where(columns.endpoint_id == endpoint_id, columns.entity == name))
        meant = [value for value in values if value == text or _is_same_number(value, text)]
        found += [(columns.entity == name) & columns.entity_value.in_(chunk) for chunk in chunks(meant)]
    return found


def _is_same_number(value: str, text: str) -> bool:
    try:
        return is_meant(float(value), text)
    except ValueError:
        return False


def _files_of(database: Database, endpoint_id: str, rows: pa.Table) -> Sequence[Row[Any]]:
    with database.read() as connection:
        return _files(connection, endpoint_id, rows)


def _files(connection: Connection, endpoint_id: str, rows: pa.Table) -> Sequence[Row[Any]]:
    first_us, last_us = time_span(rows)
    query = select(actual_files).where(
        actual_files.c.endpoint_id == endpoint_id,
        actual_files.c.max_us >= first_us - first_us % MINUTE_US,
        actual_files.c.min_us <= last_us,
    )
    return connection.execute(query.order_by(actual_files.c.path)).all()


def _erase(
    database: Database,
    actuals: SampleStore,
    file: Row[Any],
    rows: pa.Table,
    now_us: int,
    dry_run: bool,
    done: set[str],
) -> int:
    (table,) = read_columns(actuals, [file.path], list(ROW_TYPES))
    count = len(_theirs(rows, table))
    if not count or dry_run:
        done.add(file.path)
        return count
    with database.write() as connection:
        rewrite = begin(connection, file.reach, file.hour_us, [file], now_us)
    done.add(rewrite.path)
    return count if carry_out(database, actuals, rewrite, lambda held: _without(rows, held)) else 0


def _theirs(rows: pa.Table, table: pa.Table) -> Any:
    return np.unique(belonging(rows, table)[1])


def _without(rows: pa.Table, table: pa.Table) -> pa.Table:
    kept = np.ones(len(table), bool)
    kept[_theirs(rows, table)] = False
    return table.filter(pa.array(kept))
