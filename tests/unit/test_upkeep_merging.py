"""Closed days and small endpoints' months become one file, through kills, races and late rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from sqlalchemy import delete, update

from ledger_rows import listed_files
from modelmon.ledger import endpoints
from modelmon.ledger.schema import files, rewrites
from modelmon.model import DAY_US, HOUR_US, Endpoint, to_us
from modelmon.stores.reaching import start_of
from modelmon.stores.samples import ParquetSamples
from modelmon.stores.samples_reading import read_pieces, read_sample
from modelmon.upkeep.compaction import CLOSED_AFTER_US, QUIET_AFTER_US, compact
from modelmon.upkeep.rewriting import ABANDONED_AFTER_US
from modelmon.upkeep.sweep import sweep
from sample_files import add_file
from sample_house import House, Killed, Mortal

MONTH = start_of("month", 40 * DAY_US)  # February 1970
DAY = MONTH + 3 * DAY_US
DAY_OVER = DAY + DAY_US + CLOSED_AFTER_US
MONTH_OVER = MONTH + 28 * DAY_US + CLOSED_AFTER_US
LONG_AFTER = MONTH_OVER + ABANDONED_AFTER_US + 1


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def _compact(house: House, now_us: int) -> int:
    done, finished = compact(house.database, house.samples, now_us, time.monotonic() + 60, min_files=8)
    assert finished
    return done


def _sweep(house: House, now_us: int) -> None:
    sweep(house.database, house.samples, now_us, time.monotonic() + 60)


def _fill(house: House, hours: Sequence[int], *, first: int = 0, endpoint_id: str = "e") -> None:
    """One file of two rows in each of these hours, the later row first."""
    for place, hour_us in enumerate(hours):
        offset = first + 2 * place
        add_file(
            house.database, house.samples, [hour_us + 9, hour_us + 5],
            {"x": [offset, offset + 1], "mixed": [str(place) if place % 3 else place] * 2},
            first=offset, endpoint_id=endpoint_id,
        )  # fmt: skip
    house.apply(first + 2 * len(hours) - 1)


def _three_days(house: House) -> None:
    _fill(house, [MONTH + day * DAY_US + hour * HOUR_US for day in (0, 3, 4) for hour in (0, 7, 23)])


def _reaches(house: House) -> list[tuple[str, int]]:
    with house.database.read() as connection:
        return [(row.reach, row.hour_us) for row in listed_files(connection)]


def test_a_day_becomes_one_file_when_it_is_over_and_not_before(house: House) -> None:
    _three_days(house)
    before = house.read()
    assert _compact(house, DAY_OVER - 1) == 1
    assert _compact(house, DAY_OVER) == 1
    open_hours = [("hour", DAY + DAY_US + hour * HOUR_US) for hour in (0, 7, 23)]
    assert _reaches(house) == [("day", MONTH), ("day", DAY), *open_hours]
    assert house.read() == before
    assert house.on_disk() == house.listed()


def test_a_month_becomes_one_file_when_it_is_over(house: House) -> None:
    _three_days(house)
    before = house.read()
    _compact(house, DAY_OVER)
    assert _compact(house, MONTH_OVER - 1) == 1  # the third day
    assert _compact(house, MONTH_OVER) == 1
    assert _reaches(house) == [("month", MONTH)]
    assert house.read() == before
    assert house.on_disk() == house.listed()
    assert house.listed()[0].startswith("key=e/year=1970/month=02/day=01/hour=00/c-")


def test_each_endpoint_and_month_has_a_file_of_its_own(house: House) -> None:
    last = start_of("month", MONTH - 1)
    _fill(house, [last, last + HOUR_US, MONTH, MONTH + DAY_US])
    _fill(house, [MONTH, MONTH + DAY_US], first=100, endpoint_id="other")
    assert _compact(house, MONTH_OVER) == 3
    assert _reaches(house) == [("month", last), ("month", MONTH), ("month", MONTH)]
    assert house.read("other")["x"] == [101, 100, 103, 102]


def test_plain_readers_of_the_folder_read_each_row_once(house: House) -> None:
    _fill(house, [MONTH + HOUR_US, MONTH + 5 * DAY_US])  # will be a month
    following = start_of("month", MONTH_OVER)
    _fill(house, [following, following + 5 * HOUR_US], first=4)  # a day
    _fill(house, [following + DAY_US], first=8)  # an hour
    _compact(house, following + DAY_US + CLOSED_AFTER_US)
    assert [reach for reach, _ in _reaches(house)] == ["month", "day", "hour"]
    folder = house.folder / "samples"
    columns = ["x", "timestamp", "key", "year", "month"]
    plain = ds.dataset(folder, format="parquet", partitioning="hive").to_table(columns=columns)
    assert sorted(plain["x"].to_pylist()) == list(range(10))
    assert plain["key"].to_pylist() == ["e"] * 10
    frame = pd.read_parquet(folder, columns=columns)
    assert sorted(frame["x"]) == list(range(10))
    assert sorted(pd.read_parquet(folder, columns=["x"], filters=[("month", "=", 3)])["x"]) == list(
        range(4, 10)
    )


def test_late_rows_are_taken_in_by_the_next_compaction(house: House) -> None:
    _three_days(house)
    _compact(house, MONTH_OVER)
    _fill(house, [MONTH + 7 * HOUR_US], first=50)
    before = house.read()
    assert 50 in before["x"]
    assert _compact(house, MONTH_OVER) == 1
    assert _reaches(house) == [("month", MONTH)]
    assert house.read() == before
    assert _compact(house, MONTH_OVER) == 0


def _committed(house: House, first: int, at_us: int) -> None:
    with house.database.write() as connection:
        connection.execute(update(files).where(files.c.first >= first).values(committed_us=at_us))


def test_a_day_that_rows_still_come_into_waits_until_they_rest(house: House) -> None:
    _fill(house, [DAY, DAY + HOUR_US])
    _committed(house, 0, DAY_OVER)
    assert _compact(house, DAY_OVER + QUIET_AFTER_US - 1) == 0
    assert _compact(house, DAY_OVER + QUIET_AFTER_US) == 1


def test_late_rows_that_never_rest_are_taken_in_when_they_are_as_many_as_the_others(house: House) -> None:
    _fill(house, [DAY, DAY + HOUR_US, DAY + 2 * HOUR_US, DAY + 3 * HOUR_US])
    assert _compact(house, DAY_OVER) == 1
    now_us = DAY_OVER + 5 * HOUR_US
    with house.database.write() as connection:
        connection.execute(update(files).values(size_bytes=20_000))
    for late in range(3):
        _fill(house, [DAY + late * HOUR_US], first=50 + 2 * late)
        _committed(house, 50, now_us)
        with house.database.write() as connection:
            connection.execute(update(files).where(files.c.first >= 50).values(size_bytes=8_000))
        assert _compact(house, now_us) == (late == 2)
    assert _reaches(house) == [("day", DAY)]


@pytest.mark.parametrize(("cells", "reach"), [(18 * 17, "month"), (18 * 17 - 1, "day")])
def test_a_month_of_more_than_a_file_holds_stays_in_days(
    house: House, monkeypatch: pytest.MonkeyPatch, cells: int, reach: str
) -> None:
    _three_days(house)
    with house.database.write() as connection:
        connection.execute(update(files).values(columns=17))
    monkeypatch.setattr("modelmon.upkeep.compaction.LARGEST_CELLS", cells)
    _compact(house, MONTH_OVER)
    assert {found for found, _ in _reaches(house)} == {reach}


def test_a_day_of_more_than_a_file_holds_becomes_several(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(house, [DAY + hour * HOUR_US for hour in range(8)])
    before = house.read()
    with house.database.write() as connection:
        connection.execute(update(files).values(columns=1))
    monkeypatch.setattr("modelmon.upkeep.compaction.LARGEST_CELLS", 8)  # four files of two rows
    assert _compact(house, DAY_OVER) == 1
    with house.database.write() as connection:
        connection.execute(update(files).values(columns=1))
    assert _compact(house, DAY_OVER) == 1
    with house.database.write() as connection:
        connection.execute(update(files).values(columns=1))
    assert _reaches(house) == [("day", DAY), ("day", DAY)]
    assert _compact(house, DAY_OVER) == 0
    assert house.read() == before


@pytest.mark.slow
@pytest.mark.parametrize("now_us", [DAY_OVER, MONTH_OVER], ids=["day", "month"])
def test_killed_at_any_step_a_merge_loses_and_doubles_nothing(house: House, now_us: int) -> None:
    counting = Mortal()
    _fill(house, [DAY, DAY + HOUR_US, DAY + 5 * HOUR_US])
    before = house.read()
    compact(*house.stores(counting), now_us, time.monotonic() + 60, min_files=8)
    assert counting.steps > 8
    for step in range(1, counting.steps + 1):
        place = House(house.folder / str(step))
        _fill(place, [DAY, DAY + HOUR_US, DAY + 5 * HOUR_US])
        with pytest.raises(Killed):
            compact(*place.stores(Mortal(step)), now_us, time.monotonic() + 60, min_files=8)
        assert place.read() == before, step
        _sweep(place, now_us)
        assert place.read() == before, step
        _compact(place, LONG_AFTER)
        _sweep(place, LONG_AFTER)
        assert place.read() == before, step
        assert place.on_disk() == place.listed(), step
        assert place.count(rewrites) == 0, step


def test_two_compactors_of_one_month_leave_one_file(house: House) -> None:
    _three_days(house)
    before = house.read()
    database, samples = house.stores()
    made: list[int] = []
    samples.before_write = lambda: made.append(_compact(house, MONTH_OVER))
    made.append(compact(database, samples, MONTH_OVER, time.monotonic() + 60, min_files=8)[0])
    assert made == [0, 1]
    assert house.read() == before
    assert house.on_disk() == house.listed()


def test_a_merge_that_comes_too_late_says_nothing_and_one_of_a_missing_file_names_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    _three_days(house)
    first = Lock()  # files are read at the same time: one reader is overtaken, the others wait for that
    overtaken: list[int] = []

    class Overtaken(ParquetSamples):
        def read(
            self, path: str, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
        ) -> pa.Table:
            with first:
                if not overtaken:
                    with house.database.write() as connection:
                        connection.execute(delete(rewrites))  # it is taken for dead
                    overtaken.append(_compact(house, MONTH_OVER))
            return super().read(path, columns, span)

    samples = Overtaken(str(house.folder / "samples"))
    assert compact(house.database, samples, MONTH_OVER, time.monotonic() + 60, min_files=8) == (0, True)
    assert overtaken == [1]
    assert caplog.text == ""
    assert _reaches(house) == [("month", MONTH)]
    _fill(house, [MONTH + HOUR_US], first=50)
    (gone, _) = house.listed()
    house.samples.delete([gone])
    assert _compact(house, MONTH_OVER) == 0
    assert gone in caplog.text
    assert house.count(rewrites) == 0


@pytest.mark.parametrize("columns", [None, ["x"]])
def test_a_reader_in_between_reads_each_row_once(house: House, columns: list[str] | None) -> None:
    _three_days(house)
    before = house.read()

    class Interrupted(ParquetSamples):
        when = iter([DAY_OVER, MONTH_OVER])

        def read(
            self, path: str, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
        ) -> pa.Table:
            for now_us in self.when:
                _compact(house, now_us)  # the list that this reader goes by is now old
                break
            return super().read(path, columns, span)

    samples = Interrupted(str(house.folder / "samples"))
    read = read_sample(house.database, samples, "e", 0, MONTH_OVER, columns)
    assert read["x"].to_pylist() == before["x"]


def _spans() -> list[tuple[int, int]]:
    edges = (MONTH, MONTH + 5, MONTH + 6, MONTH + 9, MONTH + 10, DAY, DAY + 7 * HOUR_US + 6, MONTH_OVER)
    return [(start_us, end_us) for start_us in edges for end_us in edges if start_us < end_us]


@pytest.mark.parametrize("now_us", [0, DAY_OVER, MONTH_OVER], ids=["hours", "days", "month"])
def test_any_span_and_any_columns_read_the_same_from_files_of_any_reach(
    house: House, now_us: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelmon.stores.samples.PART_ROWS", 3)
    _three_days(house)
    before = house.read()
    rows = list(zip(map(to_us, before["timestamp"]), before["x"], strict=True))
    _compact(house, now_us)
    _fill(house, [DAY + 7 * HOUR_US], first=50)  # late, among the others
    rows = sorted([*rows, (rows[8][0], 51), (rows[9][0], 50)])
    for start_us, end_us in _spans():
        expected = [x for time_us, x in rows if start_us <= time_us < end_us]
        for columns in (None, ["x"], ["mixed", "x"]) if expected else (None,):
            read = read_sample(house.database, house.samples, "e", start_us, end_us, columns)
            found = read["x"].to_pylist() if read.num_rows else []
            assert found == expected, (start_us, end_us, columns)


def test_a_column_of_a_merged_file_is_read_without_the_columns_that_make_the_order(house: House) -> None:
    _three_days(house)
    _compact(house, MONTH_OVER)
    asked: list[Sequence[str] | None] = []

    class Noting(ParquetSamples):
        def read(
            self, path: str, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
        ) -> pa.Table:
            table = super().read(path, columns, span)
            asked.append(table.column_names)
            return table

    samples = Noting(str(house.folder / "samples"))
    assert read_sample(house.database, samples, "e", 0, MONTH_OVER, ["x"]).num_rows == 18
    assert asked == [["x"]]


def test_a_column_that_a_merged_file_has_not_is_as_many_nulls_as_there_are_rows(house: House) -> None:
    _three_days(house)
    _compact(house, MONTH_OVER)
    add_file(house.database, house.samples, [MONTH_OVER], {"new": [7]}, first=90)
    endpoint = Endpoint("e", "p", "m", feature_names=("new", "never"))
    with house.database.write() as connection:
        endpoints.put(connection, endpoint, 1)
    for columns, end_us, expected in (
        (["new"], MONTH_OVER, [None] * 18),
        (["new"], MONTH_OVER + 1, [None] * 18 + [7]),
        (["never"], MONTH_OVER, [None] * 18),
        (["never"], DAY, [None] * 6),
    ):
        read = read_sample(house.database, house.samples, "e", 0, end_us, columns)
        assert read[columns[0]].to_pylist() == expected


@pytest.mark.parametrize("now_us", [0, DAY_OVER, MONTH_OVER], ids=["hours", "days", "month"])
@pytest.mark.parametrize("rows", [1, 3, 4, 100])
def test_a_span_can_be_read_in_pieces(house: House, now_us: int, rows: int) -> None:
    _three_days(house)
    _compact(house, now_us)
    _fill(house, [DAY + 7 * HOUR_US], first=50)  # late, among the others
    span = (MONTH + 6, DAY + DAY_US + 8 * HOUR_US)
    expected = read_sample(house.database, house.samples, "e", *span, ["x"])["x"].to_pylist()
    pieces = list(read_pieces(house.database, house.samples, "e", *span, ["x"], rows=rows))
    assert [value for piece in pieces for value in piece["x"].to_pylist()] == expected
    if now_us == 0:  # files of two rows
        assert len(pieces) == {1: 8, 3: 8, 4: 5, 100: 1}[rows]
        assert max(piece.num_rows for piece in pieces) == {1: 4, 3: 4, 4: 4, 100: 17}[rows]
