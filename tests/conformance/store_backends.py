"""The store back-ends under test: a new one joins by one line in SAMPLES, SERIES or RECORDS."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from modelmon.ledger.migrations import SCHEMA as RECORDS_SCHEMA
from modelmon.ledger.records import records_at
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.schema import Schema
from modelmon.stores.base import SampleStore
from modelmon.stores.samples import ParquetSamples
from modelmon.stores.series import memory
from modelmon.stores.series.base import SeriesStore
from modelmon.stores.series.migrations import SCHEMA
from modelmon.stores.series.sql import SqlSeries
from series_files import series_in
from services.mariadb import NEEDS_MARIADB, shared_mariadb
from services.postgres import NEEDS_POSTGRES, shared_postgres


def sqlite(folder: Path) -> Database:
    return records_at(f"sqlite:///{folder}/records.db", durability="process")


def postgresql(folder: Path) -> Database:
    return _emptied(_postgresql_url())


def mariadb(folder: Path) -> Database:
    return _emptied(_mariadb_url())


@cache
def _postgresql_url() -> str:
    return shared_postgres().database()


@cache
def _mariadb_url() -> str:
    return shared_mariadb().database()


def _emptied(url: str, schema: Schema = RECORDS_SCHEMA) -> Database:
    """A database whose tables are there and empty: making them takes a server a second."""
    database = Database(url, schema)
    with database.write() as connection:
        for name in inspect(connection).get_table_names():
            if not name.endswith("_versions"):
                connection.exec_driver_sql(f"DELETE FROM {name}")
    return database


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


def postgresql_series(folder: Path) -> SeriesStore:
    return SqlSeries(_emptied(_postgresql_url(), SCHEMA))


def mariadb_series(folder: Path) -> SeriesStore:
    return SqlSeries(_emptied(_mariadb_url(), SCHEMA))


def _each(backend: Callable[[Path], Any], marks: list[pytest.MarkDecorator]) -> Any:
    return pytest.param(backend, marks=marks, id=backend.__name__)


SAMPLES: list[Callable[[Path], SampleStore]] = [folder_samples, durable_samples, fsspec_samples]
SERIES = [
    _each(sqlite_series, []),
    _each(beside_the_records, []),
    _each(memory_series, []),
    _each(postgresql_series, NEEDS_POSTGRES),
    _each(mariadb_series, NEEDS_MARIADB),
]
RECORDS = [_each(sqlite, []), _each(postgresql, NEEDS_POSTGRES), _each(mariadb, NEEDS_MARIADB)]
