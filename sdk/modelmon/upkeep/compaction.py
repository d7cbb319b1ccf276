"""Many small files become one: of a closed hour, of a closed day, and of a month where it is small.

Nothing is merged while rows of it still come; late rows make files of their own, which the next compaction
takes in. How much is merged at a time is bounded by what the ledger knows of the files.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, case, func, or_, select

from modelmon.errors import ConfigError
from modelmon.ledger.schema import dirty, rewrites
from modelmon.model import HOUR_US
from modelmon.sql.database import Database
from modelmon.stores.base import SampleStore
from modelmon.stores.reaching import LONGEST_US, Reach, end_of, start_of
from modelmon.upkeep.rewriting import Rewrite, begin, carry_out, forget_abandoned

logger = logging.getLogger(__name__)

CLOSED_AFTER_US = 2 * HOUR_US  # an hour, day or month is closed this long after its end
QUIET_AFTER_US = HOUR_US  # and a day or month is merged when no rows of it were committed for this long
LARGEST_BYTES = 64 * 2**20  # of the sources together
LARGEST_CELLS = 16 * 10**6  # rows times columns of the sources together: bounds the memory of one compaction
MOST_FILES = 2_000  # sources of one compaction: bounds its time
AT_ONCE = 1_000  # hours, days or months that are looked up together
_WIDEST_FIRST: tuple[Reach, ...] = ("month", "day", "hour")  # so that no row is written twice on the way
_SOURCES: dict[Reach, tuple[Reach, ...]] = {
    "hour": ("hour",), "day": ("hour", "day"), "month": ("hour", "day", "month"),
}  # fmt: skip


def compact(
    database: Database, samples: SampleStore, now_us: int, deadline: float, *, min_files: int
) -> tuple[int, bool]:
    """Compact what is closed until `deadline` (of `time.monotonic`); an hour only if it has at least
    `min_files` small files, for its day's end comes soon.

    Returns how many files were made and whether nothing was left to do. Any number of processes may
    do this together. Raises UnavailableError; a corrupt file is logged and its neighbours left as they are.
    """
    done, finished = 0, True
    with database.write() as connection:
        forget_abandoned(connection, now_us)
    for reach in _WIDEST_FIRST:
        with database.read() as connection:
            found = _due(connection, samples.listed, reach, now_us, min_files)
        for endpoint_id, start_us in found:
            if time.monotonic() >= deadline:
                return done, False
            done += _merge(database, samples, reach, endpoint_id, start_us, now_us, min_files)
        finished &= len(found) < AT_ONCE
    return done, finished


def _due(
    connection: Connection, files: Table, reach: Reach, now_us: int, min_files: int
) -> Sequence[tuple[str, int]]:
    """Endpoints and starts of hours, days or months that are worth a merge."""
    start = _start_column(connection, files, reach).label("start_us")
    query = (
        _closed(select(files.c.endpoint_id, start), files, reach, now_us)
        .group_by(files.c.endpoint_id, start)
        .having(_is_worth_it(files, reach, now_us, min_files))
        .order_by(files.c.endpoint_id, start)
    )
    return [(row.endpoint_id, row.start_us) for row in connection.execute(query.limit(AT_ONCE))]


def _start_column(connection: Connection, files: Table, reach: Reach) -> Any:
    hour = files.c.hour_us
    if reach != "month":
        return hour - hour % LONGEST_US[reach]
    first_us, last_us = connection.execute(select(func.min(hour), func.max(hour))).one()
    return case(*_months(files, first_us or 0, last_us or 0), else_=0)


def _months(files: Table, first_us: int, last_us: int) -> Iterator[tuple[Any, int]]:
    start_us = start_of("month", first_us)
    while start_us <= last_us or start_us <= first_us:
        end_us = end_of("month", start_us)
        yield files.c.hour_us < end_us, start_us
        start_us = end_us


def _closed(query: Select[Any], files: Table, reach: Reach, now_us: int) -> Select[Any]:
    """Files that may be merged into one of this reach: small, closed, noticed, and nobody is at them."""
    unnoticed = (
        select(dirty.c.minute_us)
        .where(dirty.c.endpoint_id == files.c.endpoint_id)
        .where(dirty.c.minute_us >= files.c.hour_us, dirty.c.minute_us < files.c.hour_us + HOUR_US)
    )
    under_way = select(rewrites.c.rewrite_id).where(rewrites.c.endpoint_id == files.c.endpoint_id)
    query = query.where(
        files.c.reach.in_(_SOURCES[reach]),
        files.c.hour_us < start_of(reach, now_us - CLOSED_AFTER_US),
        ~unnoticed.exists(),
        ~under_way.exists(),
    )
    if reach != "month":  # a month is merged as a whole or not at all
        query = query.where(files.c.size_bytes < LARGEST_BYTES // 2, _cells(files) < LARGEST_CELLS // 2)
    return query


def _cells(files: Table) -> Any:
    return files.c.rows * files.c.columns


def _is_worth_it(files: Table, reach: Reach, now_us: int, min_files: int) -> Any:
    """An hour that has enough files; a day or month that rests, or has waited and at least doubled."""
    if reach == "hour":
        return func.count() >= min_files
    quiet_us = now_us - QUIET_AFTER_US
    size = files.c.size_bytes
    rests = func.max(files.c.committed_us) <= quiet_us
    doubled = and_(func.min(files.c.committed_us) <= quiet_us, func.sum(size) >= 2 * func.max(size))
    worth = and_(func.count() >= 2, or_(rests, doubled))
    if reach == "day":
        return worth
    return and_(worth, func.sum(size) <= LARGEST_BYTES, func.sum(_cells(files)) <= LARGEST_CELLS)


def _merge(
    database: Database,
    samples: SampleStore,
    reach: Reach,
    endpoint_id: str,
    start_us: int,
    now_us: int,
    min_files: int,
) -> bool:
    with database.write() as connection:
        rewrite = _begin(connection, samples.listed, reach, endpoint_id, start_us, now_us, min_files)
    if rewrite is None:
        return False
    try:
        return carry_out(database, samples, rewrite)
    except (ConfigError, FileNotFoundError) as error:
        logger.warning("endpoint %s, samples of a %s are not merged: %s", endpoint_id, reach, error)
        return False


def _begin(
    connection: Connection,
    files: Table,
    reach: Reach,
    endpoint_id: str,
    start_us: int,
    now_us: int,
    min_files: int,
) -> Rewrite | None:
    # Asked again under the write lock: another process may have been quicker.
    mine = (
        files.c.endpoint_id == endpoint_id,
        files.c.hour_us >= start_us,
        files.c.hour_us < end_of(reach, start_us),
    )
    still = _closed(select(func.count()), files, reach, now_us).where(*mine)
    if not connection.scalar(still.having(_is_worth_it(files, reach, now_us, min_files))):
        return None
    closed = _closed(select(files), files, reach, now_us).where(*mine)
    sources = list(_fitting(connection.execute(closed.order_by(files.c.min_us, files.c.path)).all()))
    return begin(connection, reach, start_us, sources, now_us) if len(sources) > 1 else None


def _fitting(sources: Sequence[Row[Any]]) -> Iterator[Row[Any]]:
    size_bytes = cells = 0
    for source in sources[:MOST_FILES]:
        size_bytes += source.size_bytes
        cells += source.rows * source.columns
        if size_bytes > LARGEST_BYTES or cells > LARGEST_CELLS:
            return
        yield source
