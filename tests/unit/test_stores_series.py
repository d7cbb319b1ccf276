"""Which points of the series count, what their tables look like, and where those of 0.1.0 go."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect

from modelmon.errors import ConfigError
from modelmon.ledger import acknowledged as ledger
from modelmon.ledger.records import records_at
from modelmon.ledger.schema import windows
from modelmon.model import BatchRange, FeatureNumbers, TrafficPoint, ValuePoint, WindowFeatures, WindowKey
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import (
    read_all_values,
    read_traffic,
    read_values,
    read_windows,
)
from modelmon.stores.series.base import SeriesStore
from modelmon.stores.series.migrations import SCHEMA
from modelmon.stores.series.sql import SqlSeries
from series_files import series_in

MINUTE = 60_000_000
T = 1_704_067_200_000_000  # 2024-01-01
OF_0_1_0 = Path(__file__).parents[1] / "fixtures" / "records-4.sql"
EVER = (0, 2**62)


def window(endpoint: str, app: str, start_us: int, answered: int) -> dict[str, object]:
    names = ("sends", "dirty_us", "late", "incomplete", "attempts", "attempt_revision", "envelopes", "rows")
    return {
        "endpoint_id": endpoint, "application_name": app, "start_us": start_us, "end_us": start_us + 1,
        "wanted": 9, "sent": 9, "answered": answered, "outcome": "done", "error": "",
        **dict.fromkeys(names, 0),
    }  # fmt: skip


def value(key: WindowKey, revision: int, name: str = "drift") -> ValuePoint:
    return ValuePoint(*key, key.start_us + 1, name, revision / 10, revision)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = records_at(f"sqlite:///{tmp_path}/records.db", durability="process")
    yield found
    found.close()


@pytest.fixture
def series(database: Database) -> Iterator[SqlSeries]:
    found = series_in(database)
    yield found
    found.close()


def keys(endpoints: str, starts: int) -> list[WindowKey]:
    return [
        WindowKey(endpoint, app, start) for endpoint in endpoints for app in "pq" for start in range(starts)
    ]


# --- what counts


def test_the_revision_that_was_answered_counts_and_no_other(database: Database, series: SqlSeries) -> None:
    key, unanswered, unknown = WindowKey("e", "app", 0), WindowKey("e", "app", 1), WindowKey("e", "app", 2)
    with database.write() as connection:
        connection.execute(insert(windows), [window(*key, answered=2), window(*unanswered, answered=0)])
    series.write_values(
        [value(each, revision) for each in (key, unanswered, unknown) for revision in (1, 2, 3)]
    )
    assert read_windows(database, series, [key, unanswered, unknown]) == [value(key, 2)]
    assert read_values(database, series, ["e"], *EVER).points == [value(key, 2)]


def test_a_window_that_was_never_ended_counts_as_it_was_last_spoken_of(
    database: Database, series: SqlSeries
) -> None:
    key = WindowKey("e", "app", 0)
    series.write_values([value(key, revision) for revision in (1, 2, 3)])
    with database.write() as connection:
        for revision in (2, 1):
            ledger.note_reported(connection, key, revision)
    assert read_windows(database, series, [key]) == [value(key, 2)]
    assert read_values(database, series, ["e"], *EVER).points == [value(key, 2)]
    with database.write() as connection:
        connection.execute(insert(windows), [window(*key, answered=1)])
    assert read_windows(database, series, [key]) == [value(key, 1)]
    assert read_values(database, series, ["e"], *EVER).points == [value(key, 1)]


def test_pages_of_windows_lie_behind_each_other(database: Database) -> None:
    every = keys("abc", 7)
    with database.write() as connection:
        connection.execute(insert(windows), [window(*key, answered=1) for key in every if key.start_us % 2])
        for key in every:
            if not key.start_us % 2:
                ledger.note_reported(connection, key, 1)
    found: list[WindowKey] = []
    with database.read() as connection:
        after, pages = None, 0
        while page := ledger.acknowledged_between(
            connection, ["c", "a", "b"], 1, 6, "q", limit=4, after=after
        ):
            found += page
            after, pages = found[-1], pages + 1
    assert found == [key for key in every if key.application_name == "q" and 1 <= key.start_us < 6]
    assert pages == 4


def test_all_values_are_read_page_after_page(
    database: Database, series: SqlSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = keys("abc", 5)
    with database.write() as connection:
        connection.execute(insert(windows), [window(*key, answered=1) for key in every])
    series.write_values([value(key, 1, name) for key in every for name in ("x", "y")])
    read = list(read_all_values(database, series, "abc", 0, 9, names=["x"]))
    assert read == [value(key, 1, "x") for key in every]
    page = read_values(database, series, ["a"], 0, 9, "p", limit=5)
    assert page.after == every[4]
    assert read_values(database, series, ["a"], 0, 9, "p", limit=5, after=page.after).points == []


# --- the tables


def test_sqlites_own_tools_read_the_times(database: Database, series: SqlSeries) -> None:
    series.write_values([replace(value(WindowKey("e", "app", T), 1), end_us=T + 1)])
    series.write_traffic(BatchRange("s", 0, 0, 0), [TrafficPoint("e", T)])
    with database.read() as connection:
        query = "SELECT window_start, window_end, strftime('%s', window_start) FROM series_values"
        assert tuple(connection.exec_driver_sql(query).one()) == (
            "2024-01-01 00:00:00", "2024-01-01 00:00:00.000001", str(T // 1_000_000)
        )  # fmt: skip
        assert connection.exec_driver_sql("SELECT date(minute) FROM series_traffic").scalar() == "2024-01-01"


def test_a_feature_of_a_window_can_be_asked_for_in_sql(database: Database, series: SqlSeries) -> None:
    numbers = {
        "age": FeatureNumbers(1 / 3, 10, 2, mean=1e6 / 7),
        "kind": FeatureNumbers(None, 9, 3, share=0.5),
    }
    series.write_features([WindowFeatures(WindowKey("e", "app", T), T + 1, 1, numbers)])
    with database.read() as connection:
        query = "SELECT json_extract(features, '$.age') FROM series_features"
        assert connection.exec_driver_sql(query).scalar() == "[0.33333,10,2,142857.143]"


def test_the_series_keep_nothing_among_the_records_but_their_own_tables(tmp_path: Path) -> None:
    open_series(Settings(series_url=f"sqlite:///{tmp_path}/series.db")).close()
    database = Database(f"sqlite:///{tmp_path}/series.db", SCHEMA)
    with database.read() as connection:
        assert sorted(inspect(connection).get_table_names()) == [
            "series_features", "series_traffic", "series_values", "series_versions",
        ]  # fmt: skip
    database.close()


@pytest.mark.parametrize("url", ["oracle://user:secret@host/name", "secret", "memory://"])
def test_an_address_that_no_series_can_have_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_series(Settings(series_url=url))
    assert "secret" not in str(caught.value)
    assert "series" in str(caught.value)
    assert "memory://" in str(caught.value)


# --- 0.1.0


@pytest.fixture
def old(tmp_path: Path) -> str:
    path = tmp_path / "records.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(OF_0_1_0.read_text())
    return f"sqlite:///{path}"


def _read(database: Database, series: SeriesStore) -> None:
    """What the fixture holds, as 0.1.0 showed it."""
    points = read_values(database, series, ["e"], *EVER).points
    assert [
        (each.application_name, (each.start_us - T) // MINUTE, each.name, each.value, each.revision)
        for each in points
    ] == [
        ("drift", 0, "general_drift", 0.1, 2),
        ("drift", 0, "rows", 10.0, 2),
        ("drift", 10, "general_drift", 0.123456789012345, 1),
        ("drift", 20, "general_drift", 0.9, 1),
        ("elsewhere", 50, "accuracy", 0.25, 1),
        ("mlrun", 0, "accuracy", 0.5, 1),
    ]
    assert [(each.kind, each.status, each.extra_data) for each in points[:2]] == [
        (0, 1, '{"a": 1}'), (None, None, "{}")
    ]  # fmt: skip
    assert {each.end_us - each.start_us for each in points} == {10 * MINUTE}
    assert read_traffic(database, series, ["e"], *EVER) == [
        TrafficPoint("e", T, 5, 50, 1, 70.0, 5, 90, 40, (1, 1, 2, 1)),
        TrafficPoint("e", T + MINUTE, 1, 1),
    ]


def test_the_series_of_0_1_0_move_into_tables_of_their_own(old: str) -> None:
    database = records_at(old, durability="process")
    series = series_in(database)
    _read(database, series)
    with database.read() as connection:
        tables = inspect(connection).get_table_names()
    assert not {"traffic_series", "value_series"} & set(tables)
    series.close()
    again = series_in(database)  # moves nothing
    _read(database, again)
    again.close()
    database.close()


def test_the_series_of_0_1_0_move_where_they_had_a_database_of_their_own(tmp_path: Path, old: str) -> None:
    series = open_series(Settings(series_url=old, durability="process"))
    records = records_at(f"sqlite:///{tmp_path}/others.db", durability="process")
    key = WindowKey("e", "drift", T)
    with records.write() as connection:
        connection.execute(insert(windows), [window(*key, answered=2)])
    assert [point.name for point in read_windows(records, series, [key])] == ["general_drift", "rows"]
    series.close()
    records.close()
