"""Which time a page shows when its address does not say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from modelmon.api.problems import Problem
from modelmon.api.time_range import MINUTE, Ranged, Span, span_of
from modelmon.ledger import registry
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


def requests(database: Database, first: datetime, last: datetime) -> None:
    """Of one endpoint."""
    times = {"first_request_us": to_us(first), "last_request_us": to_us(last), "committed_us": NOW_US}
    row = {"endpoint_id": "e", "last_error": "", **dict.fromkeys(COUNTS, 0), **times}
    with database.write() as connection:
        connection.execute(insert(traffic), row)


def shown(database: Database, folder: Path, asked: Ranged, minutes: int = 10) -> Span:
    settings = Settings.load(folder, {}, project="p", base_period=minutes)
    with database.read() as connection:
        return span_of(connection, asked, NOW_US, settings)


def test_where_data_are_old_the_range_ends_with_the_newest(database: Database, tmp_path: Path) -> None:
    last = NOW - timedelta(days=4_000)
    requests(database, last - timedelta(days=1_000), last)
    span = shown(database, tmp_path, Ranged(), WEEK)
    assert (span.end, span.name, span.is_of_the_past) == (last + MINUTE, "1y", True)


@pytest.mark.parametrize(
    ("first", "last", "start", "end"),
    [  # before now, in minutes
        (307, 1, 310, 0),  # from the window of the first request on
        (5, 1, 10, 0),  # ten minutes at least
        (5 * 24 * 60 + 7, 1, 7 * 24 * 60, 0),  # more than half of a week: the week
        (307, 240, 310, 239),  # they ended longer ago than they last
        (307, 120, 310, 0),
        (9 * 24 * 60, 9 * 24 * 60 - 20, 9 * 24 * 60, 9 * 24 * 60 - 21),
    ],
)
def test_a_young_project_is_shown_whole(
    database: Database, tmp_path: Path, first: int, last: int, start: int, end: int
) -> None:
    requests(database, *(NOW - each * MINUTE for each in (first, last)))
    span = shown(database, tmp_path, Ranged())
    assert (span.start, span.end) == (NOW - start * MINUTE, NOW - end * MINUTE)
    assert span.is_all == (span.name == "")


def test_the_address_wins_over_the_reach_of_the_data(database: Database, tmp_path: Path) -> None:
    requests(database, NOW - 20 * MINUTE, NOW)
    assert shown(database, tmp_path, Ranged(range="7d")).start == NOW - timedelta(days=7)
    assert shown(database, tmp_path, Ranged(to=NOW)).start == NOW - timedelta(days=7)


def test_the_first_window_of_an_app_with_a_long_period_is_in_it(database: Database, tmp_path: Path) -> None:
    requests(database, NOW - 307 * MINUTE, NOW)
    with database.write() as connection:
        registry.register_app(connection, "daily", 24 * 60, NOW_US)
    assert shown(database, tmp_path, Ranged()).start == NOW - timedelta(days=1)


def test_a_range_that_is_none_is_named(database: Database, tmp_path: Path) -> None:
    settings = Settings.load(tmp_path, {}, project="p")
    with database.read() as connection, pytest.raises(Problem, match="range: there is no '7 d'"):
        span_of(connection, Ranged(range="7 d"), NOW_US, settings)
