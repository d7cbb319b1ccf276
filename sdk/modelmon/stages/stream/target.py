"""storey's ParquetTarget made safe: a whole batch at once, every file durable before it passes on."""

from __future__ import annotations

from concurrent.futures import Executor
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from zlib import crc32

import storey
from storey.dtypes import _termination_obj

from modelmon.errors import UnavailableError
from modelmon.model import BatchRange, SampleFile, from_us
from modelmon.settings import Settings
from modelmon.stages.stream.batch import HourTable, Tabled
from modelmon.stores.base import SampleStore
from modelmon.waiting import when_available

PARTITION_COLUMNS = ("$key", "$year", "$month", "$day", "$hour")


class SamplesTarget(storey.ParquetTarget):  # type: ignore[misc]
    """Parquet in storey's layout `key=/year=/month=/day=/hour=`, one file per endpoint and hour of a batch.

    Takes ParquetTarget's parameters and differs in three ways: an event is a batch of tables, not a row;
    its files' names come from the batch's range, so that writing it again replaces them; the event goes on
    only after every file is durable. While the store does not answer it waits.
    """

    def __init__(
        self, path: str, *, samples: SampleStore, settings: Settings, writers: Executor, **arguments: Any
    ) -> None:
        arguments.setdefault("partition_cols", list(PARTITION_COLUMNS))
        arguments.setdefault("time_field", "timestamp")
        super().__init__(path, **arguments)
        self._samples = samples
        self._settings = settings
        self._writers = writers

    async def _do(self, event: Any) -> Any:
        if event is _termination_obj:
            return await super()._do(event)
        tabled: Tabled = event.body
        tables = [table for columns in tabled.columns for table in columns.hours]
        written: dict[str, int] = {}
        paths = [sample_path(tabled.decoded.batch.range, table) for table in tables]
        await when_available(
            lambda: self._write(dict(zip(paths, tables, strict=True)), written), self._settings, "the samples"
        )
        tabled.files = [
            _file(path, written[path], table, tabled.decoded.batch.range)
            for path, table in zip(paths, tables, strict=True)
        ]
        return await self._do_downstream(event)

    def _write(self, tables: dict[str, HourTable], written: dict[str, int]) -> None:
        """Write what is not in `written` yet, several files at a time, so that their fsyncs overlap."""
        left = [path for path in tables if path not in written]
        if len(left) == 1:
            written[left[0]] = self._samples.write(left[0], tables[left[0]].table)
            return
        futures = [self._writers.submit(self._samples.write, path, tables[path].table) for path in left]
        unavailable: UnavailableError | None = None
        for path, future in zip(left, futures, strict=True):
            try:
                written[path] = future.result()
            except UnavailableError as error:
                unavailable = error
        if unavailable is not None:
            raise unavailable


def sample_path(batch: BatchRange, table: HourTable) -> str:
    """Where the rows of one endpoint and hour of a batch are written; the batch's range alone names the file.

    >>> from types import SimpleNamespace
    >>> sample_path(BatchRange("s", 0, 5, 9), SimpleNamespace(endpoint_id="e", hour_us=0))
    'key=e/year=1970/month=01/day=01/hour=00/043a7187-0-5-9.parquet'
    """
    hour: datetime = from_us(table.hour_us).astimezone(UTC)
    key = table.endpoint_id
    if key != key.lower():  # `A` and `a` are one folder on some disks
        key = f"{key}~{crc32(key.encode()):08x}"
    folder = f"key={key}/year={hour:%Y}/month={hour:%m}/day={hour:%d}/hour={hour:%H}"
    stream = sha256(batch.stream_id.encode()).hexdigest()[:8]
    return f"{folder}/{stream}-{batch.partition}-{batch.first}-{batch.last}.parquet"


def _file(path: str, size: int, table: HourTable, batch: BatchRange) -> SampleFile:
    return SampleFile(
        path=path,
        endpoint_id=table.endpoint_id,
        hour_us=table.hour_us,
        min_us=table.min_us,
        max_us=table.max_us,
        rows=table.table.num_rows,
        size_bytes=size,
        batch=batch,
    )


def writer_threads(settings: Settings) -> int:
    """How many files are written at a time: an fsync waits, so more of them than there are cores."""
    return 4 if settings.durability == "power" else 2
