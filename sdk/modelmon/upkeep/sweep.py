"""Removing files that no reader opens: left by kills, zombies and rewrites, and certain never to count."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from sqlalchemy import Connection, Table, select

from modelmon.ledger.schema import positions, rewrites
from modelmon.model import HOUR_US
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks
from modelmon.stores.base import SampleStore
from modelmon.stores.reaching import endpoint_folder
from modelmon.stores.samples_files import HIDDEN
from modelmon.upkeep.rewriting import overtake

BATCH_FILE = re.compile(r"([0-9a-f]{8})-(\d+)-(\d+)-(\d+)(-[0-9a-f]{16})?\.parquet")
REWRITTEN_FILE = re.compile(r"c-([0-9a-f]{32})\.parquet")
STALE_US = HOUR_US

Applied = Mapping[tuple[str, int], int]
"""(first 8 digits of the stream's hash, partition) to the offset up to which everything was applied."""


def sweep(
    database: Database,
    samples: SampleStore,
    now_us: int,
    deadline: float,
    *,
    after: str = "",
    folder: str = "",
) -> tuple[int, str]:
    """Delete what is certain never to be listed, in the order of paths from `after` on, until `deadline`.

    That is: an unlisted file of a batch whose last offset is applied; an unlisted merged file whose
    rewrite is not under way; a temporary file begun more than an hour ago. Files of other names stay.
    Returns how many were deleted, and the path to go on after: "" when the end was reached.
    """
    deleted = 0
    # A file is seen on disk first and looked up in the records after: what is unlisted then and applied
    # can't come to be listed.
    for paths in chunks(samples.list(folder, after)):
        with database.read() as connection:
            useless = list(_useless(connection, samples.listed, paths, now_us))
        samples.delete(useless)
        deleted += len(useless)
        if time.monotonic() >= deadline:
            return deleted, paths[-1]
    return deleted, ""


def sweep_endpoint(database: Database, samples: SampleStore, endpoint_id: str, now_us: int) -> int:
    """The same for all files of one endpoint, to the end, those of rewrites under way too, which come to
    nothing; returns how many were deleted."""
    with database.write() as connection:
        overtake(connection, endpoint_id)
    deleted, _ = sweep(database, samples, now_us, math.inf, folder=endpoint_folder(endpoint_id))
    return deleted


def _useless(connection: Connection, files: Table, paths: Sequence[str], now_us: int) -> Iterator[str]:
    listed = set(connection.scalars(select(files.c.path).where(files.c.path.in_(paths))))
    under_way = set(connection.scalars(select(rewrites.c.rewrite_id)))
    applied = _applied(connection)
    for path in paths:
        name = path.rpartition("/")[2]
        if hidden := HIDDEN.fullmatch(name):
            if now_us - int(hidden[1]) > STALE_US:
                yield path
        elif path in listed:
            continue
        elif rewritten := REWRITTEN_FILE.fullmatch(name):
            if rewritten[1] not in under_way:
                yield path
        elif (batch := BATCH_FILE.fullmatch(name)) and int(batch[4]) <= applied.get(
            (batch[1], int(batch[2])), -1
        ):
            yield path


def _applied(connection: Connection) -> Applied:
    applied: dict[tuple[str, int], int] = {}
    for row in connection.execute(select(positions.c.stream_id, positions.c.partition, positions.c.applied)):
        key = (sha256(row.stream_id.encode()).hexdigest()[:8], row.partition)
        applied[key] = min(row.applied, applied.get(key, row.applied))
    return applied
