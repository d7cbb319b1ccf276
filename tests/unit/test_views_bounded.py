"""What views read does not grow with history, and they ask as often for many endpoints as for few."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bench import bench_status as bench
from modelmon.function_spec.project_streams import open_streams
from modelmon.incidents import APP_FAILED, RESULT_STATUS, IncidentKey, Watch
from modelmon.ledger import dead_letters, endpoints, heartbeats, incidents
from modelmon.ledger.dead_letters import Chosen
from modelmon.ledger.incident_rows import watch_values
from modelmon.ledger.incident_schema import incidents as incident_rows
from modelmon.ledger.incident_schema import watches
from modelmon.ledger.records import open_records
from modelmon.ledger.reports import AppReport
from modelmon.ledger.schema import app_stats
from modelmon.model import (
    Answer,
    BatchRange,
    DeadLetter,
    FeatureNumbers,
    Heartbeat,
    PartitionProgress,
    TrafficPoint,
    WindowFeatures,
    WindowKey,
    WorkerState,
    from_us,
)
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import upsert
from modelmon.stores.series import open_series
from modelmon.stores.series.base import SeriesStore
from modelmon.views.dead_letters import list_dead_letters, shown_letters
from modelmon.views.disk import rooms
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoint_page import read_endpoint
from modelmon.views.endpoints import EndpointQuery, list_endpoints
from modelmon.views.features import read_features
from modelmon.views.health import every_health
from modelmon.views.history import read_point_buckets
from modelmon.views.incident_lists import IncidentQuery, list_incidents
from modelmon.views.lag import read_lag
from modelmon.views.left_to_do import left_to_do
from modelmon.views.project_status import project_status
from modelmon.views.traffic import read_traffic_buckets
from modelmon.views.window_features import read_one_feature
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
        return shown_letters(connection, settings, page.letters)


def open_and_ended(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    """Pages of all endpoints, of one and of an app, each gone on with."""
    for query in (IncidentQuery(), IncidentQuery([f"{1:032x}"]), IncidentQuery(apps=[bench.APP])):
        with database.read() as connection:
            page = list_incidents(connection, settings, replace(query, limit=10))
            assert len(page.incidents) == 10
            assert (
                len(
                    list_incidents(connection, settings, replace(query, limit=10, after=page.after)).incidents
                )
                == 10
            )


def settling(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    """What an answer reads of the incidents that it may change; they stay as they were."""
    key = WindowKey(f"{1:032x}", bench.APP, now_us)
    report = AppReport(key, "m", now_us + bench.PERIOD_US, 1, answer=Answer("done"))
    with database.write() as connection:
        incidents.settle(connection, report, final=True, whole=True, now_us=now_us)
        connection.rollback()


def lag(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    with open_streams(settings) as (streams, _):
        return read_lag(streams, settings)


def functions(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    found = every_health(database, [], now_us)
    assert [each.function for each in found] == ["modelmon-stream"]
    return found


def features(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    with database.read() as connection:
        found = read_features(connection, f"{1:032x}", endpoints.get(connection, f"{1:032x}"))
    assert [each.feature for each in found] == ["wind"]


def feature_history(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    found = read_one_feature(database, series, settings, "model-1", "wind", now_us, 10)
    assert len(found.lines) == 4
    return found


def disk(database: Database, series: SeriesStore, settings: Settings, now_us: int) -> Any:
    return rooms(database, [], settings, now_us)


VIEWS = [
    list_page, status, endpoint, idle, windows, traffic, points, open_and_ended, settling, lag, functions,
    features, feature_history, disk,
]  # fmt: skip


def letter(offset: int, name: str, when_us: int) -> DeadLetter:
    return DeadLetter("s", 0, offset, -1, "events", name, "f", "r", b"x", from_us(when_us))


def incident(name: str, last_us: int, number: int) -> dict[str, Any]:
    """The newest is open, all others have ended."""
    start_us, is_open = last_us - 2 * number * bench.PERIOD_US, number == 0
    ended_us = None if is_open else start_us + bench.PERIOD_US
    return {
        **keys_of(name)[0]._asdict(), "kind": 0,
        "state": "raised" if is_open else "resolved", "reason": "" if is_open else "calm",
        "status": 2, "first_us": start_us, "last_us": start_us, "detected_us": start_us,
        "ended_us": ended_us, "windows": 1, "detected": 1, "worst_us": start_us, "value": 0.9,
        "detail": "{}", "raised_us": start_us, "changed_us": start_us, "resolved_us": ended_us,
    }  # fmt: skip


def keys_of(name: str) -> tuple[IncidentKey, IncidentKey]:
    return IncidentKey(RESULT_STATUS, name, bench.APP, "drift"), IncidentKey(APP_FAILED, name, bench.APP)


def newest_stats(name: str, last_us: int) -> dict[str, Any]:
    return {
        "endpoint_id": name, "application_name": bench.APP, "name": "current_stats",
        "stats": '{"wind":{"mean":1.0}}', "timestamp_us": last_us, "start_us": last_us, "revision": 1,
    }  # fmt: skip


def beat(now_us: int) -> Heartbeat:
    seen = [PartitionProgress(number, 5, 5, 5) for number in range(3)]
    return Heartbeat("modelmon-stream", "w", "events", WorkerState.READY, "", now_us, now_us, now_us, 0, seen)


def fill(made: Path, count: int, history: int) -> None:
    """A request in each window of each endpoint, and ten dead letters of each."""
    settings = Settings.load(made)
    database, series = open_records(settings), open_series(settings)
    names = [f"{number:032x}" for number in range(count)]
    last_us = bench.newest_start_us()
    for number in range(history):
        when_us = last_us - number * bench.PERIOD_US
        each = [TrafficPoint(name, when_us, predictions=1, rows=1) for name in names]
        series.write_traffic(BatchRange("s", 0, number, number), each)
        keys = [WindowKey(name, bench.APP, when_us - bench.PERIOD_US) for name in names]
        looked = {"wind": FeatureNumbers(0.1, 100, 0, mean=1.0)}
        ended = [WindowFeatures(key, key.start_us + bench.PERIOD_US, 1, looked) for key in keys]
        series.write_features(ended)
    with database.write() as connection:
        rows = [incident(name, last_us, number) for name in names for number in range(4 * history)]
        connection.execute(incident_rows.insert(), rows)
        upsert(connection, watches, [watch_values(key, Watch()) for name in names for key in keys_of(name)])
        upsert(connection, app_stats, [newest_stats(name, last_us) for name in names])
        heartbeats.put(connection, beat(last_us))
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


FEW = 12  # endpoints: more than a page holds


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_ten_times_the_history_is_not_more_to_read(made: Made, view: View) -> None:
    short, long = made.work(view, FEW, 30), made.work(view, FEW, 300)
    assert long.statements == short.statements
    assert long.steps <= short.steps * 1.1 + 20


@pytest.mark.slow
@pytest.mark.parametrize("view", [*VIEWS, letters])
def test_ten_times_the_endpoints_are_not_asked_for_one_by_one(made: Made, view: View) -> None:
    few, many = made.work(view, FEW, 30), made.work(view, 10 * FEW, 30)
    assert many.statements <= few.statements
    assert many.statements <= 60


@pytest.mark.parametrize("view", [list_page, status])
def test_a_list_reads_some_rows_of_each_endpoint_and_no_more(made: Made, view: View) -> None:
    few, many = made.work(view, FEW, 30), made.work(view, 10 * FEW, 30)
    assert (many.steps - few.steps) / (9 * FEW) < 100  # a thousand instructions an endpoint
