"""What views read does not grow with history, and they ask as often for many endpoints as for few."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bench import bench_status as bench
from modelmon.ledger import dead_letters
from modelmon.ledger.dead_letters import Chosen
from modelmon.ledger.records import open_records
from modelmon.model import BatchRange, DeadLetter, TrafficPoint, from_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore
from modelmon.views.dead_letters import list_dead_letters, shown_letters
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoint_page import read_endpoint
from modelmon.views.endpoints import EndpointQuery, list_endpoints
from modelmon.views.history import read_point_buckets
from modelmon.views.left_to_do import left_to_do
from modelmon.views.project_status import project_status
from modelmon.views.traffic import read_traffic_buckets
from modelmon.views.windows import list_windows
from query_counter import Work, counted

View = Callable[[Database, SeriesStore, Settings, int], Any]


def list_page(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    with database.read() as connection:
        return list_endpoints(connection, Looking(now_us, settings), EndpointQuery(limit=10))


def status(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    return project_status(database, series, {}, now_us, settings, EndpointQuery(limit=10))


def endpoint(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    return read_endpoint(database, series, settings, "model-1", now_us, 10)


def idle(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    return left_to_do(database, {}, now_us, settings)


def windows(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    with database.read() as connection:
        return list_windows(connection, settings, f"{1:032x}", bench.APP, limit=10)


def day(now_us: int) -> tuple[datetime, datetime]:
    return from_us(now_us - 30 * bench.PERIOD_US), from_us(now_us)


def traffic(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    found = read_traffic_buckets(database, series, f"{1:032x}", *day(now_us))
    assert len(found) > 20
    return found


def points(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    found = read_point_buckets(database, series, f"{1:032x}", bench.APP, bench.RESULTS[0], *day(now_us))
    assert len(found) > 20
    return found


def letters(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    with database.read() as connection:
        page = list_dead_letters(connection, Chosen(endpoint_id=f"{1:032x}"), 10)
        assert len(page.letters) == 10
        return shown_letters(connection, page.letters)


VIEWS = [list_page, status, endpoint, idle, windows, traffic, points]


def letter(offset: int, name: str, when_us: int) -> DeadLetter:
    return DeadLetter("s", 0, offset, -1, "events", name, "f", "r", b"x", from_us(when_us))


def fill(made: Path, count: int, history: int) -> None:
    """A request in each window of each endpoint, and ten dead letters of each."""
    settings = Settings.load(made)
    database, series = open_records(settings), open_series(settings)
    names = [f"{number:032x}" for number in range(count)]
    last_us = bench.now_us() - bench.now_us() % bench.PERIOD_US
    for number in range(history):
        when_us = last_us - number * bench.PERIOD_US
        each = [TrafficPoint(name, when_us, predictions=1, rows=1) for name in names]
        series.write_traffic(BatchRange("s", 0, number, number), each)
    with database.write() as connection:
        places = enumerate(name for name in names for _ in range(10))
        dead_letters.keep(connection, [letter(place, name, last_us) for place, name in places])
    series.close()
    database.close()


class Made:
    """Projects of so many endpoints and so many windows of each, made once."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made = folder, {}

    def work(self, view: View, count: int, history: int) -> Work:
        if (count, history) not in self._made:
            made = bench.project(self._folder / f"{count}-{history}", count, history)
            fill(made, count, history)
            self._made[count, history] = Settings.load(made)
        settings = self._made[count, history]
        database, series = open_records(settings), open_series(settings)
        with counted(database, series._database) as work:
            view(database, series, settings, bench.now_us())
        series.close()
        database.close()
        return work


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("projects"))


@pytest.mark.parametrize("view", VIEWS)
def test_ten_times_the_history_is_not_more_to_read(made: Made, view: View) -> None:
    short, long = made.work(view, 20, 30), made.work(view, 20, 300)
    assert long.statements == short.statements
    assert long.steps <= short.steps * 1.1 + 20


@pytest.mark.parametrize("view", [*VIEWS, letters])
def test_ten_times_the_endpoints_are_not_asked_for_one_by_one(made: Made, view: View) -> None:
    few, many = made.work(view, 20, 30), made.work(view, 200, 30)
    assert many.statements <= few.statements
    assert many.statements <= 60


@pytest.mark.parametrize("view", [list_page, status])
def test_a_list_reads_some_rows_of_each_endpoint_and_no_more(made: Made, view: View) -> None:
    few, many = made.work(view, 20, 30), made.work(view, 200, 30)
    assert (many.steps - few.steps) / 180 < 100  # a thousand instructions an endpoint
