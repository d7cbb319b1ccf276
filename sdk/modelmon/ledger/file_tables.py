"""Tables that list the Parquet files that count: of samples, and of actuals."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Integer, Table

from modelmon.ledger.metadata import metadata
from modelmon.model import BatchRange, SampleFile
from modelmon.sql.types import BIG, Name


def file_table(name: str) -> Table:
    """A table of files; written by the stream function and by upkeep."""
    return Table(
        name, metadata,
        Column("path", Name(512), primary_key=True),
        Column("endpoint_id", Name(64), nullable=False),
        Column("hour_us", BIG, nullable=False),  # start of what it reaches over, and the folder it lies in
        Column("min_us", BIG, nullable=False),
        Column("max_us", BIG, nullable=False),
        Column("rows", BIG, nullable=False),
        Column("size_bytes", BIG, nullable=False),
        Column("stream_id", Name(64)),  # null: made by upkeep, and then its rows are in order
        Column("partition", Integer),
        Column("first", BIG),
        Column("last", BIG),
        Column("reach", Name(8), nullable=False, server_default="hour"),  # hour, day or month
        Column("columns", Integer, nullable=False, server_default="0"),  # 0: not known
        Column("committed_us", BIG, nullable=False, server_default="0"),  # of merged rows the newest
        Index(f"{name}_by_reach", "endpoint_id", "reach", "hour_us"),
    )  # fmt: skip


def file_row(file: SampleFile, now_us: int) -> dict[str, Any]:
    """The row of a file that a batch wrote."""
    return {
        "path": file.path,
        "endpoint_id": file.endpoint_id,
        "hour_us": file.hour_us,
        "min_us": file.min_us,
        "max_us": file.max_us,
        "rows": file.rows,
        "size_bytes": file.size_bytes,
        "columns": file.columns,
        "reach": file.reach,
        "committed_us": now_us,
        **range_row(file.batch),
    }


def range_row(batch: BatchRange) -> dict[str, Any]:
    """A batch's range as columns."""
    return {
        "stream_id": batch.stream_id,
        "partition": batch.partition,
        "first": batch.first,
        "last": batch.last,
    }
