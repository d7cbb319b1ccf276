"""Many small files of a closed hour become one, without a moment in which a row counts twice or not at all.

A `compactions` row is written, then the new file, then one transaction lists the new file in place of its
sources, and last the sources are deleted. Killed anywhere in between, the sweep removes what is left over.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from modelmon.errors import ConfigError
from modelmon.ledger.schema import compactions, dirty, files
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks
from modelmon.stores.base import SampleStore
from modelmon.stores.reading import HOUR_US

logger = logging.getLogger(__name__)

CLOSED_AFTER_US = 2 * HOUR_US  # an hour is closed this long after its end, unless rows of it still come
ABANDONED_AFTER_US = HOUR_US
LARGEST_BYTES = 64 * 2**20  # of the sources together: bounds the memory of one compaction
HOURS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Compaction:
    """One compaction under way: the sources, and the file that takes their place."""

    compaction_id: str
    endpoint_id: str
    hour_us: int
    path: str
    sources: tuple[str, ...]
    min_us: int
    max_us: int
    rows: int


class _OvertakenError(Exception):
    """The sources or the compaction are not what they were."""


def compact(
    database: Database, samples: SampleStore, now_us: int, deadline: float, *, min_files: int
) -> tuple[int, bool]:
    """Compact closed hours of at least `min_files` small files until `deadline` (of `time.monotonic`).

    Returns how many hours were compacted and whether nothing was left to do. Any number of processes may
    do this together. Raises UnavailableError; a corrupt file is logged and its hour left as it is.
    """
    with database.write() as connection:
        connection.execute(delete(compactions).where(compactions.c.started_us < now_us - ABANDONED_AFTER_US))
    with database.read() as connection:
        hours = connection.execute(_closed_hours(now_us, min_files).limit(HOURS_AT_ONCE)).all()
    done = 0
    for hour in hours:
        if time.monotonic() >= deadline:
            return done, False
        done += _compact_hour(database, samples, hour.endpoint_id, hour.hour_us, now_us, min_files)
    return done, len(hours) < HOURS_AT_ONCE


def _closed_hours(now_us: int, min_files: int) -> Select[Any]:
    """Endpoints and hours with enough small files, into which no rows come and that nobody compacts."""
    hour = (files.c.endpoint_id, files.c.hour_us)
    still_dirty = (
        select(dirty.c.minute_us)
        .where(dirty.c.endpoint_id == files.c.endpoint_id)
        .where(dirty.c.minute_us >= files.c.hour_us, dirty.c.minute_us < files.c.hour_us + HOUR_US)
    )
    under_way = (
        select(compactions.c.compaction_id)
        .where(compactions.c.endpoint_id == files.c.endpoint_id)
        .where(compactions.c.hour_us == files.c.hour_us)
    )
    return (
        select(*hour)
        .where(files.c.hour_us <= now_us - HOUR_US - CLOSED_AFTER_US, _is_small())
        .where(~still_dirty.exists(), ~under_way.exists())
        .group_by(*hour)
        .having(func.count() >= min_files)
        .order_by(*hour)
    )


def _is_small() -> Any:
    return files.c.size_bytes < LARGEST_BYTES // 2


def _compact_hour(
    database: Database, samples: SampleStore, endpoint_id: str, hour_us: int, now_us: int, min_files: int
) -> bool:
    with database.write() as connection:
        compaction = _begin(connection, endpoint_id, hour_us, now_us, min_files)
    if compaction is None:
        return False
    try:
        size_bytes = _write(samples, compaction)
        with database.write() as connection:
            _swap(connection, compaction, size_bytes)
    except (ConfigError, FileNotFoundError, _OvertakenError) as error:
        if not isinstance(error, _OvertakenError):
            logger.warning("endpoint %s, an hour is not compacted: %s", endpoint_id, error)
        _give_up(database, samples, compaction)
        return False
    samples.delete(compaction.sources)
    return True


def _begin(
    connection: Connection, endpoint_id: str, hour_us: int, now_us: int, min_files: int
) -> Compaction | None:
    # Asked again under the write lock: another process may have been quicker.
    still = _closed_hours(now_us, min_files).where(
        files.c.endpoint_id == endpoint_id, files.c.hour_us == hour_us
    )
    if connection.execute(still).one_or_none() is None:
        return None
    query = select(files).where(files.c.endpoint_id == endpoint_id, files.c.hour_us == hour_us, _is_small())
    sources = list(_fitting(connection.execute(query.order_by(files.c.min_us, files.c.path)).all()))
    if len(sources) < min_files:
        return None
    name = uuid.uuid4().hex
    compaction = Compaction(
        compaction_id=name,
        endpoint_id=endpoint_id,
        hour_us=hour_us,
        path=f"{sources[0].path.rpartition('/')[0]}/c-{name}.parquet",
        sources=tuple(source.path for source in sources),
        min_us=min(source.min_us for source in sources),
        max_us=max(source.max_us for source in sources),
        rows=sum(source.rows for source in sources),
    )
    _record(connection, compaction, now_us)
    return compaction


def _fitting(sources: Sequence[Row[Any]]) -> Iterator[Row[Any]]:
    total = 0
    for source in sources:
        total += source.size_bytes
        if total > LARGEST_BYTES:
            return
        yield source


def _record(connection: Connection, compaction: Compaction, now_us: int) -> None:
    connection.execute(
        insert(compactions).values(
            compaction_id=compaction.compaction_id,
            endpoint_id=compaction.endpoint_id,
            hour_us=compaction.hour_us,
            path=compaction.path,
            sources=msgspec.json.encode(compaction.sources).decode(),
            started_us=now_us,
        )
    )


def _write(samples: SampleStore, compaction: Compaction) -> int:
    from modelmon.stores import samples_types

    tables = [samples.read(path) for path in compaction.sources]
    table = samples_types.in_row_order(samples_types.unified(tables))
    if table.num_rows != compaction.rows:
        raise ConfigError(
            f"{compaction.sources[0]} and its neighbours hold {table.num_rows} rows, the records say "
            f"{compaction.rows}; restore them from a backup"
        )
    return samples.write(compaction.path, table)


def _swap(connection: Connection, compaction: Compaction, size_bytes: int) -> None:
    mine = compactions.c.compaction_id == compaction.compaction_id
    if connection.execute(delete(compactions).where(mine)).rowcount != 1:
        raise _OvertakenError
    gone = sum(
        connection.execute(delete(files).where(files.c.path.in_(chunk))).rowcount
        for chunk in chunks(compaction.sources)
    )
    if gone != len(compaction.sources):
        raise _OvertakenError  # which rolls back
    connection.execute(
        insert(files).values(
            path=compaction.path,
            endpoint_id=compaction.endpoint_id,
            hour_us=compaction.hour_us,
            min_us=compaction.min_us,
            max_us=compaction.max_us,
            rows=compaction.rows,
            size_bytes=size_bytes,
        )
    )


def _give_up(database: Database, samples: SampleStore, compaction: Compaction) -> None:
    with database.write() as connection:
        connection.execute(delete(compactions).where(compactions.c.compaction_id == compaction.compaction_id))
    samples.delete([compaction.path])
