"""Rows that somebody wants forgotten are taken out of the sample files, all else stays as it was.

Each file is rewritten as compaction does it. Counts, series and verdicts keep what they were made from, and
no window is judged again. What was done is noted with each file, so a run that is killed has said how far it
got, and the next one does the rest.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Row, delete, insert, select, update

from modelmon.column_names import TIMESTAMP
from modelmon.errors import ConfigError
from modelmon.ledger.schema import erasures, files
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks
from modelmon.stores.base import SampleStore
from modelmon.stores.listing import stored_column
from modelmon.stores.matching import JSON_COLUMNS, matching
from modelmon.stores.samples_reading import read_columns
from modelmon.stores.samples_types import empty, unified
from modelmon.upkeep.erasing_actuals import OF_ROWS, came_meanwhile, erase_actuals, erase_waiting
from modelmon.upkeep.erasing_nothing import LOOKED_AT, why_nothing
from modelmon.upkeep.rewriting import OvertakenError, begin, carry_out, overtake
from modelmon.upkeep.sweep import sweep_endpoint

TESTED_AT_ONCE = 64  # files whose rows are looked at together
Wanted = Mapping[tuple[str, str], str]
"""(column, key in its JSON or "") to the text of the value."""


@dataclass(frozen=True, slots=True)
class Erased:
    """Rows that matched, and the files they were in, of all files looked at; and what had come true for them,
    or waited for it. `why` none did, where known."""

    rows: int
    files: int
    looked_at: int
    why: tuple[str, ...] = field(default=(), compare=False)
    actuals: int = 0


@dataclass(frozen=True, slots=True)
class _Erasure:
    """One run, a dry one without an id. `found`: files that are done with, to how many rows matched."""

    database: Database
    samples: SampleStore
    actuals: SampleStore
    endpoint_id: str
    wanted: Wanted
    erasure_id: str
    now_us: int
    began: float = field(default_factory=time.monotonic)
    found: dict[str, int] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    rows: list[pa.Table] = field(default_factory=list)


def erase(
    database: Database,
    samples: SampleStore,
    endpoint_id: str,
    where: Mapping[str, str],
    now_us: int,
    *,
    actuals: SampleStore,
    dry_run: bool = False,
) -> Erased:
    """Take the rows out of an endpoint's samples that have all these values, by column, and their actuals.

    `column.key` is a key of the JSON in `entities`, `labels` or `metrics`. A dry run counts and changes
    nothing. Rows that are stored while this runs are looked at too. Raises ConfigError for a column the
    endpoint has not, for no condition at all, and for a file that is corrupt or gone; UnavailableError.
    """
    with database.read() as connection:
        wanted = _wanted(connection, endpoint_id, where)
    erasure_id = "" if dry_run else uuid.uuid4().hex
    erasure = _Erasure(database, samples, actuals, endpoint_id, wanted, erasure_id, now_us)
    if not dry_run:
        _begin(erasure, sorted(where))
    came_true = _look_at_all(erasure)
    if not dry_run:
        came_true += erase_waiting(database, endpoint_id, _joined(erasure.rows), wanted)
        _finish(erasure)
    rows = erasure.found.values()
    why = () if any(rows) else _why_nothing(erasure)
    return Erased(sum(rows), sum(map(bool, rows)), len(rows), why, came_true)


def _wanted(connection: Connection, endpoint_id: str, where: Mapping[str, str]) -> Wanted:
    if not where:
        raise ConfigError("where: name at least one column and its value, got none")
    wanted: dict[tuple[str, str], str] = {}
    for name, text in where.items():
        column, _, key = name.partition(".")
        if not key or column not in JSON_COLUMNS:
            column, key = stored_column(connection, endpoint_id, name), ""
        if column == TIMESTAMP:
            raise ConfigError("where: rows are not erased by their time; `retention_days` does that")
        wanted[column, key] = text
    return wanted


def _begin(erasure: _Erasure, columns: Sequence[str]) -> None:
    row = {
        "erasure_id": erasure.erasure_id, "endpoint_id": erasure.endpoint_id,
        "columns": msgspec.json.encode(columns).decode(), "rows": 0, "files": 0, "started_us": erasure.now_us,
        "finished_us": None,
    }  # fmt: skip
    with erasure.database.write() as connection:
        overtake(connection, erasure.endpoint_id)
        connection.execute(insert(erasures), [row])


def _finish(erasure: _Erasure) -> None:
    """The files that were replaced go, those too that a run or a merge has left that was killed."""
    for store in (erasure.samples, erasure.actuals):
        sweep_endpoint(erasure.database, store, erasure.endpoint_id, erasure.now_us)
    mine = erasures.c.erasure_id == erasure.erasure_id
    finished_us = erasure.now_us + round((time.monotonic() - erasure.began) * 1e6)
    with erasure.database.write() as connection:
        if not any(erasure.found.values()) and not _is_left_over(connection, erasure.erasure_id):
            connection.execute(delete(erasures).where(mine))  # it has erased nothing and ended nothing
            return
        connection.execute(update(erasures).where(mine).values(finished_us=finished_us))


def _is_left_over(connection: Connection, erasure_id: str) -> bool:
    """Whether a run by the same columns did not come to its end, which this one may have brought about."""
    other, mine = erasures.alias(), erasures.c
    query = select(other.c.erasure_id).join(
        erasures, (other.c.endpoint_id == mine.endpoint_id) & (other.c.columns == mine.columns)
    )
    unfinished = other.c.finished_us.is_(None) & (other.c.erasure_id != erasure_id)
    return connection.execute(query.where(mine.erasure_id == erasure_id, unfinished)).first() is not None


def _why_nothing(erasure: _Erasure) -> tuple[str, ...]:
    newest = sorted(erasure.found)[-LOOKED_AT:]  # by hour
    if not newest:
        return ("the endpoint has no sample files",)
    try:
        tables = read_columns(erasure.samples, newest, [column for column, _ in erasure.wanted])
    except FileNotFoundError:  # merged meanwhile: it was only to explain
        return ()
    return why_nothing(tables, erasure.wanted)


def _look_at_all(erasure: _Erasure) -> int:
    """Every file, those too that come meanwhile; returns how many actuals the rows in them had."""
    before: list[str] = []
    came_true = 0
    while left := _left(erasure):
        paths = [row.path for row in left]
        try:
            for page in chunks(left, TESTED_AT_ONCE):
                came_true += _look_at(erasure, page)
        except FileNotFoundError as error:  # it was merged meanwhile: then the list has changed
            if paths == before:
                raise ConfigError(f"a sample file is listed in the records and gone: {error}") from error
        before = paths
    return came_true


def _left(erasure: _Erasure) -> list[Row[Any]]:
    query = select(files).where(files.c.endpoint_id == erasure.endpoint_id)
    with erasure.database.read() as connection:
        listed = connection.execute(query.order_by(files.c.hour_us, files.c.path)).all()
    return [row for row in listed if row.path not in erasure.found and row.path not in erasure.written]


def _look_at(erasure: _Erasure, page: Sequence[Row[Any]]) -> int:
    columns = list(dict.fromkeys([*(column for column, _ in erasure.wanted), *OF_ROWS]))
    tables = read_columns(erasure.samples, [row.path for row in page], columns)
    found = [table.filter(matching(table, erasure.wanted)).select(OF_ROWS) for table in tables]
    erasure.rows.extend(rows for rows in found if rows.num_rows)
    came_true = 0
    for row, rows in zip(page, found, strict=True):
        clean = set[str]()
        if rows.num_rows:
            came_true += erase_actuals(
                erasure.database, erasure.actuals, erasure.endpoint_id, rows, erasure.now_us, clean,
                dry_run=not erasure.erasure_id,
            )  # fmt: skip
        if not rows.num_rows or not erasure.erasure_id or _rewrite(erasure, row, rows, clean):
            erasure.found[row.path] = rows.num_rows
    return came_true


def _joined(found: Sequence[pa.Table]) -> pa.Table:
    return unified([*found, empty().select(OF_ROWS)])


def _rewrite(erasure: _Erasure, row: Row[Any], rows: pa.Table, clean: Collection[str]) -> bool:
    """False, and nothing is changed, where actuals of the rows came meanwhile: none may stay without them."""
    with erasure.database.write() as connection:
        rewrite = begin(connection, row.reach, row.hour_us, [row], erasure.now_us)
    erasure.written.add(rewrite.path)

    def note(connection: Connection) -> None:
        if came_meanwhile(connection, erasure.endpoint_id, rows, clean):
            raise OvertakenError
        grown = {"rows": erasures.c.rows + rows.num_rows, "files": erasures.c.files + 1}
        connection.execute(update(erasures).where(erasures.c.erasure_id == erasure.erasure_id).values(grown))

    def keep(table: pa.Table) -> pa.Table:
        return table.filter(pc.invert(matching(table, erasure.wanted)))

    return carry_out(erasure.database, erasure.samples, rewrite, keep, note)
