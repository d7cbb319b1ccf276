"""What every sample store keeps of the promise in stores/base.py."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from conformance.store_backends import SAMPLES
from modelmon.errors import ConfigError
from modelmon.stores.base import SampleStore

PATH = "key=e/year=2013/month=04/day=11/hour=05/0a1b2c3d-0-0-9.parquet"
HIDDEN_COLUMNS = {
    "feature.hour": [5, 6],
    "feature": [1.5, None],
    "名前": ["ä", None],
    "blob": [b"\x00\xff", None],
}
TABLE = pa.table(
    {
        "timestamp": pa.array([1, 2], pa.timestamp("us", "UTC")),
        **HIDDEN_COLUMNS,
        "nothing": pa.nulls(2),
        "empty": pa.nulls(2, pa.float64()),
        "flag": [True, None],
        "numbers": [[1.0, float("nan")], None],
        "nested": [{"a": [1]}, None],
        "category": pa.array(["x", None]).dictionary_encode(),
    }
)


@pytest.fixture(params=SAMPLES, ids=lambda backend: backend.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SampleStore:
    return request.param(tmp_path)


def test_a_file_of_any_type_is_read_as_it_was_written(store: SampleStore) -> None:
    size = store.write(PATH, TABLE)
    read = store.read(PATH)
    assert size > 0
    assert read.schema.equals(TABLE.schema)
    assert str(read.to_pydict()) == str(TABLE.to_pydict())  # as text, where NaN is NaN


@pytest.mark.parametrize("count", [1, 2, 20])
def test_files_written_together_are_read_as_they_were_written(store: SampleStore, count: int) -> None:
    paths = [f"key={number}/hour=00/a.parquet" for number in range(count)]
    for rows in (1, 2):  # the second time they are replaced
        sizes: dict[str, int] = {}
        with ThreadPoolExecutor(2) as writers:
            store.write_all(dict.fromkeys(paths, TABLE.slice(0, rows)), writers, sizes)
        assert sizes == {path: store.write("other.parquet", TABLE.slice(0, rows)) for path in paths}
        assert [store.read(path).num_rows for path in paths] == [rows] * count
    store.delete(["other.parquet"])
    assert sorted(store.list()) == sorted(paths)


def test_only_the_columns_asked_for_are_read_in_that_order(store: SampleStore) -> None:
    store.write(PATH, TABLE)
    read = store.read(PATH, ["blob", "feature", "elsewhere", "blob", "timestamp"])
    assert read.column_names == ["blob", "feature", "timestamp"]


def test_none_of_the_columns_leaves_the_rows(store: SampleStore) -> None:
    store.write(PATH, TABLE)
    assert store.read(PATH, ["elsewhere"]).column_names == []


def test_a_column_whose_name_begins_anothers_is_read_alone(store: SampleStore) -> None:
    store.write(PATH, TABLE)
    assert store.read(PATH, ["feature"]).column_names == ["feature"]


def test_a_table_without_rows_is_a_file(store: SampleStore) -> None:
    store.write(PATH, TABLE.slice(0, 0))
    assert store.read(PATH).schema.equals(TABLE.schema)


def test_writing_again_replaces_the_file(store: SampleStore) -> None:
    store.write(PATH, TABLE)
    store.write(PATH, TABLE.slice(1))
    assert store.read(PATH).num_rows == 1
    assert list(store.list()) == [PATH]


def test_a_file_larger_than_one_read_is_whole(store: SampleStore) -> None:
    large = pa.table({"timestamp": TABLE["timestamp"].take([0] * 600_000), "x": pa.array(range(600_000))})
    assert store.write(PATH, large) > 2**21
    assert store.read(PATH, ["x"])["x"].to_pylist() == list(range(600_000))


def test_a_missing_file_is_told_from_a_store_that_is_down(store: SampleStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.read(PATH)


def test_deleting_takes_what_is_there_and_no_more(store: SampleStore) -> None:
    other = PATH.replace("-0-9", "-10-19")
    store.write(PATH, TABLE)
    store.write(other, TABLE)
    store.delete([PATH, PATH, "key=nobody/x.parquet"])
    assert list(store.list()) == [other]


def test_a_deleted_folder_can_be_written_again(store: SampleStore) -> None:
    store.write(PATH, TABLE)
    store.delete([PATH])
    assert list(store.list()) == []
    store.write(PATH, TABLE)
    assert store.read(PATH).num_rows == 2


def test_files_are_listed_by_folder_in_order_and_from_a_path_on(store: SampleStore) -> None:
    paths = [
        f"key={key}/hour={hour}/{name}.parquet" for key in "ab" for hour in ("01", "02") for name in "xy"
    ]
    for path in reversed(paths):
        store.write(path, TABLE)
    assert list(store.list()) == paths
    assert list(store.list("key=b")) == paths[4:]
    assert list(store.list("key=nobody")) == []
    assert [list(store.list(after=path)) for path in paths] == [paths[n + 1 :] for n in range(len(paths))]
    assert list(store.list(after="key=a/hour=01/xx")) == paths[1:]


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a//x", "./x", "a\\..\\x", "a/\0", "", "."])
def test_a_path_out_of_the_root_is_refused(store: SampleStore, path: str) -> None:
    with pytest.raises(ConfigError, match="relative"):
        store.write(path, TABLE)
    with pytest.raises(ConfigError, match="relative"):
        store.read(path)
    with pytest.raises(ConfigError, match="relative"):
        store.delete([path])
