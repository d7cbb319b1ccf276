"""One file takes the place of others, without a moment in which a row counts twice or not at all.

A `rewrites` row is written, then the new file, then one transaction lists the new file in place of its
sources if all of them and the row still stand, and last the sources are deleted. Killed anywhere in between,
the sweep removes what is left over. Compaction, retention and erasing are this and nothing else.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select

from modelmon.errors import ConfigError
from modelmon.ledger.actuals import forget_index
from modelmon.ledger.schema import rewrites
from modelmon.model import HOUR_US
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks
from modelmon.stores.base import SampleStore
from modelmon.stores.reaching import Reach, sample_folder
from modelmon.stores.samples_reading import read_in_order

if TYPE_CHECKING:
    import pyarrow as pa

ABANDONED_AFTER_US = HOUR_US


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One rewrite under way: `sources` are rows of `files`, `path` takes their place."""

    rewrite_id: str
    endpoint_id: str
    reach: Reach
    hour_us: int
    sources: tuple[Row[Any], ...]

    @property
    def path(self) -> str:
        return f"{sample_folder(self.endpoint_id, self.hour_us)}/c-{self.rewrite_id}.parquet"

    @property
    def source_paths(self) -> tuple[str, ...]:
        return tuple(source.path for source in self.sources)


class OvertakenError(Exception):
    """The sources or the rewrite are not what they were."""


def begin(
    connection: Connection, reach: Reach, hour_us: int, sources: Sequence[Row[Any]], now_us: int
) -> Rewrite:
    """Note that these files of one endpoint are about to be rewritten."""
    rewrite = Rewrite(uuid.uuid4().hex, sources[0].endpoint_id, reach, hour_us, tuple(sources))
    row = {"rewrite_id": rewrite.rewrite_id, "endpoint_id": rewrite.endpoint_id, "started_us": now_us}
    connection.execute(insert(rewrites), [row])
    return rewrite


def overtake(connection: Connection, endpoint_id: str) -> None:
    """What is being rewritten of an endpoint comes to nothing: no file appears that was read before."""
    connection.execute(delete(rewrites).where(rewrites.c.endpoint_id == endpoint_id))


def forget_abandoned(connection: Connection, now_us: int) -> None:
    """Rewrites begun so long ago that whoever began them is taken for dead."""
    connection.execute(delete(rewrites).where(rewrites.c.started_us < now_us - ABANDONED_AFTER_US))


def carry_out(
    database: Database,
    samples: SampleStore,
    rewrite: Rewrite,
    keep: Callable[[pa.Table], pa.Table] | None = None,
    also: Callable[[Connection], None] = lambda _: None,
) -> bool:
    """Put what `keep` leaves of the sources' rows in their place, by itself what the store leaves of files
    that it merges; nothing when none is left.

    `also` belongs to the same transaction, and may raise OvertakenError. False, and nothing is changed, when
    it does, or somebody else has changed one of the sources meanwhile or taken this rewrite for dead. Raises
    FileNotFoundError for a source that is gone, ConfigError for one that is corrupt, UnavailableError when a
    store does not answer.
    """
    try:
        kept = (keep or samples.merged)(_read(samples, rewrite))
        size_bytes = samples.write(rewrite.path, kept, packed=True) if kept.num_rows else 0
        with database.write() as connection:
            _swap(connection, samples.listed, rewrite)
            if kept.num_rows:
                connection.execute(insert(samples.listed), [_row(rewrite, kept, size_bytes)])
            also(connection)
    except (ConfigError, FileNotFoundError, OvertakenError) as error:
        _give_up(database, samples, rewrite)
        if isinstance(error, OvertakenError) or not _stands(database, samples.listed, rewrite):
            return False
        raise
    samples.delete(rewrite.source_paths)
    return True


def _read(samples: SampleStore, rewrite: Rewrite) -> pa.Table:
    table = read_in_order(samples, rewrite.source_paths)
    listed = sum(source.rows for source in rewrite.sources)
    if table.num_rows != listed:
        raise ConfigError(
            f"{rewrite.source_paths[0]} and its neighbours hold {table.num_rows} rows, the records say "
            f"{listed}; restore them from a backup"
        )
    return table


def _swap(connection: Connection, files: Table, rewrite: Rewrite) -> None:
    mine = rewrites.c.rewrite_id == rewrite.rewrite_id
    if connection.execute(delete(rewrites).where(mine)).rowcount != 1:
        raise OvertakenError
    gone = sum(
        connection.execute(delete(files).where(files.c.path.in_(chunk))).rowcount
        for chunk in chunks(rewrite.source_paths)
    )
    if gone != len(rewrite.sources):
        raise OvertakenError  # which rolls back
    forget_index(connection, rewrite.source_paths)


def _row(rewrite: Rewrite, table: pa.Table, size_bytes: int) -> dict[str, Any]:
    from modelmon.stores.samples_types import time_span

    first_us, last_us = time_span(table)
    return {
        "path": rewrite.path,
        "endpoint_id": rewrite.endpoint_id,
        "hour_us": rewrite.hour_us,
        "min_us": first_us,
        "max_us": last_us,
        "rows": table.num_rows,
        "size_bytes": size_bytes,
        "reach": rewrite.reach,
        "columns": table.num_columns,
        "committed_us": max(source.committed_us for source in rewrite.sources),
    }


def _stands(database: Database, files: Table, rewrite: Rewrite) -> bool:
    """Whether all sources are listed as they were."""
    with database.read() as connection:
        listed = sum(
            connection.scalar(select(func.count()).where(files.c.path.in_(chunk))) or 0
            for chunk in chunks(rewrite.source_paths)
        )
    return listed == len(rewrite.sources)


def _give_up(database: Database, samples: SampleStore, rewrite: Rewrite) -> None:
    with database.write() as connection:
        connection.execute(delete(rewrites).where(rewrites.c.rewrite_id == rewrite.rewrite_id))
    samples.delete([rewrite.path])
