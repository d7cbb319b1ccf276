"""What becomes of the values and names of events: each case has one defined result."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from storey import ParquetTarget, SyncEmitSource

from modelmon.model import from_us
from streaming import ENDPOINT, NOW_US, Bed, event, feed, run, written

HOUR_US = 3_600_000_000
NAN = float("nan")


def column_of(values: list[Any], folder: Path) -> pa.ChunkedArray:
    """The stored column of one feature that had these values, one event each, in one batch."""
    bed = written(folder, *(raw_event(value) for value in values))
    (table,) = bed.files()
    return table.column("f0")


def raw_event(value: Any) -> bytes:
    body = json.loads(event())
    body["request"]["inputs"] = [[value]]
    return json.dumps(body).encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([1, 2, None], pa.int64(), [1, 2, None]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([2**62, 2**70], pa.float64(), [float(2**62), float(2**70)]),
        ([True, None, False], pa.bool_(), [True, None, False]),
        (["a", "ünï", "日本", ""], pa.string(), ["a", "ünï", "日本", ""]),
        ([True, 1, 2.5], pa.string(), ["true", "1", "2.5"]),
        ([1, "a", None], pa.string(), ["1", "a", None]),
        ([[1, 2.5], [], None, [None]], pa.list_(pa.float64()), [[1.0, 2.5], [], None, [None]]),
        ([[1, "a"], [2]], pa.string(), ['[1,"a"]', "[2]"]),
        ([[[1], [2]]], pa.string(), ["[[1],[2]]"]),
        ([{"a": {"b": [1]}}, 3], pa.string(), ['{"a":{"b":[1]}}', "3"]),
        ([{"a": 1}, {}], pa.string(), ['{"a":1}', "{}"]),
        ([None, None], pa.float64(), [None, None]),
        ([NAN, None, NAN], pa.float64(), [None, None, None]),
        (["a", NAN, None, "NaN"], pa.string(), ["a", None, None, "NaN"]),
        ([True, NAN], pa.bool_(), [True, None]),
        ([[1.0], NAN], pa.list_(pa.float64()), [[1.0], None]),
        ([1, "a", NAN, 1.0, 2.50, -0.0, 1e20], pa.string(), ["1", "a", None, "1", "2.5", "0", "1e+20"]),
        ([{"a": 1.0, "b": NAN}, [1.0, "x"]], pa.string(), ['{"a":1,"b":NaN}', '[1,"x"]']),
        ([10**400], pa.string(), [str(10**400)]),
        ([-(2**63), 2**63 - 1], pa.int64(), [-(2**63), 2**63 - 1]),
    ],
)
def test_a_column_of_these_values_is_stored_as(
    values: list[Any], kind: pa.DataType, stored: list[Any], tmp_path: Path
) -> None:
    column = column_of(values, tmp_path)
    assert column.to_pylist() == stored
    assert column.type.equals(kind) or (pa.types.is_list(kind) and pa.types.is_list(column.type))


def test_nan_stays_nan_and_null_stays_null(tmp_path: Path) -> None:
    column = column_of([NAN, None, float("inf")], tmp_path)
    assert column.type == pa.float64()
    assert column.null_count == 1
    assert math.isnan(column[0].as_py())
    assert column[2].as_py() == math.inf


def test_bytes_are_stored_as_binary(tmp_path: Path) -> None:
    image = bytes(range(256))
    column = column_of([{"$bytes": base64.b64encode(image).decode()}, None], tmp_path)
    assert column.type == pa.binary()
    assert column.to_pylist() == [image, None]


def test_an_all_null_column_keeps_the_type_it_had(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    run(feed(bed, bed.publish(raw_event("a"))))
    run(feed(bed, bed.publish(raw_event(None))))
    assert [table.schema.field("f0").type for table in bed.files()] == [pa.string(), pa.string()]
    assert bed.table("schema_changes", "change") == []


def test_nan_alone_in_a_column_of_texts_is_a_gap_and_no_change(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    for values in (["a", "b"], [NAN, NAN], [NAN, "c"]):
        run(feed(bed, bed.publish(*map(raw_event, values))))
    assert bed.sample().column("f0").to_pylist() == ["a", "b", None, None, None, "c"]
    assert bed.table("schema_changes", "change") == []


@pytest.mark.slow
def test_a_value_reads_the_same_whichever_values_shared_its_batch(tmp_path: Path) -> None:
    values = [1, 1.0, 2.5, True, "x", NAN, None, 10**20, [1.0, 2], {"k": 1.0}, -0.0, float("inf")]
    together, apart = Bed(tmp_path / "together"), Bed(tmp_path / "apart")
    run(feed(together, together.publish(*map(raw_event, values))))
    for value in values:
        run(feed(apart, apart.publish(raw_event(value))))
    texts = [bed.sample().column("f0").to_pylist() for bed in (together, apart)]
    assert texts[0] == texts[1] == [
        "1", "1", "2.5", "true", "x", None, None, "1e+20", "[1,2]", '{"k":1}', "0", "Infinity",
    ]  # fmt: skip


def test_whole_numbers_in_a_column_of_floats_are_floats_and_no_change(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    run(feed(bed, bed.publish(raw_event(1.5))))
    run(feed(bed, bed.publish(raw_event(2))))
    assert [table.schema.field("f0").type for table in bed.files()] == [pa.float64(), pa.float64()]
    assert bed.table("schema_changes", "change") == []


def test_a_retyped_column_is_recorded_and_still_read_as_one(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    run(feed(bed, bed.publish(raw_event(1.5))))
    run(feed(bed, bed.publish(raw_event("x"))))
    assert bed.table("schema_changes", "column", "change", "detail") == [("f0", "retyped", "double → string")]
    assert bed.sample().column("f0").to_pylist() == ["1.5", "x"]


def test_names_are_generated_and_registered_where_nobody_gave_any(tmp_path: Path) -> None:
    bed = written(tmp_path, event([[1.0, 2.0]], [[3.0, 4.0]]))
    assert bed.table("endpoints", "feature_names", "label_names") == [('["f0","f1"]', '["p0","p1"]')]
    assert bed.sample().select(["f0", "f1", "p0", "p1"]).to_pylist() == [
        {"f0": 1.0, "f1": 2.0, "p0": 3.0, "p1": 4.0}
    ]


def test_registered_names_hold_by_position(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("a", "b"), label_names=("y",))
    run(feed(bed, bed.publish(event([[1.0, 2.0]], [[3.0]]))))
    assert bed.sample().select(["a", "b", "y"]).to_pylist() == [{"a": 1.0, "b": 2.0, "y": 3.0}]
    assert bed.table("schema_changes", "change") == []


def test_an_events_own_names_place_its_values_in_any_order(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("a", "b"), label_names=("y",))
    run(feed(bed, bed.publish(event([[1.0, 2.0]], input_names=("b", "a")), event([[3.0, 4.0]]))))
    assert bed.sample().select(["a", "b"]).to_pylist() == [{"a": 2.0, "b": 1.0}, {"a": 3.0, "b": 4.0}]


@pytest.mark.parametrize(
    ("registered", "own", "values", "stored"),
    [
        (("age", "income"), ("Income", "Age"), [2, 1], {"age": 1, "income": 2}),
        (("sepal width", "sepal length"), ("sepal_width", "sepal_length"), [1, 2],
         {"sepal width": 1, "sepal length": 2}),
        (("Straße (m)",), ("STRASSE_M",), [1], {"Straße (m)": 1}),
        (("age", "income"), ("income", "country"), [2, 9], {"age": None, "income": 2, "country": 9}),
        (("a", "b"), ("x", "y"), [8, 9], {"a": None, "b": None, "x": 8, "y": 9}),
        (("a", "A"), ("A", "a"), [1, 2], {"a": 2, "A": 1}),
        (("a_b", "a-b"), ("a b",), [1], {"a_b": None, "a-b": None, "a b": 1}),
        (("a",), ("A", "a"), [1, 2], {"a": 2, "A": 1}),
        (("a",), ("A", " a"), [1, 2], {"a": 1, " a": 2}),
    ],
    ids=["case and order", "separators", "foreign letters", "one unknown", "all unknown", "registered twice",
         "two registered alike", "the same name besides", "two alike"],
)  # fmt: skip
def test_inputs_that_name_themselves_are_placed_by_name(
    registered: tuple[str, ...],
    own: tuple[str, ...],
    values: list[int],
    stored: dict[str, Any],
    tmp_path: Path,
) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=registered, label_names=("y",))
    row = dict(zip(own, values, strict=True))
    named = json.loads(event())
    named["request"]["inputs"] = [row]
    run(feed(bed, bed.publish(event([values], input_names=own), json.dumps(named).encode())))
    assert bed.sample().select(list(stored)).to_pylist() == [stored] * 2
    changes = dict(bed.table("schema_changes", "column", "change"))
    assert changes == {
        **{name: "missing" for name, value in stored.items() if value is None},
        **{name: "new" for name in stored if name not in registered},
    }


def test_probabilities_are_not_called_the_prediction_whatever_else_is_in_the_batch(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("a",), label_names=("y",))
    answers: list[list[float]] = [[0.7, 0.3], [1], [0.4, 0.6]]
    run(feed(bed, bed.publish(*(event(outputs=[answer]) for answer in answers))))
    run(feed(bed, bed.publish(event(outputs=[[0.2, 0.8]]))))
    assert [tuple(row.values()) for row in bed.sample().select(["y", "p0", "p1"]).to_pylist()] == [
        (None, 0.7, 0.3),
        (1, None, None),
        (None, 0.4, 0.6),
        (None, 0.2, 0.8),
    ]


def test_probabilities_are_not_called_the_prediction_that_the_event_brings_along(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("a",), label_names=("churned",))
    answers: list[list[float]] = [[0.3, 0.7], [1], [0.4, 0.6]]
    events = [event(outputs=[answer], output_names=("churned",)) for answer in answers]
    run(feed(bed, bed.publish(*events)))
    run(feed(bed, bed.publish(event(outputs=[[0.2, 0.8]], output_names=("churned",)))))
    assert [tuple(row.values()) for row in bed.sample().select(["churned", "p0", "p1"]).to_pylist()] == [
        (None, 0.3, 0.7),
        (1, None, None),
        (None, 0.4, 0.6),
        (None, 0.2, 0.8),
    ]


def test_probabilities_of_a_model_that_nobody_registered_keep_their_names(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    run(feed(bed, bed.publish(event(outputs=[[0.7, 0.3]]))))
    run(feed(bed, bed.publish(event(outputs=[[0.1, 0.2, 0.7]]))))
    assert bed.table("endpoints", "label_names") == ['["p0","p1"]']
    assert bed.sample().column("p0").to_pylist() == [0.7, 0.1]


def test_own_names_are_learned_where_none_are_registered(tmp_path: Path) -> None:
    bed = written(tmp_path, event([[1.0, 2.0]], input_names=("größe", "b"), output_names=("y",)))
    assert bed.table("endpoints", "feature_names", "label_names") == [('["größe","b"]', '["y"]')]


def test_a_longer_row_gets_generated_names_and_a_shorter_one_nulls(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("a", "f2"), label_names=("y",))
    run(feed(bed, bed.publish(event([[1.0]]), event([[1.0, 2.0, 3.0]]))))
    assert bed.sample().select(["a", "f2", "f3"]).to_pylist() == [
        {"a": 1.0, "f2": None, "f3": None},
        {"a": 1.0, "f2": 2.0, "f3": 3.0},
    ]
    assert bed.table("schema_changes", "column", "change") == [("f2", "missing"), ("f3", "new")]
    assert bed.table("endpoints", "feature_names") == ['["a","f2"]']


def test_a_new_and_a_missing_feature_are_recorded_once(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    bed.register(feature_names=("a", "b"), label_names=("y",))
    bodies = [event([[1.0, "x"]], input_names=("a", "c")) for _ in range(2)]
    for body in bodies:
        run(feed(bed, bed.publish(body)))
    assert bed.table("schema_changes", "column", "change", "detail") == [
        ("b", "missing", ""),
        ("c", "new", "string"),
    ]
    assert bed.sample().select(["a", "b", "c"]).to_pylist() == [{"a": 1.0, "b": None, "c": "x"}] * 2


def test_reserved_and_colliding_names_get_a_prefix_on_disk_and_their_own_back_in_reading(
    tmp_path: Path,
) -> None:
    names = ("hour", "delay", "timestamp")
    bed = written(tmp_path, event([[7, 2.0, 3.0]], [[4.0]], input_names=names, output_names=("delay",)))
    (table,) = bed.files()
    assert {"feature.hour", "delay", "feature.timestamp", "label.delay"} <= set(table.column_names)
    assert "hour" not in table.column_names
    assert bed.sample().column("hour").to_pylist() == [7]


@pytest.mark.parametrize("names", [("a", "a"), ("a", ""), ("a", "x" * 300), ("a", "nul\0")])
def test_two_features_of_one_name_or_an_impossible_name_are_a_dead_letter(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    bed = written(tmp_path, event([[1.0, 2.0]], input_names=names), event())
    assert len(bed.letters("reason")) == 1
    assert bed.table("traffic", "endpoint_id", "received", "stored", "rejected") == [(ENDPOINT, 2, 1, 1)]


def test_a_long_name_that_only_the_disk_refuses_is_a_dead_letter_too(tmp_path: Path) -> None:
    bed = written(tmp_path, event([[1.0], [2.0]], input_names=("x" * 250,)))
    ((field, reason),) = bed.letters("field", "reason")
    assert "240 characters" in reason
    assert field == "feature_names"
    assert bed.table("traffic", "received", "rejected") == [(2, 2)]


def test_ten_thousand_rows_of_one_event_are_as_many_rows(tmp_path: Path) -> None:
    rows = [[float(number)] for number in range(10_000)]
    bed = written(tmp_path, event(rows, rows))
    sample = bed.sample()
    assert sample.column("f0").to_pylist() == [row[0] for row in rows]
    assert sample.column("event_row").to_pylist() == list(range(10_000))
    assert set(sample.column("effective_sample_count").to_pylist()) == {10_000}


def test_more_inputs_than_outputs_leave_nulls_and_lose_no_row(tmp_path: Path) -> None:
    body = json.loads(event([[1.0], [2.0], [3.0]]))
    body["resp"]["outputs"] = [[9.0], [8.0]]
    bed = written(tmp_path, json.dumps(body).encode())
    assert bed.sample().select(["f0", "p0"]).to_pylist() == [
        {"f0": 1.0, "p0": 9.0},
        {"f0": 2.0, "p0": 8.0},
        {"f0": 3.0, "p0": None},
    ]


def test_events_with_one_and_with_many_rows_share_a_batch(tmp_path: Path) -> None:
    bodies = [
        event([[1.0]], request_id="one", labels={"k": "v"}),
        event([[2.0], [3.0]], [[0.0], [0.0]], request_id="two", input_names=("f0",), latency_us=None),
    ]
    columns = ["f0", "request_id", "latency", "labels", "stream_offset", "event_item", "event_row"]
    bed = written(tmp_path, *bodies)
    assert [tuple(row.values()) for row in bed.sample().select(columns).to_pylist()] == [
        (1.0, "one", 1000, '{"k":"v"}', 0, 0, 0),
        (2.0, "two", None, None, 1, 0, 0),
        (3.0, "two", None, None, 1, 0, 1),
    ]


def test_late_out_of_order_and_equal_times_are_all_stored_each_in_its_hour(tmp_path: Path) -> None:
    times = [NOW_US, NOW_US - HOUR_US, NOW_US, NOW_US - 9_000 * HOUR_US, NOW_US - HOUR_US - 1]
    bed = written(tmp_path, *(event([[float(n)]], when_us=at) for n, at in enumerate(times)))
    assert bed.sample().column("f0").to_pylist() == [3.0, 4.0, 1.0, 0.0, 2.0]
    listed = bed.table("files", "min_us", "max_us", "rows")
    assert listed == [
        (times[3], times[3], 1),
        (times[4], times[1], 2),
        (NOW_US, NOW_US, 2),
    ]


def test_the_folders_are_those_of_storeys_own_parquet_target(tmp_path: Path) -> None:
    bed = written(tmp_path / "ours", event())
    source = SyncEmitSource()
    target = ParquetTarget(
        str(tmp_path / "theirs"),
        partition_cols=["$key", "$year", "$month", "$day", "$hour"],
        time_field="timestamp",
    )
    source.to(target)
    flow = source.run()
    flow.emit({"timestamp": from_us(NOW_US), "f0": 1.0}, key=ENDPOINT)
    flow.terminate(wait=True)
    (theirs,) = (tmp_path / "theirs").rglob("*.parquet")
    (ours,) = bed.table("files", "path")
    assert Path(ours).parent == theirs.parent.relative_to(tmp_path / "theirs")
