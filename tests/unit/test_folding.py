"""Traffic of minutes that are over takes one row a minute, however many batches wrote it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from modelmon.ledger.records import records_at
from modelmon.ledger.schema import positions, traffic, void_ranges
from modelmon.model import MINUTE_US, BatchRange, TrafficPoint
from modelmon.sql.database import Database
from modelmon.stores.series.acknowledged_points import read_traffic
from modelmon.stores.series.schema import series_traffic
from modelmon.stores.series.sql import SqlSeries
from modelmon.upkeep import folding
from series_files import series_in

T = 28_000_000 * MINUTE_US
BATCHES = 20  # of one minute
EVER = (0, 2**62)


class Live:
    """Two endpoints with a request in each of many small batches; `minutes` are committed."""

    def __init__(self, database: Database, series: SqlSeries) -> None:
        self.database, self.series = database, series
        self.offset = 0
        with database.write() as connection:
            position = {"stream_id": "s", "partition": 0, "stream": "events", "epoch": 1}
            connection.execute(insert(positions), [{**position, "applied": -1, "applied_us": 0, "nop_us": 0}])

    def minute(self, number: int, *, endpoints: str = "ab", commit: bool = True) -> None:
        for _ in range(BATCHES):
            batch = BatchRange("s", 0, self.offset, self.offset + 1)
            self.series.write_traffic(
                batch, [TrafficPoint(each, T + number * MINUTE_US, 1, rows=2) for each in endpoints]
            )
            self.offset += 2
        if commit:
            self.commit(number, endpoints)

    def commit(self, number: int, endpoints: str = "ab") -> None:
        names = ("received", "stored", "errors", "rejected", "late", "missing", "repeated")
        with self.database.write() as connection:
            connection.execute(update(positions).values(applied=self.offset - 1))
            for each in endpoints:
                times = {"committed_us": T + (number + 1) * MINUTE_US}
                changed = connection.execute(
                    update(traffic).where(traffic.c.endpoint_id == each).values(**times)
                )
                if not changed.rowcount:
                    counts = {**dict.fromkeys(names, 0), "first_request_us": T + number * MINUTE_US + 5}
                    connection.execute(
                        insert(traffic), [{"endpoint_id": each, "last_error": "", **times, **counts}]
                    )

    def fold(self, minute: float, seconds: float = 60) -> tuple[int, bool]:
        return folding.fold(
            self.database, self.series, T + round(minute * MINUTE_US), time.monotonic() + seconds
        )

    def rows(self) -> int:
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(series_traffic)) or 0

    def read(self) -> list[tuple[str, int, int]]:
        points = read_traffic(self.database, self.series, "ab", *EVER)
        return [(each.endpoint_id, (each.start_us - T) // MINUTE_US, each.rows) for each in points]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    database = records_at(f"sqlite:///{tmp_path}/records.db", durability="process")
    series = series_in(database)
    yield Live(database, series)
    series.close()
    database.close()


def test_minutes_that_are_over_take_one_row_each_and_read_the_same(live: Live) -> None:
    for number in range(5):
        live.minute(number)
    before = live.read()
    assert live.fold(13) == (2 * 3 * (BATCHES - 1), True)  # minutes 0 to 2 ended ten minutes ago
    assert live.rows() == 2 * (3 + 2 * BATCHES)
    assert live.read() == before
    assert live.fold(13) == (0, True)
    assert live.fold(15) == (2 * 2 * (BATCHES - 1), True)
    assert live.read() == before


def test_late_rows_are_folded_into_what_is_there(live: Live) -> None:
    live.minute(0)
    live.fold(20)
    live.minute(0, endpoints="a")
    live.commit(20, "a")
    assert live.fold(40) == (BATCHES, True)
    assert live.rows() == 2
    assert live.read() == [("a", 0, 4 * BATCHES), ("b", 0, 2 * BATCHES)]


def test_what_is_not_applied_is_left_alone(live: Live) -> None:
    live.minute(0)
    live.minute(0, commit=False)
    assert live.fold(30) == (2 * (BATCHES - 1), True)
    assert live.rows() == 2 * (1 + BATCHES)


def test_a_batch_that_was_given_up_is_folded_into_nothing(live: Live) -> None:
    live.minute(0)
    before = live.read()
    whole = BatchRange("s", 0, 0, 5)
    live.series.write_traffic(whole, [TrafficPoint("a", T, 3, rows=6)])
    with live.database.write() as connection:
        connection.execute(insert(void_ranges), [{"stream_id": "s", "partition": 0, "first": 0, "last": 5}])
    assert live.read() == before
    live.fold(30)
    live.series.write_traffic(whole, [TrafficPoint("a", T, 3, rows=6)])  # by whoever slept
    assert live.read() == before


def test_folding_that_runs_out_of_time_goes_on_where_it_was(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        live.minute(number)
    before = live.read()
    monkeypatch.setattr(folding, "PIECE_US", 2 * MINUTE_US)
    asked: list[tuple[str, int]] = []
    write = live.series.fold_traffic

    def noted(endpoint_ids: list[str], start_us: int, *rest: object) -> int:
        asked.append((endpoint_ids[0], (start_us - T) // MINUTE_US))
        return write(endpoint_ids, start_us, *rest)  # type: ignore[arg-type]

    live.series.fold_traffic = noted  # type: ignore[method-assign]
    fewer, finished, calls = 0, False, 0
    while not finished:
        found, finished = live.fold(14, seconds=0)
        fewer, calls = fewer + found, calls + 1
    assert asked == [("a", 0), ("a", 2), ("b", 0), ("b", 2)]
    assert (fewer, calls) == (2 * 4 * (BATCHES - 1), 5)
    assert live.read() == before


def test_only_endpoints_with_commits_since_are_looked_at(live: Live) -> None:
    live.minute(0)
    live.fold(30)
    live.minute(31, endpoints="a")
    asked: list[str] = []
    write = live.series.fold_traffic

    def noted(endpoint_ids: list[str], *rest: object) -> int:
        asked.extend(endpoint_ids)
        return write(endpoint_ids, *rest)  # type: ignore[arg-type]

    live.series.fold_traffic = noted  # type: ignore[method-assign]
    live.fold(60)
    assert asked == ["a"]


def test_a_clock_that_went_back_folds_nothing_twice(live: Live) -> None:
    live.minute(0)
    before = live.read()
    live.fold(30)
    assert live.fold(-100) == (0, True)
    assert live.read() == before == [(each, 0, 2 * BATCHES) for each in "ab"]
