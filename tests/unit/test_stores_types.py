"""How files that hold a column with different types become one table."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmon import column_names
from modelmon.stores import samples_types
from modelmon.stores.samples_types import between, common_type, empty, in_row_order, unified
from repeating import times

DOUBLES = pa.list_(pa.float64())
CASES: list[tuple[list[pa.Array], pa.DataType, list[Any]]] = [
    ([pa.array([1]), pa.array([2.5])], pa.float64(), [1.0, 2.5]),
    ([pa.array([1], pa.int8()), pa.array([300], pa.int16())], pa.int64(), [1, 300]),
    ([pa.array([1], pa.uint64()), pa.array([-1])], pa.float64(), [1.0, -1.0]),
    ([pa.array([0.5], pa.float32()), pa.array([2.5])], pa.float64(), [0.5, 2.5]),
    ([pa.array([2**60 + 1]), pa.array([0.5])], pa.float64(), [float(2**60), 0.5]),
    ([pa.array([True]), pa.array([False])], pa.bool_(), [True, False]),
    ([pa.array([True]), pa.array([2])], pa.string(), ["true", "2"]),
    ([pa.array([True]), pa.array([2.5])], pa.string(), ["true", "2.5"]),
    ([pa.array([1]), pa.array(["a"])], pa.string(), ["1", "a"]),
    ([pa.array([1.0, 1.5, math.nan]), pa.array(["a"])], pa.string(), ["1", "1.5", None, "a"]),
    ([pa.array([1e20, 0.1, 1e-7, -0.0]), pa.array(["a"])], pa.string(), ["1e+20", "0.1", "1e-07", "0", "a"]),
    ([pa.array([[1.0, 2.5]]), pa.array(["[1,2.5]"])], pa.string(), ["[1,2.5]", "[1,2.5]"]),
    ([pa.nulls(2), pa.array([1])], pa.int64(), [None, None, 1]),
    ([pa.nulls(1), pa.nulls(1)], pa.null(), [None, None]),
    ([pa.nulls(1, pa.float64()), pa.array([True])], pa.bool_(), [None, True]),
    ([pa.nulls(1, pa.float64()), pa.array(["a"]), pa.array([b"a"])[:0]], pa.string(), [None, "a"]),
    ([pa.nulls(1, pa.float64()), pa.nulls(1, pa.bool_())], pa.string(), [None, None]),
    ([pa.array([1, None]), pa.array([None, 0.5])], pa.float64(), [1.0, None, None, 0.5]),
    ([pa.array([b"\xff"]), pa.array([b"a", None])], pa.binary(), [b"\xff", b"a", None]),
    ([pa.array([b"\xff", None]), pa.array(["a"])], pa.string(), ['{"$bytes":"/w=="}', None, "a"]),
    ([pa.array(["a"]).dictionary_encode(), pa.array(["b"])], pa.string(), ["a", "b"]),
    ([pa.array(["a"]).dictionary_encode(), pa.array([1])], pa.string(), ["a", "1"]),
    ([pa.array(["a"], pa.large_string()), pa.array(["b"])], pa.string(), ["a", "b"]),
    ([pa.array([[1.5]]), pa.array([[2], None])], DOUBLES, [[1.5], [2.0], None]),
    ([pa.array([[]], pa.list_(pa.null())), pa.array([[2.0]])], DOUBLES, [[], [2.0]]),
    ([pa.array([[[1]]]), pa.array([[[0.5]]])], pa.list_(DOUBLES), [[[1.0]], [[0.5]]]),
    ([pa.array([[1.5, None]]), pa.array(["a"])], pa.string(), ["[1.5,null]", "a"]),
    ([pa.array([[1.5]]), pa.array([2.5])], pa.string(), ["[1.5]", "2.5"]),
    ([pa.array([[1.5]]), pa.array([["ä"]])], pa.string(), ["[1.5]", '["ä"]']),
    (
        [pa.array([{"a": 1}]), pa.array([{"b": [b"\xff"]}])],
        pa.string(),
        ['{"a":1}', '{"b":[{"$bytes":"/w=="}]}'],
    ),
]


IDS = [
    f"{number} {'+'.join(str(array.type) for array in arrays)}" for number, (arrays, *_) in enumerate(CASES)
]


def _tables(arrays: list[pa.Array]) -> list[pa.Table]:
    return [pa.table({"x": array}) for array in arrays]


@pytest.mark.parametrize(("arrays", "kind", "values"), CASES, ids=IDS)
def test_mixed_columns_get_the_type_that_holds_them_all(arrays, kind, values) -> None:
    column = unified(_tables(arrays))["x"]
    assert column.type == kind
    assert column.to_pylist() == values


@pytest.mark.parametrize(("arrays", "kind", "values"), CASES, ids=IDS)
def test_mixed_types_do_not_depend_on_the_order_of_files(arrays, kind, values) -> None:
    assert unified(_tables(arrays[::-1]))["x"].type == kind


FLOATS = st.floats(width=16)
VALUES: list[tuple[st.SearchStrategy[Any], pa.DataType]] = [
    (st.booleans(), pa.bool_()),
    (st.integers(-(2**40), 2**40), pa.int64()),
    (FLOATS, pa.float64()),
    (st.text(max_size=2), pa.string()),
    (st.binary(max_size=2), pa.binary()),
    (st.lists(FLOATS, max_size=2), DOUBLES),
    (st.nothing(), pa.null()),
]
PIECES = st.lists(
    st.one_of(
        st.lists(st.none() | values, max_size=2).map(lambda found, kind=kind: pa.array(found, kind))
        for values, kind in VALUES
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.long
@settings(max_examples=times(300, few=60))
@given(PIECES, st.data())
def test_merging_some_files_first_changes_nothing(pieces: list[pa.Array], data: st.DataObject) -> None:
    tables = _tables(pieces)
    cut = data.draw(st.integers(1, len(tables)))
    sink = pa.BufferOutputStream()
    pq.write_table(unified(tables[:cut]), sink)  # as compaction does
    merged = pq.read_table(pa.BufferReader(sink.getvalue()))
    at_once, in_steps = unified(tables)["x"], unified([merged, *tables[cut:]])["x"]
    assert str(in_steps.to_pylist()) == str(at_once.to_pylist())
    if at_once.null_count < len(at_once):
        assert in_steps.type == at_once.type


def test_columns_come_in_order_of_appearance_between_time_and_metadata() -> None:
    first = pa.table({"latency": [1], "b": [1], "timestamp": pa.array([0], samples_types.TIMESTAMP_TYPE)})
    second = pa.table({"request_id": ["r"], "a": [1], "b": ["x"]})
    table = unified([first, second])
    assert table.column_names == ["timestamp", "b", "a", "request_id", "latency"]
    assert table["b"].to_pylist() == ["1", "x"]
    assert table["a"].to_pylist() == [None, 1]


def test_dictionaries_of_several_files_become_one() -> None:
    tables = _tables([pa.array(["a", "b"]).dictionary_encode(), pa.array(["c", "b"]).dictionary_encode()])
    column = unified(tables)["x"]
    assert column.to_pylist() == ["a", "b", "c", "b"]
    assert column.combine_chunks().dictionary.to_pylist() == ["a", "b", "c"]


def _rows(*rows: tuple[int, ...]) -> pa.Table:
    names = samples_types.ROW_ORDER
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})
    return table.set_column(
        0, names[0], table[names[0]].cast(pa.timestamp("us")).cast(samples_types.TIMESTAMP_TYPE)
    )


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 5), max_size=8))
def test_rows_are_sorted_by_time_and_place_in_the_stream(rows: list[tuple[int, ...]]) -> None:
    if rows:
        ordered = in_row_order(_rows(*rows))
        numbers = [ordered[name].cast(pa.int64()).to_pylist() for name in samples_types.ROW_ORDER]
        assert list(zip(*numbers, strict=True)) == sorted(rows)


def test_sorted_rows_are_not_copied() -> None:
    table = _rows((1, 0, 0, 0, 0), (1, 0, 0, 0, 1), (1, 0, 0, 1, 0), (2, 0, 0, 0, 0))
    assert in_row_order(table) is table


def test_a_span_of_rows_is_half_open() -> None:
    table = _rows(*((time, 0, 0, 0, 0) for time in (1, 2, 2, 3, 5)))
    spans = {(2, 3): 2, (2, 4): 3, (0, 9): 5, (4, 5): 0, (5, 6): 1, (9, 10): 0, (-5, 1): 0}
    assert {span: between(table, *span).num_rows for span in spans} == spans


def test_a_sample_without_rows_has_every_column() -> None:
    table = empty(["a"])
    assert table.column_names == ["timestamp", "a", *column_names.METADATA_COLUMNS]
    assert table.num_rows == 0


def test_the_types_of_metadata_are_those_of_every_metadata_column() -> None:
    assert tuple(samples_types.METADATA_TYPES) == column_names.METADATA_COLUMNS


def test_a_type_is_common_with_itself() -> None:
    for kind in (pa.int8(), pa.bool_(), DOUBLES, pa.dictionary(pa.int32(), pa.string()), pa.null()):
        assert common_type(kind, kind) == kind
