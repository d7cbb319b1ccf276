"""Maintenance: small files become one, leftovers and old things go, and no kill or race changes a read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from sqlalchemy import insert, select, update

from ledger_rows import listed_files
from modelmon.errors import UnavailableError
from modelmon.ledger import registry
from modelmon.ledger.schema import dirty, files, rewrites, void_ranges, windows
from modelmon.model import BatchRange, TrafficPoint, ValuePoint
from modelmon.settings import Settings
from modelmon.stores.samples import ParquetSamples
from modelmon.stores.samples_reading import read_sample
from modelmon.stores.series import open_series
from modelmon.upkeep import maintenance
from modelmon.upkeep.compaction import compact
from modelmon.upkeep.maintenance import REST_US, SWEEP_EVERY_US, maintain
from modelmon.upkeep.pruning import prune
from modelmon.upkeep.rewriting import ABANDONED_AFTER_US
from modelmon.upkeep.sweep import sweep
from sample_files import HOUR_US, STREAM, add_file, path_of, table
from sample_house import NOW, OLD, House, Killed, Mortal
from series_files import series_in

DAY_US = 24 * HOUR_US
LATER = NOW + ABANDONED_AFTER_US + 1


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def _compact(house: House, now_us: int = NOW, min_files: int = 8) -> tuple[int, bool]:
    return compact(house.database, house.samples, now_us, time.monotonic() + 60, min_files=min_files)


def _sweep(house: House, now_us: int = NOW) -> int:
    deleted, after = sweep(house.database, house.samples, now_us, time.monotonic() + 60)
    assert after == ""
    return deleted


def _strange(house: House, path: str, content: bytes = b"strange") -> str:
    target = house.folder / "samples" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return path


def test_a_closed_hours_files_become_one_and_read_the_same(house: House) -> None:
    house.fill()
    before = house.read()
    assert _compact(house) == (1, True)
    assert house.read() == before
    (path,) = house.listed()
    assert house.on_disk() == [path]
    assert path.startswith("key=e/year=")
    assert path.rpartition("/")[2].startswith("c-")
    content = house.samples.read(path)
    assert content["timestamp"].to_pylist() == sorted(content["timestamp"].to_pylist())
    assert ds.dataset(house.folder / "samples", format="parquet", partitioning="hive").count_rows() == 30


def test_a_compacted_file_is_listed_with_its_span_and_rows(house: House) -> None:
    house.fill()
    _compact(house)
    with house.database.read() as connection:
        (row,) = listed_files(connection)
    assert (row.endpoint_id, row.hour_us, row.min_us, row.max_us, row.rows) == ("e", OLD, OLD, OLD + 2009, 30)
    assert row.size_bytes == (house.folder / "samples" / row.path).stat().st_size
    assert (row.stream_id, row.partition, row.first, row.last) == (None, None, None, None)


def test_a_compacted_file_is_compacted_again_with_late_ones(house: House) -> None:
    house.fill()
    _compact(house)
    for number in range(8):
        add_file(
            house.database, house.samples, [OLD + 5], {"x": [number], "mixed": [None]}, first=100 + number
        )
    before = house.read()
    assert _compact(house) == (1, True)
    assert house.read() == before
    assert len(house.listed()) == len(house.on_disk()) == 1


def test_an_hour_that_is_open_dirty_or_has_few_files_is_left(house: House) -> None:
    house.fill(7, OLD)
    house.fill(8, NOW - 2 * HOUR_US)
    house.fill(8, OLD, endpoint_id="dirty")
    with house.database.write() as connection:
        row = {"endpoint_id": "dirty", "minute_us": OLD + HOUR_US - 60_000_000, "version": 1, "rows": 1}
        connection.execute(insert(dirty), [row])
    before = house.listed()
    assert _compact(house) == (0, True)
    assert house.listed() == before


def test_an_hour_is_closed_two_hours_after_its_end_and_dirt_elsewhere_is_no_matter(house: House) -> None:
    house.fill(8, NOW - 3 * HOUR_US)
    with house.database.write() as connection:
        connection.execute(
            insert(dirty),
            [
                {"endpoint_id": "e", "minute_us": NOW - 2 * HOUR_US, "version": 1, "rows": 1},
                {"endpoint_id": "other", "minute_us": NOW - 3 * HOUR_US, "version": 1, "rows": 1},
            ],
        )
    assert _compact(house, NOW - 1) == (0, True)
    assert _compact(house, NOW) == (1, True)


def test_large_files_are_left_and_small_ones_merged_up_to_a_size(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.fill(10)
    with house.database.write() as connection:
        connection.execute(update(files).values(size_bytes=10))
        connection.execute(update(files).where(files.c.first == 0).values(size_bytes=51))
    monkeypatch.setattr("modelmon.upkeep.compaction.LARGEST_BYTES", 85)
    before = house.read()
    assert _compact(house) == (1, True)
    assert len(house.listed()) == 3  # the large one, one that did not fit, the compacted one
    assert house.read() == before


@pytest.mark.slow
def test_killed_at_any_step_a_compaction_loses_and_doubles_nothing(house: House) -> None:
    counting = Mortal()
    house.fill()
    before = house.read()
    first_life = House.stores(house, counting)
    compact(*first_life, NOW, time.monotonic() + 60, min_files=8)
    assert counting.steps > 10
    for step in range(1, counting.steps + 1):
        place = House(house.folder / str(step))
        place.fill()
        with pytest.raises(Killed):
            compact(*place.stores(Mortal(step)), NOW, time.monotonic() + 60, min_files=8)
        assert place.read() == before, step
        _sweep(place)
        assert place.read() == before, step
        compact(*place.stores(), LATER, time.monotonic() + 60, min_files=8)
        _sweep(place, LATER)
        assert place.read() == before, step
        assert place.on_disk() == place.listed(), step
        assert len(place.listed()) == 1, step
        assert place.count(rewrites) == 0, step


def test_two_compactors_of_one_hour_leave_one_file(house: House) -> None:
    house.fill()
    before = house.read()
    database, samples = house.stores()
    results: list[tuple[int, bool]] = []
    samples.before_write = lambda: results.append(_compact(house))
    results.append(compact(database, samples, NOW, time.monotonic() + 60, min_files=8))
    assert results == [(0, True), (1, True)]
    assert house.read() == before
    assert house.on_disk() == house.listed()


def test_a_compactor_that_slept_too_long_changes_nothing(house: House) -> None:
    house.fill()
    before = house.read()
    database, samples = house.stores()
    # Meanwhile another takes it for dead, sweeps its file and does the work itself.
    samples.after_write = lambda: (_compact(house, LATER), _sweep(house, LATER), None)[-1]
    assert compact(database, samples, NOW, time.monotonic() + 60, min_files=8) == (0, True)
    assert house.read() == before
    assert house.on_disk() == house.listed()
    assert len(house.listed()) == 1


def test_a_source_that_retention_took_meanwhile_stays_gone(house: House) -> None:
    house.fill()
    house.samples.after_write = lambda: None
    database, samples = house.stores()
    series = series_in(house.database)
    samples.after_write = lambda: (prune(house.database, house.samples, series, NOW, 1e18), None)[-1]
    assert compact(database, samples, NOW, time.monotonic() + 60, min_files=8) == (0, True)
    assert house.listed() == house.on_disk() == []


def test_a_reader_in_between_reads_each_row_once(house: House) -> None:
    house.fill()
    before = house.read()

    class Interrupted(ParquetSamples):
        def read(
            self, path: str, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
        ) -> pa.Table:
            _compact(house)  # the list that this reader goes by is now old
            return super().read(path, columns, span)

    samples = Interrupted(str(house.folder / "samples"))
    assert read_sample(house.database, samples, "e", 0, NOW)["x"].to_pylist() == before["x"]


def test_a_corrupt_file_stops_the_compaction_of_its_hour_alone(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    broken = house.fill(8, OLD)[2]
    house.fill(8, OLD + HOUR_US)
    _strange(house, broken)
    assert _compact(house) == (1, True)
    assert broken in caplog.text
    assert len(house.listed()) == 9
    assert house.count(rewrites) == 0


def test_a_file_with_other_rows_than_the_ledger_says_is_not_compacted(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    path = house.fill(8)[2]
    house.samples.write(path, table([OLD], {"x": [1]}))
    assert _compact(house) == (0, True)
    assert "hold 22 rows, the records say 24" in caplog.text
    assert house.listed() == house.on_disk()


def test_the_sweep_takes_only_what_can_never_be_listed(house: House) -> None:
    listed = house.fill()
    house.apply(99)
    stays = [
        *listed,
        _strange(house, path_of(OLD, 90, 100)),  # of a batch that is not applied
        _strange(house, path_of(OLD, 0, 99, partition=1)),  # of a partition nobody applied
        _strange(house, "key=e/ffffffff-0-0-1.parquet"),  # of a stream nobody knows
        _strange(house, "key=e/mine.parquet"),
        _strange(house, f"key=e/.{NOW - HOUR_US}-{'0' * 32}.tmp"),
        _strange(house, f"key=e/c-{'a' * 32}.parquet"),
    ]
    with house.database.write() as connection:
        row = {"rewrite_id": "a" * 32, "endpoint_id": "e", "started_us": NOW}
        connection.execute(insert(rewrites), [row])
    _strange(house, path_of(OLD, 90, 99))
    _strange(house, path_of(OLD, 0, 99, endpoint_id="nobody"))
    _strange(house, f"key=e/c-{'b' * 32}.parquet")
    _strange(house, f"key=e/.{NOW - HOUR_US - 1}-{'0' * 32}.tmp")
    assert _sweep(house) == 4
    assert sorted(house.on_disk()) == sorted(stays)


def test_a_sweep_goes_on_where_its_time_ended(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelmon.sql.statements.CHUNK", 3)
    monkeypatch.setattr("modelmon.upkeep.sweep.chunks", lambda items: _threes(items))
    for number in range(10):
        _strange(house, f"key={number}/c-{'b' * 32}.parquet")
    after, rounds = "", 0
    while rounds == 0 or after:
        _, after = sweep(house.database, house.samples, NOW, time.monotonic() - 1, after=after)
        rounds += 1
    assert rounds == 5  # the last finds nothing left
    assert house.on_disk() == []


def _threes(items: Any) -> Iterator[list[Any]]:
    rest = list(items)
    return (rest[start : start + 3] for start in range(0, len(rest), 3))


def _window(start_us: int, **changes: Any) -> dict[str, Any]:
    return {
        "endpoint_id": "e", "application_name": "app", "start_us": start_us, "end_us": start_us + 100,
        "wanted": 1, "sent": 1, "sends": 1, "dirty_us": 0, "late": 0, "incomplete": 0, "check_us": None,
        "attempts": 1, "attempt_revision": 1, "answered": 1, "outcome": "done", "error": "", "envelopes": 0,
        "rows": 0,
    } | changes  # fmt: skip


def test_retention_forgets_files_windows_and_series_that_are_older(house: House) -> None:
    house.fill(2, OLD)
    house.fill(2, NOW)
    rows = [
        _window(0), _window(100), _window(100, application_name="other"), _window(150), _window(300),
        _window(50, answered=0), _window(60, check_us=5),
    ]  # fmt: skip
    with house.database.write() as connection:
        connection.execute(insert(windows), rows)
    series = series_in(house.database)
    batch = BatchRange(STREAM, 0, 0, 1)
    series.write_traffic(batch, [TrafficPoint("e", OLD), TrafficPoint("e", NOW)])
    value = ValuePoint("e", "app", OLD, OLD + 1, "m", 1.0, 1)
    series.write_values([value, replace(value, start_us=NOW)])
    assert prune(house.database, house.samples, series, 200, time.monotonic() + 60) == 0
    with house.database.read() as connection:
        left = connection.execute(select(windows.c.application_name, windows.c.start_us)).all()
    # Windows that end by then and are done; the newest of each app, and what still has to be done, stay.
    assert sorted(map(tuple, left)) == [("app", 50), ("app", 60), ("app", 150), ("app", 300), ("other", 100)]
    assert prune(house.database, house.samples, series, OLD + 1001, time.monotonic() + 60) == 0
    assert prune(house.database, house.samples, series, OLD + HOUR_US, time.monotonic() + 60) == 2
    assert house.listed() == house.on_disk()
    assert len(house.listed()) == 2
    assert [point.start_us for point in series.read_traffic(["e"], 0, NOW + 1)] == [NOW]
    both = dict.fromkeys((value.key, replace(value, start_us=NOW).key), 1)
    assert [point.start_us for point in series.read_values(both)] == [NOW]


@pytest.mark.slow
def test_retention_killed_at_any_step_is_finished_by_the_next(house: House) -> None:
    counting = Mortal()
    house.fill(3)
    prune(*house.stores(counting), series_in(house.database), NOW, time.monotonic() + 60)
    for step in range(1, counting.steps + 1):
        place = House(house.folder / str(step))
        place.fill(3)
        with pytest.raises(Killed):
            prune(*place.stores(Mortal(step)), series_in(place.database), NOW, time.monotonic() + 60)
        place.read()  # never an error
        prune(*place.stores(), series_in(place.database), NOW, time.monotonic() + 60)
        _sweep(place)
        assert place.listed() == place.on_disk() == []


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        records_url=f"sqlite:///{tmp_path}/records.db", samples_path=str(tmp_path / "samples"),
        stream_path="memory://x", artifacts_path="x", durability="process", maintenance_seconds=60.0,
    )  # fmt: skip


def test_maintenance_does_all_and_then_rests(house: House, settings: Settings) -> None:
    house.fill()
    house.fill(2, NOW - 30 * DAY_US)
    _strange(house, path_of(OLD, 0, 1))
    everything = replace(settings, retention_days=20.0)
    assert maintain(house.database, everything, NOW) == {
        "pruned_files": 2, "merged_files": 1, "swept_files": 1, "folded_points": 0,
    }  # fmt: skip
    house.fill(8, OLD - HOUR_US)
    assert maintain(house.database, everything, NOW + REST_US - 1) == {}
    assert maintain(house.database, everything, NOW + REST_US)["merged_files"] == 1
    _strange(house, path_of(OLD, 0, 1))
    assert maintain(house.database, everything, NOW + 3 * REST_US)["swept_files"] == 0
    assert maintain(house.database, everything, NOW + SWEEP_EVERY_US)["swept_files"] == 1
    # A clock that went back stops nothing.
    house.fill(8, OLD - 2 * HOUR_US)
    assert maintain(house.database, everything, NOW)["merged_files"] == 1


def test_files_of_a_batch_that_was_given_up_go_once_its_messages_are_applied(
    house: House, settings: Settings
) -> None:
    house.apply(5)
    maintain(house.database, settings, NOW)
    maintain(house.database, settings, NOW + 1)
    _strange(house, path_of(OLD, 6, 9))
    with house.database.write() as connection:
        connection.execute(
            insert(void_ranges), [{"stream_id": STREAM, "partition": 0, "first": 6, "last": 9}]
        )
    assert maintain(house.database, settings, NOW + 2) == {}
    house.apply(9)
    assert maintain(house.database, settings, NOW + 3)["swept_files"] == 1
    assert house.on_disk() == []
    assert maintain(house.database, settings, NOW + 4) == {}


def test_maintenance_that_runs_out_of_time_goes_on_at_once(house: House, settings: Settings) -> None:
    for hour in range(3):
        house.fill(8, OLD - hour * HOUR_US)
    hurried = replace(settings, maintenance_seconds=1e-9)
    assert maintain(house.database, hurried, NOW)["merged_files"] == 0
    assert maintain(house.database, settings, NOW + 1)["merged_files"] == 3
    assert maintain(house.database, settings, NOW + 2) == {}


def test_without_time_or_retention_nothing_is_done_or_forgotten(house: House, settings: Settings) -> None:
    house.fill(2)
    before = house.read()
    assert maintain(house.database, replace(settings, maintenance_seconds=0.0), NOW + DAY_US) == {}
    assert len(house.listed()) == 2
    assert maintain(house.database, settings, NOW + 10_000 * DAY_US)["pruned_files"] == 0
    assert house.read() == before


def test_series_elsewhere_are_pruned_there(house: House, settings: Settings, tmp_path: Path) -> None:
    elsewhere = replace(settings, series_url=f"sqlite:///{tmp_path}/series.db", retention_days=1.0)
    series = open_series(elsewhere)
    series.write_traffic(BatchRange(STREAM, 0, 0, 1), [TrafficPoint("e", 0)])
    maintain(house.database, elsewhere, NOW)
    assert series.read_traffic(["e"], 0, NOW) == []


def test_a_store_that_is_down_is_reported_and_tried_again(
    house: House, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.fill()
    with monkeypatch.context() as down:

        def fail(*_: Any, **__: Any) -> None:
            raise UnavailableError("the disk is full")

        down.setattr(ParquetSamples, "write", fail)
        with pytest.raises(UnavailableError, match="full"):
            maintain(house.database, settings, NOW)
    with house.database.read() as connection:
        assert registry.get_value(connection, maintenance.STATE) is None
    assert maintain(house.database, settings, LATER)["merged_files"] == 1
