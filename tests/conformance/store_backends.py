"""The store back-ends under test: a new one joins by one line in SAMPLES, SERIES or RECORDS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modelmon.ledger.records import records_at
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.base import SampleStore
from modelmon.stores.samples import ParquetSamples
from modelmon.stores.series import memory
from modelmon.stores.series.base import SeriesStore
from modelmon.stores.series.schema import SCHEMA
from modelmon.stores.series.sql import SqlSeries
from series_files import series_in


def sqlite(folder: Path) -> Database:
    return records_at(f"sqlite:///{folder}/records.db", durability="process")


def folder_samples(folder: Path) -> SampleStore:
    return ParquetSamples(str(folder / "samples"), "process")


def durable_samples(folder: Path) -> SampleStore:
    return ParquetSamples((folder / "samples").as_uri(), "power")


def fsspec_samples(folder: Path) -> SampleStore:
    return ParquetSamples(f"memory://{folder.name}/samples")


def sqlite_series(folder: Path) -> SeriesStore:
    return SqlSeries(Database(f"sqlite:///{folder}/series.db", SCHEMA, durability="process"))


def beside_the_records(folder: Path) -> SeriesStore:
    return series_in(sqlite(folder))


def memory_series(folder: Path) -> SeriesStore:
    return memory.open(f"memory://{folder}", Settings())


SAMPLES: list[Callable[[Path], SampleStore]] = [folder_samples, durable_samples, fsspec_samples]
SERIES: list[Callable[[Path], SeriesStore]] = [sqlite_series, beside_the_records, memory_series]
RECORDS: list[Callable[[Path], Database]] = [sqlite]
