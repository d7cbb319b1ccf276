"""Sample files as the stream function leaves them: on disk and in the ledger's list."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pyarrow as pa
from sqlalchemy import insert

from modelmon.ledger.schema import files
from modelmon.model import from_us
from modelmon.sql.database import Database
from modelmon.stores.base import SampleStore
from modelmon.stores.samples_types import METADATA_TYPES, TIMESTAMP_TYPE

HOUR_US = 3_600_000_000
STREAM = "stream-1"


def table(
    times_us: Sequence[int],
    columns: dict[str, Any],
    *,
    endpoint_id: str = "e",
    partition: int = 0,
    first: int = 0,
) -> pa.Table:
    """One row per time, each its own message from offset `first` on."""
    rows = len(times_us)
    metadata = {
        "endpoint_id": pa.array([endpoint_id] * rows).dictionary_encode(),
        "request_id": [f"r{first + row}" for row in range(rows)],
        "latency": [1] * rows,
        "effective_sample_count": [1] * rows,
        "estimated_prediction_count": [1.0] * rows,
        "stream_partition": [partition] * rows,
        "stream_offset": list(range(first, first + rows)),
        "event_item": [0] * rows,
        "event_row": [0] * rows,
    }
    typed = {
        name: pa.array(metadata[name], kind) if isinstance(metadata.get(name), list) else metadata.get(name)
        for name, kind in METADATA_TYPES.items()
    }
    typed |= {name: pa.nulls(rows, METADATA_TYPES[name]) for name, value in typed.items() if value is None}
    return pa.table({"timestamp": pa.array(times_us, TIMESTAMP_TYPE), **columns, **typed})


def path_of(hour_us: int, first: int, last: int, *, endpoint_id: str = "e", partition: int = 0) -> str:
    folder = f"key={endpoint_id}/{from_us(hour_us):year=%Y/month=%m/day=%d/hour=%H}"
    return f"{folder}/{sha256(STREAM.encode()).hexdigest()[:8]}-{partition}-{first}-{last}.parquet"


def add_file(
    database: Database,
    samples: SampleStore,
    times_us: Sequence[int],
    columns: dict[str, Any],
    *,
    endpoint_id: str = "e",
    partition: int = 0,
    first: int = 0,
) -> str:
    """Write one file of one hour and list it; returns its path."""
    hour_us, last = times_us[0] // HOUR_US * HOUR_US, first + len(times_us) - 1
    path = path_of(hour_us, first, last, endpoint_id=endpoint_id, partition=partition)
    content = table(times_us, columns, endpoint_id=endpoint_id, partition=partition, first=first)
    row = {
        "path": path, "endpoint_id": endpoint_id, "hour_us": hour_us, "min_us": min(times_us),
        "max_us": max(times_us), "rows": len(times_us), "size_bytes": samples.write(path, content),
        "stream_id": STREAM, "partition": partition, "first": first, "last": last,
        "columns": content.num_columns,
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(insert(files), [row])
    return path
