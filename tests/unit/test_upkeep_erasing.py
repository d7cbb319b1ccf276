"""Somebody's rows are erased from all files and nothing else is; retention cuts what is old off a month."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from ledger_rows import listed_files
from modelmon.cli import main
from modelmon.errors import ConfigError
from modelmon.ledger import endpoints
from modelmon.ledger.schema import dirty, erasures, rewrites, windows
from modelmon.model import DAY_US, Endpoint
from modelmon.settings import Settings
from modelmon.stores.matching import is_meant, matching
from modelmon.stores.reaching import start_of
from modelmon.upkeep.compaction import CLOSED_AFTER_US, compact
from modelmon.upkeep.cutting import cut_months
from modelmon.upkeep.erasing import Erased
from modelmon.upkeep.erasing_nothing import why_nothing
from modelmon.upkeep.maintenance import maintain
from modelmon.upkeep.sweep import sweep
from sample_files import add_file
from sample_house import House, Killed, Mortal, erase

MONTH = start_of("month", 40 * DAY_US)
MONTH_OVER = MONTH + 28 * DAY_US + CLOSED_AFTER_US
NOBODY = Erased(0, 0, 6)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def _fill(house: House, days: Sequence[int] = range(6)) -> None:
    """A file a day of three rows: of persons 1, 2 and 3; `who` is a text, and a number on even days."""
    for day in days:
        start_us = MONTH + day * DAY_US
        who: list[Any] = [1, 2, 3] if day % 2 else ["1", "2", "3"]
        content = {"who": who, "x": [10 * day + number for number in (1, 2, 3)]}
        add_file(house.database, house.samples, [start_us + n for n in range(3)], content, first=3 * day)
    house.apply(99)
    with house.database.write() as connection:
        endpoints.put(connection, Endpoint("e", "p", "churn", feature_names=("who", "x")), 1)


def _merge(house: House) -> None:
    compact(house.database, house.samples, MONTH_OVER, time.monotonic() + 60, min_files=8)


def _erase(house: House, dry_run: bool = False, **where: str) -> Erased:
    return erase(house.database, house.samples, "e", where, MONTH_OVER, dry_run=dry_run)


def _audit(house: House) -> list[tuple[Any, ...]]:
    table = erasures
    columns = (
        table.c.endpoint_id,
        table.c.columns,
        table.c.rows,
        table.c.files,
        table.c.finished_us > table.c.started_us,
    )
    with house.database.read() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(table.c.started_us))]


@pytest.mark.parametrize("merged", [False, True])
def test_a_persons_rows_are_gone_from_every_file_and_all_others_are_there(house: House, merged: bool) -> None:
    _fill(house)
    if merged:
        _merge(house)
    assert _erase(house, who="2") == Erased(6, 1 if merged else 6, 1 if merged else 6)
    assert house.read()["x"] == [10 * day + number for day in range(6) for number in (1, 3)]
    assert house.on_disk() == house.listed()
    for path in house.on_disk():
        assert "2" not in [str(value) for value in house.samples.read(path)["who"].to_pylist()]


def test_all_conditions_have_to_hold(house: House) -> None:
    _fill(house)
    assert _erase(house, who="2", x="32.0") == Erased(1, 1, 6)
    assert 32 not in house.read()["x"]
    assert len(house.read()["x"]) == 17


def test_a_dry_run_counts_and_changes_nothing(house: House) -> None:
    _fill(house)
    before, on_disk = house.read(), house.on_disk()
    assert _erase(house, dry_run=True, who="3") == Erased(6, 6, 6)
    assert (house.read(), house.on_disk(), _audit(house)) == (before, on_disk, [])


def test_a_file_of_which_nothing_is_left_is_gone(house: House) -> None:
    _fill(house, [0])
    for person in ("1", "2", "3"):
        _erase(house, who=person)
    assert house.listed() == house.on_disk() == []


def test_what_was_erased_is_noted_without_the_value(house: House) -> None:
    _fill(house)
    _erase(house, who="2", x="2")
    _erase(house, who="nobody@example.com")
    assert _audit(house) == [("e", '["who","x"]', 1, 1, True)]
    written = b"".join(path.read_bytes() for path in house.folder.glob("records.db*"))
    assert b"erasures" in written
    assert b"nobody@example" not in written


def test_nothing_is_judged_again_and_a_listed_file_says_what_it_holds(house: House) -> None:
    _fill(house)
    _erase(house, who="1")
    assert (house.count(dirty), house.count(windows), house.count(rewrites)) == (0, 0, 0)
    with house.database.read() as connection:
        rows = listed_files(connection)
    assert [(row.rows, row.min_us - row.hour_us, row.max_us - row.hour_us) for row in rows] == [(2, 1, 2)] * 6
    assert {row.reach for row in rows} == {"hour"}


@pytest.mark.slow
@pytest.mark.parametrize("merged", [False, True])
def test_killed_at_any_step_it_is_finished_by_running_it_again(house: House, merged: bool) -> None:
    counting, whole = Mortal(), house.folder / "whole"
    _fill(house, range(3))
    if merged:
        _merge(house)
    house.copy(whole)
    erase(*house.stores(counting), "e", {"who": "2"}, MONTH_OVER)
    expected = house.read()
    assert counting.steps > 10
    for step in range(1, counting.steps + 1):
        place = House(whole).copy(house.folder / str(step))
        with pytest.raises(Killed):
            erase(*place.stores(Mortal(step)), "e", {"who": "2"}, MONTH_OVER)
        assert set(expected["x"]) <= set(place.read()["x"]), step
        erase(*place.stores(), "e", {"who": "2"}, MONTH_OVER)
        assert place.read() == expected, step
        assert _plainly(place) == [("1", 10 * day + 1) for day in range(3)] + [
            ("3", 10 * day + 3) for day in range(3)
        ], step
        assert place.on_disk() == place.listed(), step
        assert sum(rows for _, _, rows, _, _ in _audit(place)) == 3, step
        assert place.count(rewrites) == 0, step


def _plainly(house: House) -> list[tuple[str, int]]:
    """What a reader finds who knows of nothing but the files."""
    files = (house.folder / "samples").rglob("*.parquet")
    rows = [row for path in files for row in pq.read_table(path, partitioning=None).to_pylist()]
    return sorted((str(row["who"]), row["x"]) for row in rows)


def test_what_a_killed_merge_has_read_is_gone_too(house: House) -> None:
    _fill(house)
    with pytest.raises(Killed):
        compact(*house.stores(Mortal(8)), MONTH_OVER, time.monotonic() + 60, min_files=2)
    assert any("/c-" in path for path in house.on_disk())
    _erase(house, who="2")
    assert [who for who, _ in _plainly(house)] == ["1"] * 6 + ["3"] * 6


def test_a_compaction_under_way_brings_nothing_back(house: House) -> None:
    _fill(house)
    database, samples = house.stores()
    erased: list[Erased] = []
    samples.before_write = lambda: erased.append(_erase(house, who="2"))
    compact(database, samples, MONTH_OVER, time.monotonic() + 60, min_files=8)
    assert erased == [Erased(6, 6, 6)]
    assert house.read()["x"] == [10 * day + number for day in range(6) for number in (1, 3)]
    assert house.on_disk() == house.listed()


def test_files_that_are_merged_or_come_while_it_runs_are_looked_at_too(house: House) -> None:
    _fill(house)
    meanwhile: Iterator[Callable[[], None]] = iter([lambda: _fill(house, [7]), lambda: _merge(house)])

    class Meddled(type(house.samples)):  # type: ignore[misc]
        def write(self, path: str, content: pa.Table, *, packed: bool = False) -> int:
            size: int = super().write(path, content, packed=packed)
            next(meanwhile, lambda: None)()
            return size

    samples = Meddled(house.folder / "samples", Mortal())
    erase(house.database, samples, "e", {"who": "2"}, MONTH_OVER)
    assert house.read()["x"] == [10 * day + number for day in (*range(6), 7) for number in (1, 3)]


def test_a_listed_file_that_is_gone_is_an_error_that_names_it(house: House) -> None:
    _fill(house)
    path = house.listed()[2]
    house.samples.delete([path])
    with pytest.raises(ConfigError, match=f"listed in the records and gone.*{path}"):
        _erase(house, who="2")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({}, "at least one column"),
        ({"whom": "2"}, "has no column 'whom'"),
        ({"timestamp": "2"}, "by their time"),
    ],
)
def test_a_column_that_can_not_be_asked_for_is_refused(
    house: House, where: dict[str, str], said: str
) -> None:
    _fill(house)
    with pytest.raises(ConfigError, match=said):
        _erase(house, **where)
    assert _audit(house) == []


def test_a_feature_has_its_name_and_our_own_column_of_that_name_another(house: House) -> None:
    with house.database.write() as connection:
        endpoints.put(connection, Endpoint("e", "p", "churn", feature_names=("latency",)), 1)
    content = {"feature.latency": [1, 2], "x": [1, 2]}
    add_file(house.database, house.samples, [MONTH, MONTH + 1], content)  # our latency is 1 in both
    add_file(house.database, house.samples, [MONTH + 2], {"x": [3]}, first=2)
    house.apply(9)
    assert _erase(house, latency="1") == Erased(1, 1, 2)
    assert house.read()["x"] == [2, 3]
    assert _erase(house, **{"metadata.latency": "1"}) == Erased(2, 2, 2)


def test_a_key_of_the_entities_can_be_asked_for() -> None:
    table = pa.table({"entities": ['{"customer":7}', '{"customer":"7"}', '{"other":7}', None, "[7]"]})
    assert matching(table, {("entities", "customer"): "7"}).to_pylist() == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("value", "text", "meant"),
    [
        (2**53 + 1, str(2**53), False), (2**53 + 1, str(2**53 + 1), True), (0.1, "0.1", True),
        (b"a", '{"$bytes":"YQ=="}', True), (["a"], '["a"]', True), ("", "", True), (0, "", False),
        (False, "0", False), ("Ä", "ä", False), (1e300, "1e300", True), (-0.0, "0", True),
    ],
)  # fmt: skip
def test_a_value_is_meant_by_its_text(value: Any, text: str, meant: bool) -> None:
    assert is_meant(value, text) is meant


def test_gaps_are_nobodys(house: House) -> None:
    table = pa.table({"a": [float("nan"), None, 1.0], "b": pa.nulls(3), "c": [None, "NaN", "null"]})
    assert [matching(table, {(name, ""): "NaN"}).true_count for name in "abc"] == [0, 0, 1]
    assert [matching(table, {(name, ""): "null"}).true_count for name in "abc"] == [0, 0, 1]


# --- retention of merged files --------------------------------------------------------------------------


def _cut(house: House, before_us: int) -> None:
    cut_months(house.database, house.samples, before_us, MONTH_OVER, time.monotonic() + 60)


def test_days_that_are_too_old_are_cut_off_a_month_once_a_day(house: House) -> None:
    _fill(house)
    _merge(house)
    (path,) = house.listed()
    _cut(house, MONTH + DAY_US - 1)
    assert house.listed() == [path]
    _cut(house, MONTH + 2 * DAY_US + 5)
    assert house.read()["x"] == [10 * day + number for day in range(2, 6) for number in (1, 2, 3)]
    cut = house.listed()
    assert cut == house.on_disk()
    assert len(cut) == 1
    _cut(house, MONTH + 3 * DAY_US - 1)
    assert house.listed() == cut
    _cut(house, MONTH + 9 * DAY_US)  # all of it is too old, which is for the pruning
    assert house.listed() == cut


def test_maintenance_cuts_off_what_retention_no_longer_keeps(house: House) -> None:
    _fill(house)
    _merge(house)
    settings = Settings(
        records_url=house.url, samples_path=str(house.folder / "samples"), stream_path="memory://x",
        artifacts_path="x", durability="process", maintenance_seconds=60.0,
        retention_days=(MONTH_OVER - MONTH) / DAY_US - 2,
    )  # fmt: skip
    maintain(house.database, settings, MONTH_OVER)
    assert house.read()["x"] == [10 * day + number for day in range(2, 6) for number in (1, 2, 3)]
    assert house.listed() == house.on_disk()


def test_killed_at_any_step_a_cut_loses_nothing_newer(house: House) -> None:
    counting, whole = Mortal(), house.folder / "whole"
    _fill(house, range(3))
    _merge(house)
    house.copy(whole)
    cut_months(*house.stores(counting), MONTH + DAY_US, MONTH_OVER, time.monotonic() + 60)
    expected = house.read()
    for step in range(1, counting.steps + 1):
        place = House(whole).copy(house.folder / str(step))
        with pytest.raises(Killed):
            cut_months(*place.stores(Mortal(step)), MONTH + DAY_US, MONTH_OVER, time.monotonic() + 60)
        assert place.read()["x"][-6:] == expected["x"], step
        _cut(place, MONTH + DAY_US)
        sweep(place.database, place.samples, MONTH_OVER, time.monotonic() + 60)
        assert place.read() == expected, step


# --- the command ----------------------------------------------------------------------------------------


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    (tmp_path / "modelmon.yaml").write_text(
        f"project: p\nrecords_url: sqlite:///{tmp_path}/records.db\nsamples_path: {tmp_path}/samples\n"
    )
    monkeypatch.chdir(tmp_path)
    _fill(House(tmp_path))

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["modelmon", "erase", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((captured.out + captured.err).split())

    return run


def test_the_command_says_how_many_rows_of_how_many_files(command: Callable[..., tuple[int, str]]) -> None:
    asked = ("--endpoint", "churn", "--where", "who=2", "--where", "x=32")
    assert command(*asked, "--dry-run") == (0, "1 row of churn would be erased, in 1 of 6 files.")
    assert command(*asked) == (0, "1 row of churn erased, in 1 of 6 files.")
    code, said = command(*asked, "--json")
    assert (code, json.loads(said)["rows"]) == (1, 0)
    code, said = command("--list", "--json")
    assert [each["rows"] for each in json.loads(said)["erasures"]] == [1]
    assert "churn who, x" in command("--list")[1]


def test_a_run_that_matches_nothing_says_why(command: Callable[..., tuple[int, str]]) -> None:
    code, said = command("--endpoint", "churn", "--where", "x=many")
    assert code == 1
    assert said == (
        "No row of churn matches, in 6 files: nothing was erased. x: it holds numbers, and 'many' is none"
    )


@pytest.mark.parametrize(
    ("values", "column", "key", "text", "said"),
    [
        (["true", "false"], "y", "", "True", "there is 'true', not 'True'"),
        ([True], "y", "", "yes", "holds true and false, got 'yes'"),
        ([1, 2.5], "y", "", "one", "holds numbers, and 'one' is none"),
        (["007"], "y", "", "7", "holds text, where '7' has to match to the letter"),
        ([None, None], "y", "", "null", "a gap matches nothing"),
        (['{"customer": 1}'], "entities", "", "1", "as entities.customer=VALUE"),
        (['{"customer": 1}'], "entities", "custmer", "1", "did you mean customer?"),
        (['{"customer": "Ann"}'], "entities", "customer", "ann", "there is 'Ann', not 'ann'"),
    ],
)
def test_what_may_be_wrong_with_a_value_is_told(
    values: list[Any], column: str, key: str, text: str, said: str
) -> None:
    (told,) = why_nothing([pa.table({column: values})], {(column, key): text})
    assert told.startswith(f"{column}.{key}: " if key else f"{column}: ")
    assert said in told


def test_of_a_value_that_could_be_there_nothing_is_made_up() -> None:
    assert why_nothing([pa.table({"x": [1, 2]})], {("x", ""): "3"}) == ()


def test_a_killed_run_says_whether_a_later_one_came_to_its_end(
    house: House, command: Callable[..., tuple[int, str]]
) -> None:
    with house.database.write() as connection:
        row = {"endpoint_id": "e", "columns": '["who"]', "rows": 6, "files": 6, "started_us": 1}
        connection.execute(erasures.insert(), [{**row, "erasure_id": "killed", "finished_us": None}])
    assert "did not come to its end: run it again" in command("--list")[1]
    assert command("--endpoint", "churn", "--where", "x=9999")[0] == 1  # by other columns
    assert "did not come to its end: run it again" in command("--list")[1]
    assert command("--endpoint", "churn", "--where", "who=nobody")[0] == 1
    assert "a later run by the same columns did" in command("--list")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--endpoint", "churn"], "at least one --where"),
        (["--endpoint", "churn", "--where", "who"], "must be COLUMN=VALUE, got 'who'"),
        (["--endpoint", "churn", "--where", "who=1", "--where", "who=2"], "no row has two values of who"),
        (["--endpoint", "chrun", "--where", "who=1"], "did you mean churn?"),
        (["--endpoint", "churn", "--where", "whom=1"], "has no column 'whom'"),
    ],
)
def test_the_command_says_what_is_wrong(
    command: Callable[..., tuple[int, str]], arguments: list[str], said: str
) -> None:
    code, told = command(*arguments)
    assert code == 2
    assert said in told
