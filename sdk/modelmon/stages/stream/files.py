"""The files of a batch: which rows stand where, and writing several of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from hashlib import sha256

from modelmon.model import BatchRange, SampleFile
from modelmon.settings import Settings
from modelmon.stages.stream.batch import HourTable
from modelmon.stores.base import SampleStore
from modelmon.stores.reaching import sample_folder


def write_tables(
    samples: SampleStore,
    writers: Executor,
    batch: BatchRange,
    tables: Sequence[HourTable],
    sizes: dict[str, int],
) -> list[SampleFile]:
    """The files of these tables, each of them durable.

    What stands in `sizes`, by its path, is written already: a second try goes on where the first stopped.
    """
    paths = {sample_path(batch, table): table for table in tables}
    left = {path: each.table for path, each in paths.items() if path not in sizes}
    if len(left) == 1:  # nothing to overlap with
        ((path, only),) = left.items()
        sizes[path] = samples.write(path, only)
    else:
        samples.write_all(left, writers, sizes)
    return [_file(path, sizes[path], table, batch) for path, table in paths.items()]


def sample_path(batch: BatchRange, table: HourTable) -> str:
    """Where the rows of one endpoint and hour of a batch are written; the batch's range names the file.

    >>> from types import SimpleNamespace
    >>> sample_path(BatchRange("s", 0, 5, 9), SimpleNamespace(endpoint_id="e", hour_us=0, variant=""))
    'key=e/year=1970/month=01/day=01/hour=00/043a7187-0-5-9.parquet'
    """
    folder = sample_folder(table.endpoint_id, table.hour_us)
    name = f"{stream_name(batch.stream_id)}-{batch.partition}-{batch.first}-{batch.last}"
    return f"{folder}/{name}{table.variant and '-'}{table.variant}.parquet"


def stream_name(stream_id: str) -> str:
    """A stream's id in eight digits.

    >>> stream_name("s")
    '043a7187'
    """
    return sha256(stream_id.encode()).hexdigest()[:8]


def _file(path: str, size: int, table: HourTable, batch: BatchRange) -> SampleFile:
    return SampleFile(
        path=path,
        endpoint_id=table.endpoint_id,
        hour_us=table.hour_us,
        min_us=table.min_us,
        max_us=table.max_us,
        rows=table.table.num_rows,
        size_bytes=size,
        columns=table.table.num_columns,
        batch=batch,
        reach=table.reach,
    )


def writer_threads(settings: Settings) -> int:
    """How many files are written at a time: an fsync waits, so more of them than there are cores."""
    return 4 if settings.durability == "power" else 2
