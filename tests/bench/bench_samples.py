"""A year of one endpoint read back, before and after compaction, beside one file of the same rows.

The year has the shape of the demo's: 6,935 hours of about 49 requests, a file each, of 23 columns. The limit
is one zstd file of all rows, read by pyarrow in the same turns; `pyarrow.dataset` on the same folder stands
beside.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from sqlalchemy import func, insert, select

from modelmon.column_names import ROW_ORDER, TIMESTAMP
from modelmon.ledger.records import records_at
from modelmon.ledger.schema import files
from modelmon.model import DAY_US, HOUR_US
from modelmon.stores.reaching import sample_folder
from modelmon.stores.samples import ParquetSamples
from modelmon.stores.samples_reading import read_sample
from modelmon.stores.samples_types import METADATA_TYPES, TIMESTAMP_TYPE
from modelmon.upkeep.compaction import compact

ROUNDS = 5
DAYS, HOURS_A_DAY, ROWS_A_HOUR = 365, 19, 49
START_US = 1_356_998_400_000_000  # 2013
END_US = START_US + DAYS * DAY_US
COLUMN = "distance"


def measure() -> list[dict[str, Any]]:
    """Rows read a second, bytes of a stored row and files a month: of hours, and once they are merged."""
    with tempfile.TemporaryDirectory() as folder:
        year = _Year(Path(folder))
        entries = year.read("an hour a file") + year.kept("an hour a file")
        entries += year.compact()
        return entries + year.read("compacted") + year.kept("compacted")


class _Year:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "samples"
        self._samples = ParquetSamples(str(self._folder), "process")
        self._database = records_at(f"sqlite:///{folder}/records.db", durability="process")
        self._one_file = folder / "one.parquet"
        tables = self._write()
        self.rows = sum(table.num_rows for table in tables)
        whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        begun = time.perf_counter()
        pq.write_table(whole, self._one_file, compression="zstd")
        self.write_seconds = time.perf_counter() - begun

    def _write(self) -> list[pa.Table]:
        draw, tables, rows = np.random.default_rng(7), [], []
        for number in range(DAYS * HOURS_A_DAY):
            hour_us = START_US + number // HOURS_A_DAY * DAY_US + number % HOURS_A_DAY * HOUR_US
            table = _hour(draw, hour_us, number)
            path = f"{sample_folder('endpoint', hour_us)}/00000000-0-{number}-{number}.parquet"
            tables.append(table)
            rows.append(
                {
                    "path": path, "endpoint_id": "endpoint", "hour_us": hour_us, "min_us": hour_us,
                    "max_us": hour_us, "rows": table.num_rows, "columns": table.num_columns,
                    "size_bytes": self._samples.write(path, table), "stream_id": "stream", "partition": 0,
                    "first": number, "last": number,
                }
            )  # fmt: skip
        with self._database.write() as connection:
            connection.execute(insert(files), rows)
        return tables

    def compact(self) -> list[dict[str, Any]]:
        """Rows merged a second, until nothing is left to do; the limit is writing them alone."""
        begun = time.perf_counter()
        compact(self._database, self._samples, END_US + 40 * DAY_US, float("inf"), min_files=8)
        rate = self.rows / (time.perf_counter() - begun)
        return [
            _entry("year compacted (limit: written once)", rate, "rows/s", self.rows / self.write_seconds)
        ]

    def read(self, state: str) -> list[dict[str, Any]]:
        """Rows read a second, all columns and one, by our reader and by `pyarrow.dataset`."""
        entries = []
        for what, columns in (("all columns", None), ("one column", [COLUMN])):
            turns = [(self._ours(columns), self._dataset(columns), self._one(columns)) for _ in range(ROUNDS)]
            ours, dataset, one = (self.rows / median(seconds) for seconds in zip(*turns, strict=True))
            entries.append(_entry(f"year read, {what}, {state} (limit: one file)", ours, "rows/s", one))
            entries.append(_entry(f"the same by pyarrow.dataset, {what}, {state}", dataset, "rows/s", one))
        return entries

    def _ours(self, columns: list[str] | None) -> float:
        return _seconds(
            lambda: read_sample(self._database, self._samples, "endpoint", START_US, END_US, columns),
            self.rows,
        )

    def _dataset(self, columns: list[str] | None) -> float:
        def read() -> pa.Table:
            found = ds.dataset(self._folder, format="parquet", partitioning="hive")
            return found.to_table(columns=columns)

        return _seconds(read, self.rows)

    def _one(self, columns: list[str] | None) -> float:
        return _seconds(lambda: pq.read_table(self._one_file, columns=columns), self.rows)

    def kept(self, state: str) -> list[dict[str, Any]]:
        """Bytes of a stored row, and files a month."""
        with self._database.read() as connection:
            count, size = connection.execute(select(func.count(), func.sum(files.c.size_bytes))).one()
        one = self._one_file.stat().st_size
        return [
            _entry(f"a stored row, {state} (limit: one file)", size / self.rows, "bytes", one / self.rows),
            _entry(f"files of an endpoint and month, {state}", count / 12, "files", 1),
        ]


def _hour(draw: np.random.Generator, hour_us: int, number: int) -> pa.Table:
    rows = ROWS_A_HOUR - 10 + number % 21
    features = {
        "departure_delay": draw.integers(-20, 300, rows).astype(float),
        "feature.hour": np.full(rows, hour_us // HOUR_US % 24),
        COLUMN: draw.choice([200.0, 760.0, 1400.0, 2475.0], rows),
        "temperature": np.repeat(draw.normal(60, 10, 1).round(2), rows),
        "humidity": np.repeat(draw.uniform(20, 100, 1).round(2), rows),
        "wind": np.repeat(draw.uniform(0, 30, 1).round(3), rows),
        "rain": np.zeros(rows),
        "pressure": np.repeat(draw.normal(1017, 5, 1).round(1), rows),
        "visibility": np.full(rows, 10.0),
        "prediction": draw.integers(0, 2, rows).astype(float),
    }
    known = {
        "endpoint_id": ["endpoint"] * rows,
        "request_id": [f"{number:08x}-5c1e-4b7a-9d0e-{number * 7919:012x}"] * rows,
        "latency": [1000 + number % 700] * rows,
        "effective_sample_count": [rows] * rows,
        "estimated_prediction_count": [float(rows)] * rows,
        "stream_partition": [0] * rows,
        "stream_offset": [number] * rows,
        "event_item": [0] * rows,
        "event_row": list(range(rows)),
    }
    metadata = {
        name: pa.array(known[name], pa.string() if pa.types.is_dictionary(kind) else kind)
        if name in known
        else pa.nulls(rows, kind)
        for name, kind in METADATA_TYPES.items()
    }
    metadata["endpoint_id"] = metadata["endpoint_id"].dictionary_encode()
    assert set(ROW_ORDER) <= {TIMESTAMP, *metadata}
    return pa.table({TIMESTAMP: pa.array([hour_us] * rows, TIMESTAMP_TYPE), **features, **metadata})


def _seconds(read: Callable[[], pa.Table], rows: int) -> float:
    begun = time.perf_counter()
    found = read().num_rows
    seconds = time.perf_counter() - begun
    assert found == rows, f"{found:,} rows of {rows:,} were read"
    return seconds


def _entry(name: str, value: float, unit: str, limit: float) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "limit": limit, "ratio": value / limit}
