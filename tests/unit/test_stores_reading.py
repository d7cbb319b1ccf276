"""Reading samples: what is listed and asked for, in order, under its own names, whatever maintenance does."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from sqlalchemy import delete, insert

from modelmon.column_names import METADATA_COLUMNS
from modelmon.errors import ConfigError
from modelmon.ledger import endpoints
from modelmon.ledger.records import records_at
from modelmon.ledger.schema import column_types, files
from modelmon.model import Endpoint
from modelmon.sql.database import Database
from modelmon.stores import samples_reading
from modelmon.stores.base import SampleStore
from modelmon.stores.samples import ParquetSamples
from modelmon.stores.samples_reading import read_sample
from sample_files import HOUR_US, add_file

DAY = (0, 24 * HOUR_US)
MINUTE_US = 60_000_000


class Counting(SampleStore):
    """A store that remembers what was read, and may do something before a read."""

    def __init__(self, store: SampleStore) -> None:
        self._store = store
        self.read_paths: list[str] = []
        self.readers: set[str] = set()
        self.before_read: list[Any] = []

    def read(
        self, path: str, columns: Sequence[str] | None = None, span: tuple[int, int] | None = None
    ) -> pa.Table:
        self.read_paths.append(path)
        self.readers.add(threading.current_thread().name)
        if self.before_read:
            self.before_read.pop(0)()
        return self._store.read(path, columns, span)

    def write(self, path: str, table: pa.Table, *, packed: bool = False) -> int:
        return self._store.write(path, table, packed=packed)

    def delete(self, paths: Collection[str]) -> None:
        self._store.delete(paths)

    def list(self, prefix: str = "", after: str = "") -> Iterator[str]:
        return self._store.list(prefix, after)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return records_at(f"sqlite:///{tmp_path}/records.db", durability="process")


@pytest.fixture
def samples(tmp_path: Path) -> Counting:
    return Counting(ParquetSamples(str(tmp_path / "samples"), "process"))


def _register(database: Database, features: Sequence[str] = (), predictions: Sequence[str] = ()) -> None:
    endpoint = Endpoint("e", "p", "m", feature_names=tuple(features), label_names=tuple(predictions))
    with database.write() as connection:
        endpoints.put(connection, endpoint, 1)


def test_rows_of_all_files_come_by_time_then_place_in_the_stream(
    database: Database, samples: Counting
) -> None:
    add_file(database, samples, [5, 3, 3], {"x": [1, 2, 3]}, first=10)
    add_file(database, samples, [4, 3], {"x": [4, 5]}, partition=1, first=0)
    add_file(database, samples, [HOUR_US + 1], {"x": [6]}, first=0)
    add_file(database, samples, [3], {"x": [7]}, first=2)
    assert read_sample(database, samples, "e", *DAY)["x"].to_pylist() == [7, 2, 3, 5, 4, 1, 6]


def test_a_span_is_half_open_to_the_microsecond(database: Database, samples: Counting) -> None:
    times = [HOUR_US - 1, HOUR_US, HOUR_US + 1, 2 * HOUR_US - 1, 2 * HOUR_US]
    for place, time_us in enumerate(times):
        add_file(database, samples, [time_us], {"x": [time_us]}, first=place)

    def read(start_us: int, end_us: int) -> list[int]:
        return read_sample(database, samples, "e", start_us, end_us)["x"].to_pylist()

    assert read(HOUR_US, 2 * HOUR_US) == times[1:4]
    assert read(HOUR_US + 1, HOUR_US + 2) == times[2:3]
    assert read(HOUR_US - 1, 2 * HOUR_US + 1) == times
    assert read_sample(database, samples, "e", HOUR_US, HOUR_US).num_rows == 0


def test_only_files_of_the_span_and_endpoint_are_opened(database: Database, samples: Counting) -> None:
    paths = [
        add_file(database, samples, [hour * HOUR_US + 5], {"x": [hour]}, first=hour) for hour in range(5)
    ]
    add_file(database, samples, [2 * HOUR_US + 50 * MINUTE_US], {"x": [9]}, first=9)  # same hour, outside
    add_file(database, samples, [2 * HOUR_US + 5], {"x": [9]}, endpoint_id="other")
    read_sample(database, samples, "e", 2 * HOUR_US, 2 * HOUR_US + 10 * MINUTE_US)
    assert samples.read_paths == [paths[2]]


@pytest.mark.parametrize(
    ("seconds", "is_far", "columns", "by_others"),
    [
        (60.0, False, ["x"], False),
        (60.0, False, None, True),
        (60.0, True, ["x"], True),
        (0.0, False, ["x"], True),
    ],
    ids=["few columns at hand", "all columns", "another machine", "it takes long"],
)
def test_several_threads_read_where_that_is_the_quicker(
    database: Database,
    samples: Counting,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    is_far: bool,
    columns: list[str] | None,
    by_others: bool,
) -> None:
    monkeypatch.setattr(samples_reading, "ALONE_SECONDS", seconds)
    samples.is_far = is_far
    for place in range(3):
        add_file(database, samples, [place], {"x": [place]}, first=place)
    assert read_sample(database, samples, "e", *DAY, columns)["x"].to_pylist() == [0, 1, 2]
    assert len(samples.read_paths) == 3
    assert (threading.current_thread().name not in samples.readers) == by_others


def test_a_file_that_is_not_listed_does_not_count(database: Database, samples: Counting) -> None:
    add_file(database, samples, [1], {"x": [1]})
    unlisted = add_file(database, samples, [2], {"x": [2]}, first=1)
    with database.write() as connection:
        connection.execute(delete(files).where(files.c.path == unlisted))
    assert read_sample(database, samples, "e", *DAY)["x"].to_pylist() == [1]


def test_a_list_that_maintenance_changed_meanwhile_is_read_again(
    database: Database, samples: Counting
) -> None:
    old = add_file(database, samples, [1], {"x": [1]})

    def replace_file() -> None:
        with database.write() as connection:
            connection.execute(delete(files))
        samples.delete([old])
        add_file(database, samples, [1], {"x": [1]}, partition=7)

    samples.before_read = [replace_file]
    assert read_sample(database, samples, "e", *DAY)["x"].to_pylist() == [1]
    assert len(samples.read_paths) == 2


def test_a_listed_file_that_is_gone_is_an_error_that_names_it(database: Database, samples: Counting) -> None:
    path = add_file(database, samples, [1], {"x": [1]})
    samples.delete([path])
    with pytest.raises(ConfigError, match=rf"listed in the records and gone.*{path}.*backup"):
        read_sample(database, samples, "e", *DAY)


def test_types_that_changed_are_unified(database: Database, samples: Counting) -> None:
    add_file(database, samples, [1], {"a": [1], "b": [1], "c": pa.nulls(1), "d": [b"\x00"]})
    add_file(database, samples, [2], {"a": [0.5], "b": ["x"], "c": [True], "new": [3]}, first=1)
    table = read_sample(database, samples, "e", *DAY)
    assert table.select(["a", "b", "c", "d", "new"]).to_pydict() == {
        "a": [1.0, 0.5], "b": ["1", "x"], "c": [None, True], "d": [b"\x00", None], "new": [None, 3],
    }  # fmt: skip


ODD = {
    "nulls": pa.nulls(2),
    "no floats": pa.nulls(2, pa.float64()),
    "float": [math.inf, None],
    "bool": [True, None],
    "string": ["ä", None],
    "category": pa.array(["a", None]).dictionary_encode(),
    "温度": [1, 2],
    "dot.ted": [1, 2],
    "image": [b"\x89PNG", None],
    "list": [[1.0, None], None],
    "json": ['{"a":[1]}', None],
}


def test_every_odd_type_and_name_is_read_as_it_was(database: Database, samples: Counting) -> None:
    add_file(database, samples, [1, 2], ODD)
    table = read_sample(database, samples, "e", *DAY)
    expected = pa.table(ODD)
    assert table.select(list(ODD)).equals(expected)
    assert table.column_names == ["timestamp", *ODD, *METADATA_COLUMNS]
    assert read_sample(database, samples, "e", *DAY, columns=list(ODD)).equals(expected)


def test_a_file_and_the_folder_are_read_by_plain_readers(
    database: Database, samples: Counting, tmp_path: Path
) -> None:
    path = add_file(database, samples, [1, 2], {**ODD, "feature.hour": [5, 6]})
    add_file(database, samples, [HOUR_US], {name: pa.array(v)[:1] for name, v in ODD.items()}, first=2)
    frame = pd.read_parquet(tmp_path / "samples" / path, partitioning=None)
    assert frame["feature.hour"].tolist() == [5, 6]
    assert str(frame["timestamp"].dtype) == "datetime64[us, UTC]"
    folder = tmp_path / "samples" / "key=e"
    assert ds.dataset(folder, format="parquet", partitioning="hive").to_table(columns=["温度"]).num_rows == 3
    assert len(pd.read_parquet(folder, columns=["温度", "hour"])) == 3


def test_colliding_names_come_back_as_they_were(database: Database, samples: Counting) -> None:
    _register(database, ["hour", "latency", "a"], ["a", "labels"])
    stored = {"feature.hour": [1], "feature.latency": [2.5], "a": [3], "label.a": [4], "label.labels": ["x"]}
    add_file(database, samples, [1], stored)
    row = read_sample(database, samples, "e", *DAY).to_pylist()[0]
    assert {name: row[name] for name in ("hour", "latency", "a", "label.a", "labels")} == {
        "hour": 1, "latency": 2.5, "a": 3, "label.a": 4, "labels": "x",
    }  # fmt: skip
    assert (row["metadata.latency"], row["metadata.labels"]) == (1, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("hour", 1),
        ("feature.hour", 1),
        ("latency", 2.5),
        ("metadata.latency", 1),
        ("a", 3),
        ("label.a", 4),
        ("labels", "x"),
        ("request_id", "r0"),
        ("metadata.request_id", "r0"),
        ("stream_offset", 0),
        ("learned", None),
        ("seen", None),
        ("metrics", None),
    ],
)
def test_one_column_is_asked_for_by_any_of_its_names(
    database: Database, samples: Counting, column: str, value: object
) -> None:
    _register(database, ["hour", "latency", "a", "learned"], ["a", "labels"])
    with database.write() as connection:
        row = {"endpoint_id": "e", "column": "feature.seen", "type": "double"}
        connection.execute(insert(column_types), [row])
    stored = {"feature.hour": [1], "feature.latency": [2.5], "a": [3], "label.a": [4], "label.labels": ["x"]}
    add_file(database, samples, [1], stored)
    table = read_sample(database, samples, "e", *DAY, columns=[column])
    assert table.to_pydict() == {column: [value]}


def test_columns_come_in_the_order_asked_for(database: Database, samples: Counting) -> None:
    add_file(database, samples, [2, 1], {"b": [1, 2], "a": [3, 4]})
    table = read_sample(database, samples, "e", *DAY, columns=["b", "timestamp", "a", "b"])
    assert table.column_names == ["b", "timestamp", "a"]
    assert table["b"].to_pylist() == [2, 1]
    assert read_sample(database, samples, "e", *DAY, columns=[]).num_columns == 0


def test_an_unknown_column_is_refused_with_those_that_there_are(
    database: Database, samples: Counting
) -> None:
    _register(database, ["pressure"], ["late"])
    add_file(database, samples, [1], {"pressure": [1.0], "late": [True]})
    with pytest.raises(ConfigError, match=r"no column 'presure'.*late, pressure.*timestamp, endpoint_id"):
        read_sample(database, samples, "e", *DAY, columns=["late", "presure"])


def test_a_feature_that_no_row_of_the_span_has_is_a_column_of_nulls(
    database: Database, samples: Counting
) -> None:
    _register(database, ["a", "hour"], ["a", "y"])
    add_file(database, samples, [1, 2], {"a": [1, 2]})
    table = read_sample(database, samples, "e", *DAY)
    assert table.column_names == ["timestamp", "a", "hour", "label.a", "y", *METADATA_COLUMNS]
    assert table["hour"].to_pylist() == [None, None]


@pytest.mark.parametrize("registered", [True, False])
def test_a_span_without_rows_has_columns_and_no_rows(
    database: Database, samples: Counting, registered: bool
) -> None:
    if registered:
        _register(database, ["a"], ["y"])
    table = read_sample(database, samples, "e", *DAY)
    assert table.num_rows == 0
    own = ["a", "y"] if registered else []
    assert table.column_names == ["timestamp", *own, *METADATA_COLUMNS]
    assert read_sample(database, samples, "e", *DAY, columns=["timestamp", *own]).num_rows == 0


def test_many_equal_timestamps_keep_their_place(database: Database, samples: Counting) -> None:
    for first in (2000, 0, 1000):
        numbers = list(range(first, first + 1000))
        add_file(database, samples, [7] * 1000, {"x": numbers}, first=first)
    assert read_sample(database, samples, "e", *DAY, columns=["x"])["x"].to_pylist() == list(range(3000))
