"""Retention in files of a month: the days that are too old are cut off, once a day."""

from __future__ import annotations

import logging
import time
from typing import Any

from sqlalchemy import Select, Table, select

from modelmon.errors import ConfigError
from modelmon.sql.database import Database
from modelmon.stores.base import SampleStore
from modelmon.stores.reaching import start_of
from modelmon.upkeep.rewriting import begin, carry_out

logger = logging.getLogger(__name__)


def cut_months(
    database: Database, samples: SampleStore, before_us: int, now_us: int, deadline: float
) -> None:
    """Leave rows of days that were over by `before_us` out of the files of months that also hold newer ones.

    Stops at `deadline` (of `time.monotonic`), to go on in the next call. Raises UnavailableError; a corrupt
    file is logged and left as it is.
    """
    day_us = start_of("day", before_us)
    with database.read() as connection:
        paths = connection.scalars(_reaching_over(samples.listed, day_us)).all()
    for path in paths:
        if time.monotonic() >= deadline:
            return
        _cut(database, samples, path, day_us, now_us)


def _reaching_over(files: Table, time_us: int) -> Select[Any]:
    return (
        select(files.c.path)
        .where(files.c.reach == "month", files.c.hour_us < time_us)
        .where(files.c.min_us < time_us, files.c.max_us >= time_us)
        .order_by(files.c.hour_us, files.c.path)
    )


def _cut(database: Database, samples: SampleStore, path: str, day_us: int, now_us: int) -> None:
    from modelmon.stores.samples_types import between

    with database.write() as connection:
        row = connection.execute(select(samples.listed).where(samples.listed.c.path == path)).one_or_none()
        if row is None:  # another was quicker
            return
        rewrite = begin(connection, row.reach, row.hour_us, [row], now_us)
    try:
        carry_out(database, samples, rewrite, lambda table: between(table, day_us, row.max_us + 1))
    except (ConfigError, FileNotFoundError) as error:
        logger.warning("endpoint %s, a month's old days are not cut off: %s", row.endpoint_id, error)
