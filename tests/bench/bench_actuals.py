"""What finding the prediction of an actual costs, without its time: ten million predictions in ninety days.

The predictions lie as they do once they are merged, a file a day, with ids of 32 hexadecimal digits. The
limit is reading the ids of all files and looking for the same ones: what there is to do without an index.
Of reading predictions with their actuals, one for each, the limit is reading them without.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, insert, select

from modelmon.ledger.actuals_schema import actual_files, row_index
from modelmon.ledger.records import records_at
from modelmon.ledger.schema import files
from modelmon.model import DAY_US
from modelmon.stores.actuals import ParquetActuals
from modelmon.stores.actuals_joining import ROW_TYPES
from modelmon.stores.reaching import sample_folder
from modelmon.stores.row_hashes import row_hashes
from modelmon.stores.row_index import IndexCache, find_rows
from modelmon.stores.samples import ParquetSamples
from modelmon.stores.samples_reading import read_sample
from modelmon.stores.samples_types import TIMESTAMP_TYPE

PREDICTIONS, DAYS = 10_000_000, 90
ROWS_A_DAY = PREDICTIONS // DAYS
START_US = 1_700_006_400_000_000 // DAY_US * DAY_US
MANY = 100_000
DIGITS = 32


def measure() -> list[dict[str, Any]]:
    """Seconds until the predictions are found, bytes of index a prediction."""
    with tempfile.TemporaryDirectory() as folder:
        return _Quarter(Path(folder)).entries()


class _Quarter:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._samples = ParquetSamples(str(folder / "samples"), "process")
        self._database = records_at(f"sqlite:///{folder}/records.db", durability="process")
        self._draw = np.random.default_rng(7)
        self._some: list[str] = []
        self._actuals = ParquetActuals(str(folder / "actuals"), "process")
        self._came: list[dict[str, Any]] = []
        with self._database.write() as connection:
            connection.execute(insert(files), [self._write(day) for day in range(DAYS)])

    def _write(self, day: int) -> dict[str, Any]:
        start_us = START_US + day * DAY_US
        times = np.sort(self._draw.integers(0, DAY_US, ROWS_A_DAY)) + start_us
        ids = _ids(self._draw, ROWS_A_DAY)
        self._some += ids.take(pa.array(self._draw.integers(0, ROWS_A_DAY, MANY // DAYS + 1))).to_pylist()
        table = pa.table(
            {
                "timestamp": pa.array(times, TIMESTAMP_TYPE),
                "request_id": ids,
                "event_row": pa.array(np.zeros(ROWS_A_DAY, np.int32)),
            }
        )
        self._came.append(_file(self._actuals, day, _came_true(table), int(times[0]), int(times[-1])))
        return _file(self._samples, day, table, int(times[0]), int(times[-1]))

    def entries(self) -> list[dict[str, Any]]:
        one, many = self._some[:1], self._some[:MANY]
        before, cache = self._size(), IndexCache()
        first = self._found(one, cache)
        without_one, without_many = self._without(one), self._without(many)
        of_index = self._bytes_of_index()
        return [
            _entry("first actual of an endpoint: all predictions are indexed", first, without_one, "s"),
            _entry(
                "one actual, by a process that has no index yet",
                self._found(one, IndexCache()),
                without_one,
                "s",
            ),
            _entry("one actual", self._found(one, cache), without_one, "s"),
            _entry(
                f"{MANY:,} actuals, a thousand",
                self._found(many, cache) / MANY * 1e3,
                without_many / MANY * 1e3,
                "s",
            ),
            _entry(
                "index in the records, a prediction", (self._size() - before) / PREDICTIONS, of_index, "bytes"
            ),
            *self._reading(),
        ]

    def _reading(self) -> list[dict[str, Any]]:
        with self._database.write() as connection:
            connection.execute(insert(actual_files), self._came)
        told = {
            1: "a day of predictions read with their actuals",
            DAYS: "all of them read with their actuals",
        }
        return [
            _entry(words, self._read(days, self._actuals), self._read(days, None), "s")
            for days, words in told.items()
        ]

    def _read(self, days: int, actuals: ParquetActuals | None) -> float:
        def read() -> int:
            table = read_sample(
                self._database, self._samples, "endpoint", START_US, START_US + days * DAY_US, actuals=actuals
            )
            if actuals is None:
                return len(table)
            return len(table) - int(table.column("actual.late").null_count)

        return _seconds(read, days * ROWS_A_DAY)

    def _found(self, ids: list[str], cache: IndexCache) -> float:
        def find() -> int:
            hashes = row_hashes(pa.array(ids), np.zeros(len(ids), np.int64))
            return len(find_rows(self._database, self._samples, "endpoint", hashes, cache).asked)

        return _seconds(find, len(ids))

    def _without(self, ids: list[str]) -> float:
        def find() -> int:
            wanted, found = pa.array(ids), 0
            for path in self._samples.list():
                held = self._samples.read(path, ["request_id"]).column("request_id")
                found += pc.sum(pc.is_in(held, value_set=wanted)).as_py() or 0
            return found

        return _seconds(find, len(ids))

    def _bytes_of_index(self) -> float:
        with self._database.read() as connection:
            return (
                int(connection.scalar(select(func.sum(func.length(row_index.c.entries)))) or 0) / PREDICTIONS
            )

    def _size(self) -> int:
        self._database.close()  # what its log holds goes into the file
        return sum(path.stat().st_size for path in self._folder.glob("records.db*"))


def _came_true(table: pa.Table) -> pa.Table:
    """One actual a prediction, as a file of them is."""
    rows = len(table)
    columns = {
        name: table.column(name) if name in table.column_names else pa.nulls(rows, kind)
        for name, kind in ROW_TYPES.items()
    }
    arrived = table.column("timestamp")
    return pa.table(
        {
            **columns,
            "arrived": arrived,
            "stream": pa.array(["s"] * rows).dictionary_encode().cast(pa.string()),
            "stream_partition": pa.array(np.zeros(rows, np.int32)),
            "stream_offset": pa.array(np.arange(rows)),
            "event_item": pa.array(np.zeros(rows, np.int32)),
            "actual.late": pa.array(np.arange(rows) % 2),
        }
    )


def _file(store: ParquetSamples, day: int, table: pa.Table, min_us: int, max_us: int) -> dict[str, Any]:
    """A merged file of a day, as its store lists it."""
    start_us = START_US + day * DAY_US
    path = f"{sample_folder('endpoint', start_us)}/c-{day:032x}.parquet"
    return {
        "path": path, "endpoint_id": "endpoint", "hour_us": start_us, "min_us": min_us, "max_us": max_us,
        "rows": len(table), "columns": len(table.column_names), "reach": "day",
        "size_bytes": store.write(path, table, packed=True),
    }  # fmt: skip


def _ids(draw: np.random.Generator, count: int) -> pa.Array:
    digits = np.frombuffer(draw.bytes(count * DIGITS // 2).hex().encode(), np.uint8)
    offsets = np.arange(0, (count + 1) * DIGITS, DIGITS, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(digits))


def _seconds(find: Callable[[], int], expected: int) -> float:
    begun = time.perf_counter()
    found = find()
    seconds = time.perf_counter() - begun
    assert found >= len(set(range(expected))) * 0.99, f"{found:,} of {expected:,} found"
    return seconds


def _entry(name: str, value: float, limit: float, unit: str) -> dict[str, Any]:
    return {"name": f"actuals: {name}", "value": value, "unit": unit, "limit": limit, "ratio": value / limit}
