"""The same values in any type are the same data, and other values are other data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from modelmon.apps import HistogramDataDriftApplication
from modelmon.apps.artifacts import dataset
from modelmon.errors import ConfigError
from modelmon.stats import compare, describe, profile
from modelmon.stats.categories import count_categories
from modelmon.stats.frames import columns
from modelmon.stats.values import spelled

TENTHS = np.round(np.random.default_rng(0).integers(0, 11, 300) * 0.1, 1)
WHOLE = np.random.default_rng(1).integers(0, 100, 300)
TRUTHS = WHOLE % 3 == 0
NAMES = np.array(["a", "\u00fc", "c"], dtype=object)[WHOLE % 3]

Frames = dict[str, Callable[[], Any]]


def series(values: Any, dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(values, dtype=dtype)})


def table(values: Any, kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"x": pa.array(values, kind)})


def run_ends(values: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    ends = pa.array(range(1, len(values) + 1), pa.int32())
    return pa.table({"x": pa.RunEndEncodedArray.from_arrays(ends, pa.array(values, kind))})


class Polars:
    """A frame of a library that nobody here has imported; texts come as views, as polars gives them."""

    def __init__(self, frame: pa.Table) -> None:
        views = {
            name: pa.array(column.to_pylist(), pa.string_view())
            if pa.types.is_string(column.type)
            else column
            for name, column in zip(frame.column_names, frame.columns, strict=True)
        }
        self._frame = pa.table(views)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


DECIMALS: Frames = {
    "float64": lambda: series(TENTHS),
    "float32": lambda: series(TENTHS.astype(np.float32)),
    "float32 as float64": lambda: series(TENTHS.astype(np.float32).astype(np.float64)),
    "float16": lambda: series(TENTHS.astype(np.float16)),
    "Float32": lambda: series(TENTHS.astype(np.float32), "Float32"),
    "Float64": lambda: series(TENTHS.astype(np.float32).astype(np.float64), "Float64"),
    "float[pyarrow]": lambda: series(TENTHS.astype(np.float32), pd.ArrowDtype(pa.float32())),
    "halffloat[pyarrow]": lambda: series(TENTHS.astype(np.float16), pd.ArrowDtype(pa.float16())),
    "sparse": lambda: series(pd.arrays.SparseArray(TENTHS.astype(np.float32))),
    "objects of float32": lambda: series(list(TENTHS.astype(np.float32)), object),
    "categories of float32": lambda: series(pd.Categorical(TENTHS.astype(np.float32))),
    "decimals": lambda: series([Decimal(str(value)) for value in TENTHS], object),
    "decimals of other scale": lambda: series([Decimal(f"{value:.3f}") for value in TENTHS], object),
    "texts": lambda: series([f"{value:.1f}" for value in TENTHS]),
    "texts of other scale": lambda: series([f"{value:.2f}" for value in TENTHS]),
    "noisy": lambda: series((TENTHS * 10).round() * 0.1),
    "arrow float": lambda: table(TENTHS, pa.float32()),
    "arrow halffloat": lambda: table(TENTHS.astype(np.float16)),
    "arrow decimal": lambda: table([Decimal(str(value)) for value in TENTHS], pa.decimal128(9, 3)),
    "arrow decimal256": lambda: table([Decimal(str(value)) for value in TENTHS], pa.decimal256(40, 2)),
    "arrow dictionary": lambda: table(pa.array(TENTHS, pa.float32()).dictionary_encode()),
    "arrow run ends": lambda: run_ends(TENTHS.tolist(), pa.float32()),
}
INTEGERS: Frames = {
    **{name: lambda name=name: series(WHOLE, name) for name in (
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
        "Int8", "UInt64", "Float32", "string", "category", "object")},
    "int64[pyarrow]": lambda: series(WHOLE, pd.ArrowDtype(pa.int64())),
    "uint8[pyarrow]": lambda: series(WHOLE, pd.ArrowDtype(pa.uint8())),
    "decimal[pyarrow]": lambda: series([Decimal(int(n)) for n in WHOLE], pd.ArrowDtype(pa.decimal128(9, 2))),
    "texts": lambda: series([str(number) for number in WHOLE]),
    "texts of floats": lambda: series([f"{number}.0" for number in WHOLE]),
    "ordered": lambda: series(pd.Categorical(WHOLE, ordered=True)),
    "arrow uint64": lambda: table(WHOLE, pa.uint64()),
    "arrow run ends": lambda: run_ends(WHOLE.tolist(), pa.int16()),
}  # fmt: skip
BOOLEANS: Frames = {
    **{name: lambda name=name: series(TRUTHS, name) for name in ("bool", "boolean", "object", "category")},
    "bool[pyarrow]": lambda: series(TRUTHS, pd.ArrowDtype(pa.bool_())),
    "numbers": lambda: series(TRUTHS.astype(int)),
    "floats": lambda: series(TRUTHS.astype(float)),
    "categories of numbers": lambda: series(pd.Categorical(TRUTHS.astype(int))),
    "texts": lambda: series([str(value) for value in TRUTHS]),
    "texts of JSON": lambda: series([str(value).lower() for value in TRUTHS]),
    "arrow": lambda: table(TRUTHS),
    "arrow dictionary": lambda: table(pa.array(TRUTHS.astype(int)).dictionary_encode()),
    "arrow bool8": lambda: pa.table({"x": pa.ExtensionArray.from_storage(
        pa.bool8(), pa.array(TRUTHS.astype(np.int8)))}),
}  # fmt: skip
TEXTS: Frames = {
    **{name: lambda name=name: series(NAMES, name) for name in ("object", "string", "category", "str")},
    "pandas 3": lambda: series(NAMES, pd.StringDtype(na_value=np.nan)),
    "string[pyarrow]": lambda: series(NAMES, "string[pyarrow]"),
    "view[pyarrow]": lambda: series(NAMES.tolist(), pd.ArrowDtype(pa.string_view())),
    "dictionary[pyarrow]": lambda: series(NAMES, pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
    "arrow": lambda: table(NAMES),
    "large_string": lambda: table(NAMES, pa.large_string()),
    "view": lambda: table(NAMES.tolist(), pa.string_view()),
    "dictionary": lambda: table(pa.array(NAMES).dictionary_encode()),
    "run ends": lambda: run_ends(NAMES.tolist()),
    "run ends of views": lambda: run_ends(NAMES.tolist(), pa.string_view()),
    "record batch": lambda: table(NAMES).to_batches()[0],
    "polars": lambda: Polars(table(NAMES)),
}  # fmt: skip
KINDS = {"decimals": DECIMALS, "integers": INTEGERS, "booleans": BOOLEANS, "texts": TEXTS}
TYPES = [(kind, name) for kind, frames in KINDS.items() for name in frames]


@pytest.mark.parametrize(("kind", "name"), TYPES, ids=lambda part: str(part))
def test_the_same_values_in_another_type_have_not_drifted(kind: str, name: str) -> None:
    reference = describe(KINDS[kind][name]())
    scores = {other: compare(frame(), reference).scores.tolist() for other, frame in KINDS[kind].items()}
    assert {other: score for other, score in scores.items() if score != [0.0]} == {}


@pytest.mark.parametrize(("kind", "name"), TYPES, ids=lambda part: str(part))
def test_other_values_have_drifted_whatever_the_type(kind: str, name: str) -> None:
    reference = describe(KINDS[kind][name]())
    for other in (series(["other"] * 50), series([-1e6] * 50), series([None] * 50)):
        assert compare(other, reference).scores.tolist() == [1.0]


GAPS = {
    "None": lambda: series([None, "a"], object),
    "NaN": lambda: series([np.nan, "a"], object),
    "NA": lambda: series([pd.NA, "a"], object),
    "NaT": lambda: series([pd.NaT, "a"], object),
    "a NaN of decimals": lambda: series([Decimal("NaN"), "a"], object),
    "string": lambda: series([None, "a"], "string"),
    "category": lambda: series(pd.Categorical([None, "a"])),
    "view": lambda: table([None, "a"], pa.string_view()),
    "dictionary": lambda: table(pa.array([None, "a"]).dictionary_encode()),
    "a null in a dictionary": lambda: table(pa.DictionaryArray.from_arrays([0, 1], pa.array([None, "a"]))),
    "run ends": lambda: run_ends([None, "a"]),
}


@pytest.mark.parametrize("name", GAPS)
def test_a_gap_is_missing_in_every_type(name: str) -> None:
    stats = describe(GAPS[name]())["x"]
    assert (stats["count"], stats["missing"], stats["categories"]) == (1, 1, {"a": 1})


EMPTY = {
    "objects": lambda: series([None] * 100, object),
    "floats": lambda: series([np.nan] * 100),
    "texts": lambda: series([None] * 100, "string"),
    "booleans": lambda: series([None] * 100, "boolean"),
    "categories": lambda: series(pd.Categorical([None] * 100, categories=["a"])),
    "times": lambda: series(pd.to_datetime([None] * 100)),
    "null": lambda: table([None] * 100),
    "view": lambda: table([None] * 100, pa.string_view()),
    "arrow floats": lambda: table([float("nan")] * 100),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_column_without_a_value_has_drifted_once_it_has_some_and_not_before(name: str) -> None:
    reference = describe(EMPTY[name]())
    for filled in (series(["a", "b"]), series([0.5, 1.0]), series([True, False]), series([[1], [2]])):
        assert compare(filled, reference).scores.tolist() == [1.0]
    for empty in EMPTY.values():
        assert compare(empty(), reference).scores.tolist() == [0.0]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([True, np.bool_(False), "True"], ["true", "false", "True"]),
        ([1, 1.0, -0.0, np.int8(3), Decimal("1.00"), np.float32(1)], ["1", "1", "0", "3", "1", "1"]),
        ([0.5, np.float32(0.7), np.float16(0.7), Decimal("0.50")], ["0.5", "0.7", "0.7", "0.5"]),
        ([2**53, 2**63, float(2**63), 10**400],
         ["9007199254740992", "9.223372036854776e+18", "9.223372036854776e+18", "Infinity"]),
        ([float("inf"), 1e20, 1e-7], ["Infinity", "1e+20", "1e-07"]),
        ([[1.0, None, float("nan")], (1, "\u00fc"), {"k": [2.0]}],
         ["[1,null,NaN]", '[1,"\u00fc"]', '{"k":[2]}']),
        ([b"\xff", np.array([1.5, 2.0]), date(2025, 1, 2), 1j],
         ['{"$bytes":"/w=="}', "[1.5,2]", "2025-01-02", "1j"]),
        (["e\u0301", "007", "1.10"], ["e\u0301", "007", "1.10"]),
    ],
)  # fmt: skip
def test_a_value_has_one_spelling(values: list[Any], texts: list[str]) -> None:
    assert [spelled(value) for value in values] == texts


@pytest.mark.parametrize(
    ("counts", "names", "expected"),
    [
        ({"1": 2, "1.0": 1, "true": 4}, ["1"], [7, 0, 0]),
        ({"True": 2, "TRUE": 1, "0": 4}, ["true", "false"], [3, 4, 0, 0]),
        ({"1.1": 2, "1.10": 3, "1.100": 4}, ["1.1", "1.10"], [2, 3, 4, 0]),  # of two there, neither
        ({"007": 2, "7": 1, " 7": 1, "+7": 1}, ["7"], [1, 4, 0]),
        ({"007": 2, "7": 1}, ["007"], [2, 1, 0]),
        ({"e\u0301": 1, "\u00e9": 2}, ["\u00e9"], [2, 1, 0]),
        ({"0.699999988079071": 3}, ["0.7"], [3, 0, 0]),
        ({"1e20": 1, "1E+20": 1, "100000000000000000000": 1}, ["1e+20"], [3, 0, 0]),
        ({"nan": 1, "NaN": 1}, ["a"], [0, 2, 0]),
        ({}, [], [0, 0]),
    ],
)
def test_a_category_counts_under_its_name_else_under_the_one_of_its_value(
    counts: dict[str, int], names: list[str], expected: list[int]
) -> None:
    assert count_categories(counts, names).tolist() == expected


def test_every_one_of_many_different_texts_is_counted() -> None:
    counts = {f"{number / 7}": 1 for number in range(200_000)}
    assert count_categories(counts, ["a", "0.5"]).sum() == 200_000


def test_a_slice_of_runs_and_several_chunks_are_read_as_the_rows_they_hold() -> None:
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([3, 5, 9], pa.int32()), pa.array(["a", None, "b"]))
    column = pa.chunked_array([runs.slice(2, 4), runs.slice(8, 1), runs.slice(0, 0)])
    stats = describe(pa.table({"x": column}))["x"]
    assert (stats["categories"], stats["missing"]) == ({"a": 1, "b": 2}, 2)


def test_any_frame_that_speaks_arrows_c_interface_is_one() -> None:
    frame = pa.table({"age": list(range(100)), "city": ["Rome", "Oslo"] * 50})
    expected = HistogramDataDriftApplication.evaluate(sample_data=frame, reference_data=frame)
    foreign = Polars(frame)
    assert HistogramDataDriftApplication.evaluate(sample_data=foreign, reference_data=foreign) == expected
    assert describe(frame.to_reader()) == describe(frame)


def test_a_frame_that_builds_on_pandas_is_one() -> None:
    class GeoDataFrame(pd.DataFrame):
        pass

    assert describe(GeoDataFrame({"x": [1.0, 2.0]})) == describe(series([1.0, 2.0]))


@pytest.mark.parametrize("wrong", [pd.Series([1]), pa.chunked_array([[1]]), "x"])
def test_what_is_no_frame_is_named(wrong: object) -> None:
    with pytest.raises(ConfigError, match=rf"got {type(wrong).__module__}\.{type(wrong).__name__}"):
        describe(wrong)


@pytest.mark.parametrize("way", ["collect", "toPandas", "compute"])
def test_what_holds_no_rows_yet_is_refused_with_the_call_that_makes_a_frame_of_it(way: str) -> None:
    lazy = type("LazyFrame", (), {way: lambda self: None})()
    with pytest.raises(ConfigError, match=rf"LazyFrame; give its \.{way}\(\)$"):
        describe(lazy)


@pytest.mark.parametrize("kind", [object, "category"])
def test_half_a_character_is_the_replacement_character_in_the_statistics(kind: Any) -> None:
    frame = pd.DataFrame({"x": pd.Series(["Oslo", "R\ud800me"], dtype=kind)})
    assert describe(frame)["x"]["categories"] == {"Oslo": 1, "R\ufffdme": 1}


def test_half_a_character_in_a_column_s_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"whole characters; half of one is in 'a\\ud800'"):
        describe(pd.DataFrame({"a\ud800": [1.0]}))


def test_a_drift_verdict_stands_beside_half_a_character_and_a_signalling_nan() -> None:
    frame = pd.DataFrame({"x": ["a", "\ud800"] * 60, "y": [Decimal(1), Decimal("sNaN")] * 60})
    found = HistogramDataDriftApplication.evaluate(sample_data=frame, reference_data=frame)
    assert {result.name: result.value for result in found if hasattr(result, "value")}["general_drift"] == 0


def test_a_signalling_nan_is_a_gap_as_any_nan_of_decimals_is() -> None:
    quiet, signalling = ([Decimal(1), Decimal(nan), Decimal(2), "x"] for nan in ("NaN", "sNaN"))
    for rows in (3, 4):
        found = describe(pd.DataFrame({"x": signalling[:rows]}))
        assert found == describe(pd.DataFrame({"x": quiet[:rows]}))
        assert found["x"]["missing"] >= 1


@pytest.mark.parametrize("spell", [lambda frame: frame, pa.Table.from_pandas], ids=["pandas", "arrow"])
def test_evaluate_places_columns_by_name_case_and_separators_aside(spell: Callable[..., Any]) -> None:
    frame = pd.DataFrame({"Visits": range(120), "home city": ["Rome", "Oslo"] * 60, "Timestamp": 1.5})
    times = pd.date_range("2025-01-31", periods=120, freq="s", tz="UTC")
    sample = frame.rename(columns=str.upper).rename(columns={"HOME CITY": "Home_City"})
    found = HistogramDataDriftApplication.evaluate(
        sample_data=spell(sample.assign(timestamp=times)), reference_data=frame
    )
    assert {result.name: result.value for result in found if hasattr(result, "value")}["general_drift"] == 0


@pytest.mark.parametrize(("values", "extension"), [(["\ud800"], "csv"), (["\ud800"], "parquet")])
def test_a_frame_that_no_file_can_hold_is_told(values: list[Any], extension: str) -> None:
    with pytest.raises(ConfigError, match=f"this frame can't be written as {extension}: .*surrogates"):
        dataset(pd.DataFrame({"x": values}), extension)


@pytest.mark.parametrize("name", ["polars", "run ends", "run ends of views", "view", "dictionary"])
@pytest.mark.parametrize("extension", ["parquet", "csv"])
def test_any_frame_can_be_kept_as_a_file(name: str, extension: str) -> None:
    read = {"parquet": pa.parquet.read_table, "csv": pa.csv.read_csv}[extension]
    found = read(pa.BufferReader(dataset(TEXTS[name](), extension)))
    assert found["x"].to_pylist() == NAMES.tolist()


NESTED: dict[str, tuple[pa.DataType, Any, str]] = {
    "list": (pa.list_(pa.int64()), [1], "[1]"),
    "list of one": (pa.list_(pa.int64(), 1), [1], "[1]"),
    "list view": (pa.list_view(pa.int64()), [1], "[1]"),
    "struct": (pa.struct([("a", pa.int64())]), {"a": 1}, '{"a":1}'),
    "map": (pa.map_(pa.string(), pa.int64()), [("a", 1)], '[["a",1]]'),
}


@pytest.mark.parametrize("name", NESTED)
def test_nested_values_have_categories_places_and_codes_like_any_others(name: str) -> None:
    kind, value, text = NESTED[name]
    column = columns(pa.table({"x": pa.array([value, None, value], kind)}))["x"]
    assert column.categories == ({text: 2}, 1)
    places, names = column.named
    assert (places.tolist(), names[0]) == ([0, -1, 0], text)
    assert column.codes[0] == column.codes[2] != column.codes[1]


def test_a_training_set_in_time_may_have_a_nested_column_without_a_value() -> None:
    hours = pa.array([3_600.0 * hour for hour in range(60)])
    frame = pa.table({"x": pa.array([None] * 60, pa.list_(pa.int64())), "when": hours})
    assert profile(frame, time_column="when").features[0].counts[-1] == 60
