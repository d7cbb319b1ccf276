"""Which time a page shows when its address does not say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from modelmon.api.problems import Problem
from modelmon.api.time_range import Ranged, span_of
from modelmon.ledger.records import open_records
from modelmon.ledger.schema import traffic
from modelmon.model import from_us, to_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.views.endpoint_facts import COUNTS

NOW_US = 1_767_225_600_000_000
NOW = from_us(NOW_US)
WEEK = 7 * 24 * 60


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    (tmp_path / ".modelmon").mkdir()
    database = open_records(Settings.load(tmp_path, {}, project="p"))
    yield database
    database.close()


@pytest.mark.parametrize(("minutes", "name"), [(10, "7d"), (24 * 60, "30d"), (WEEK, "1y")])
def test_without_a_range_thirty_windows_are_shown(
    database: Database, tmp_path: Path, minutes: int, name: str
) -> None:
    settings = Settings.load(tmp_path, {}, project="p", base_period=minutes)
    with database.read() as connection:
        span = span_of(connection, Ranged(), NOW_US, settings)
    assert (span.name, span.end, span.is_of_the_past) == (name, NOW, False)
    assert span.length >= timedelta(days=7)


def test_where_data_are_old_the_range_ends_with_the_newest(database: Database, tmp_path: Path) -> None:
    settings = Settings.load(tmp_path, {}, project="p", base_period=WEEK)
    last = NOW - timedelta(days=4_000)
    with database.write() as connection:
        numbers = {**dict.fromkeys(COUNTS, 0), "last_request_us": to_us(last), "committed_us": NOW_US}
        row = {"endpoint_id": "e", "last_error": "", **numbers}
        connection.execute(insert(traffic), row)
        span = span_of(connection, Ranged(), NOW_US, settings)
    assert (span.end, span.name, span.is_of_the_past) == (last + timedelta(minutes=1), "1y", True)


def test_a_range_that_is_none_is_named(database: Database, tmp_path: Path) -> None:
    settings = Settings.load(tmp_path, {}, project="p")
    with database.read() as connection, pytest.raises(Problem, match="range: there is no '7 d'"):
        span_of(connection, Ranged(range="7 d"), NOW_US, settings)
