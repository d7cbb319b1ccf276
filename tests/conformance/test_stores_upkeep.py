"""Merging, cutting, erasing and sweeping sample files, on every database that can hold the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.store_backends import RECORDS
from ledger_rows import listed_files
from modelmon.ledger import endpoints
from modelmon.model import DAY_US, HOUR_US, Endpoint
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.reaching import start_of
from modelmon.stores.samples import ParquetSamples
from modelmon.stores.samples_reading import read_sample
from modelmon.upkeep.compaction import CLOSED_AFTER_US, compact
from modelmon.upkeep.cutting import cut_months
from modelmon.upkeep.erasing import Erased
from modelmon.upkeep.sweep import sweep
from modelmon.views.erasures import newest_erasures
from sample_files import add_file
from sample_house import erase

MONTH = start_of("month", 40 * DAY_US)
NEXT = start_of("month", MONTH + 40 * DAY_US)
NOW = NEXT + DAY_US + CLOSED_AFTER_US


@pytest.fixture(params=RECORDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    database = request.param(tmp_path)
    yield database
    database.close()


def test_files_are_merged_cut_erased_and_swept(database: Database, tmp_path: Path) -> None:
    samples = ParquetSamples(str(tmp_path / "samples"), "process")
    hours = [
        *(MONTH + day * DAY_US for day in (0, 9, 18)),  # a month
        *(NEXT + hour * HOUR_US for hour in (1, 5)),  # a day
        *(NEXT + DAY_US + n for n in range(8)),  # an hour
    ]
    for number, hour_us in enumerate(hours):
        add_file(database, samples, [hour_us, hour_us + 8], {"x": [number, number]}, first=2 * number)
    with database.write() as connection:
        endpoints.put(connection, Endpoint("e", "p", "churn", feature_names=("x",)), 1)

    def read() -> list[int]:
        return sorted(read_sample(database, samples, "e", 0, 2 * NOW, ["x"])["x"].to_pylist())

    everything = sorted([*range(len(hours))] * 2)
    deadline = time.monotonic() + 60
    assert compact(database, samples, NOW + HOUR_US, deadline, min_files=8) == (3, True)
    with database.read() as connection:
        reaches = [row.reach for row in listed_files(connection)]
    assert reaches == ["month", "day", "hour"]
    assert read() == everything
    cut_months(database, samples, MONTH + 9 * DAY_US, NOW, deadline)
    assert read() == everything[2:]
    assert erase(database, samples, "e", {"x": "4"}, NOW) == Erased(2, 1, 3)
    assert read() == [x for x in everything[2:] if x != 4]
    with database.read() as connection:
        (noted,) = newest_erasures(connection, Settings(), 5)
    assert (noted.endpoint_name, noted.columns, noted.rows, noted.files) == ("churn", ("x",), 2, 1)
    samples.write(f"key=e/c-{'0' * 32}.parquet", samples.read(next(samples.list())))
    assert sweep(database, samples, NOW, deadline) == (1, "")
    assert len(list(samples.list())) == 3
