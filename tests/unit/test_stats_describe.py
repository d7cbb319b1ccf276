"""Reference statistics: what every kind of column gives, and that they survive JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmon.errors import ConfigError
from modelmon.stats import compare, describe, describe_like, moments, quartiles, read_reference
from modelmon.stats.categories import LISTED
from modelmon.stats.values import as_number, as_written, spelled
from repeating import examples

OUTERMOST = 1.7976931348623157e308

# column: (kind, present, missing) by both libraries
COLUMNS = {
    "floats": ([1.0, 2.5, None], "numeric", 2, 1),
    "integers": ([1, 2, 3], "numeric", 3, 0),
    "integers_with_gaps": (pd.array([1, None, 3], dtype="Int64"), "numeric", 2, 1),
    "float32": (np.array([0.7, np.nan, 1.0], dtype=np.float32), "numeric", 2, 1),
    "unsigned": (np.array([1, 2, 255], dtype=np.uint8), "numeric", 3, 0),
    "decimals": ([Decimal("1.5"), Decimal(2), None], "numeric", 2, 1),
    "booleans": ([True, False, True], "boolean", 3, 0),
    "booleans_with_gaps": (pd.array([True, None, False], dtype="boolean"), "boolean", 2, 1),
    "texts": (["a", None, "b"], "categorical", 2, 1),
    "categories": (pd.Categorical(["a", "b", None], categories=["a", "b", "unused"]), "categorical", 2, 1),
    "numbered_categories": (pd.Categorical([1, 2, 1]), "categorical", 3, 0),
    "decimals_of_scales": ([Decimal("1.50"), Decimal("1.5"), Decimal(2)], "numeric", 3, 0),
    "float16": (np.array([0.7, np.nan, 1.0], dtype=np.float16), "numeric", 2, 1),
    "float32_nullable": (pd.array([0.7, None, 1.0], dtype="Float32"), "numeric", 2, 1),
    "categories_of_booleans": (pd.Categorical([True, False, None]), "categorical", 2, 1),
    "ordered_categories": (pd.Categorical([3, 1, None], ordered=True), "categorical", 2, 1),
    "empty": ([None, None, None], "empty", 0, 3),
    "empty_floats": ([np.nan, np.nan, np.nan], "empty", 0, 3),
    "empty_texts": (pd.array([None, None, None], dtype="string"), "empty", 0, 3),
    "days": ([date(2020, 1, 1), None, date(2020, 1, 2)], "other", 2, 1),
    # in nanoseconds, which pandas 3 no longer takes by itself
    "durations": (pd.to_timedelta([1, None, 2], unit="s").as_unit("ns"), "other", 2, 1),
    "zoned_times": (
        pd.to_datetime(["2020-01-01", None, "2020-01-02"], utc=True).as_unit("ns"),
        "other",
        2,
        1,
    ),
    "times": (pd.to_datetime(["2020-01-01", None, "2020-01-02"]).as_unit("ns"), "other", 2, 1),
    "nested": ([[1], [2, 3], None], "other", 2, 1),
    "bytes": ([b"x", b"y", None], "other", 2, 1),
}
FRAME = pd.DataFrame({name: pd.Series(column[0]) for name, column in COLUMNS.items()})
TABLE = pa.Table.from_pandas(FRAME, preserve_index=False)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("frame", [FRAME, TABLE], ids=["pandas", "arrow"])
def test_every_kind_of_column_has_its_counts(name: str, frame: object) -> None:
    stats = describe(frame, [name])[name]
    assert (stats["kind"], stats["count"], stats["missing"]) == COLUMNS[name][1:]


def test_both_libraries_give_the_same_statistics_and_name_types_in_their_own_words() -> None:
    pandas, arrow = describe(FRAME), describe(TABLE)
    types = [{name: stats.pop("type") for name, stats in each.items() if "type" in stats}
             for each in (pandas, arrow)]  # fmt: skip
    assert pandas == arrow
    assert types[0] == {
        **{name: str(FRAME[name].dtype) for name in ("times", "zoned_times", "durations")},
        "days": "date", "nested": "list", "bytes": "bytes",
    }  # fmt: skip
    assert types[1]["nested"] == "list<item: int64>"


def test_statistics_are_strict_json_and_come_back_as_they_were() -> None:
    frame = FRAME.assign(infinite=[np.inf, -np.inf, 1.0], huge=[1e308, -1e308, 0.0])
    stats = describe(frame)
    assert json.loads(json.dumps(stats, allow_nan=False)) == stats


def test_moments_and_quartiles_are_those_of_pandas() -> None:
    values = np.random.default_rng(0).normal(5, 2, 100_000)
    stats = describe(pd.DataFrame({"x": values}))["x"]
    expected = pd.Series(values).describe()
    assert list(stats) == [*expected.index, "hist", "kind", "missing"]
    for name in expected.index:
        assert stats[name] == pytest.approx(expected[name], rel=1e-12)


def test_the_histogram_has_an_underflow_and_an_overflow_bin() -> None:
    counts, edges = describe(pd.DataFrame({"x": np.arange(21.0)}))["x"]["hist"]
    assert (len(counts), len(edges)) == (22, 23)
    assert (edges[0], edges[-1]) == (-OUTERMOST, OUTERMOST)
    assert (edges[1], edges[-2]) == pytest.approx((0.0, 20.0), abs=1e-5)
    assert (counts[0], counts[-2], counts[-1]) == (0, 2, 0)


def test_a_gap_or_infinity_in_training_disables_nothing() -> None:
    stats = describe(pd.DataFrame({"x": [1.0, np.nan, 3.0, np.inf]}))["x"]
    assert (stats["count"], stats["missing"], stats["mean"], stats["max"]) == (3, 1, 2.0, 3.0)
    assert sum(stats["hist"][0]) == 3
    assert stats["hist"][0][-1] == 1


def test_rare_categories_share_one_bin() -> None:
    names = [f"c{number:04}" for number in range(LISTED + 10)]
    stats = describe(pd.DataFrame({"x": [*names, "c0003"]}))["x"]
    assert len(stats["categories"]) == LISTED
    assert stats["categories"]["c0003"] == 2
    assert (stats["others"], stats["unique"], stats["count"]) == (10, LISTED + 10, LISTED + 11)


def test_an_empty_frame_has_statistics_without_moments() -> None:
    stats = describe(pd.DataFrame({"x": pd.Series([], dtype=float), "y": pd.Series([], dtype="string")}))
    assert (stats["x"]["count"], "mean" in stats["x"]) == (0, False)
    assert (stats["y"]["count"], stats["y"]["categories"]) == (0, {})


def test_one_stray_text_does_not_make_names_of_numbers() -> None:
    stats = describe(pd.DataFrame({"x": [1, 2, 3, "n/a"]}))["x"]
    assert (stats["kind"], stats["count"], stats["missing"]) == ("numeric", 3, 1)


def test_column_names_that_are_no_text_become_text() -> None:
    assert list(describe(pd.DataFrame({0: [1.0], 1: [2.0]}))) == ["0", "1"]


@pytest.mark.parametrize("wrong", [None, [1, 2], {"x": [1]}, np.zeros(3), pd.Series([1])])
def test_only_frames_are_described(wrong: object) -> None:
    with pytest.raises(
        ConfigError, match=r"a pandas DataFrame, a pyarrow Table or .*; got (builtins|numpy|pandas)"
    ):
        describe(wrong)


def test_a_feature_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no column 'z'; it has x"):
        describe(pd.DataFrame({"x": [1]}), ["z"])


def test_sample_statistics_are_on_the_bins_of_the_reference() -> None:
    reference = describe(pd.DataFrame({"x": [0.0, 20.0], "c": ["a", "b"]}))
    stats = describe_like(pd.DataFrame({"x": [-5.0, 20.0, None], "c": ["a", "new", None], "y": 1}), reference)
    assert list(stats) == ["x", "c"]
    assert stats["x"]["hist"][1] == reference["x"]["hist"][1]
    assert (stats["x"]["hist"][0][0], stats["x"]["hist"][0][-2], stats["x"]["missing"]) == (1, 1, 1)
    assert (stats["c"]["categories"], stats["c"]["others"]) == ({"a": 1, "b": 0}, 1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_moments_agree_with_numpy(values: list[float]) -> None:
    found = moments(values)
    scale = max(1.0, float(np.abs(values).max()))
    assert found["mean"] == pytest.approx(np.mean(values), abs=1e-9 * scale)
    assert found["std"] == pytest.approx(np.std(values, ddof=1) if len(values) > 1 else 0, abs=1e-9 * scale)
    assert (found["min"], found["max"]) == (min(values), max(values))


def test_the_moments_of_many_blocks_agree_with_numpy() -> None:
    values = np.random.default_rng(1).normal(1e6, 1e-3, 100_000)
    assert moments(values)["std"] == pytest.approx(values.std(ddof=1), rel=1e-9)


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, -np.inf]])
def test_without_finite_values_there_are_no_moments(values: list[float]) -> None:
    assert moments(values) == quartiles(values) == {}


@pytest.mark.parametrize("values", [[1e308, -1e308], [1e308, 1e308]])
def test_a_moment_beyond_floats_is_left_out(values: list[float]) -> None:
    assert all(np.isfinite(value) for value in (moments(values) | quartiles(values)).values())


MLRUN_PLAIN = {"count": 4, "mean": 1, "std": 1, "min": 0, "max": 2, "hist": [[1, 3], [0.0, 1.0, 2.0]]}
MLRUN_PADDED = {"count": 4, "hist": [[0, 1, 3, 0], [-OUTERMOST, 0.0, 1.0, 2.0, OUTERMOST]]}


@pytest.mark.parametrize("stats", [MLRUN_PLAIN, MLRUN_PADDED], ids=["plain", "padded"])
def test_mlruns_statistics_are_read_padded_or_not(stats: dict) -> None:
    bins, unscored = read_reference({"x": stats})
    assert unscored == {}
    assert bins["x"].counts.tolist() == [0, 1, 3, 0, 0]
    assert compare(pd.DataFrame({"x": [0.5, 1.5, 2.0, 1.0]}), {"x": stats}).scores.tolist() == [0.0]


@pytest.mark.parametrize(
    ("stats", "reason"),
    [
        (3, "mapping"),
        ({"count": 2}, "no histogram and no categories"),
        ({"kind": "other", "count": 2}, "values of type unknown are not scored"),
        ({"kind": "other", "count": 2, "type": "date32[day]"}, "values of type date32[day] are not scored"),
        ({"hist": [[1, 2], [0, 1]]}, "edges must be one more"),
        ({"hist": [[1], [1, 0]]}, "must ascend"),
        ({"hist": [["a"], [0, 1]]}, "must be numbers"),
        ({"hist": [[float("nan")], [0, 1]]}, "finite"),
        ({"hist": [[-1, 2], [0, 1, 2]]}, "negative"),
        ({"hist": [[0, 0], [0, 1, 2]]}, "no rows"),
        ({"hist": 3}, "counts, edges"),
        ({"hist": [[], [0]]}, "edges must be one more"),
        ({"hist": [[1], [0, 1]], "missing": "some"}, "missing must be numbers"),
        ({"categories": ["a"]}, "map each name"),
    ],
)
def test_a_reference_that_can_not_be_used_says_why(stats: object, reason: str) -> None:
    bins, unscored = read_reference({"x": stats})
    assert bins == {}
    assert reason in unscored["x"]


def test_a_comparison_names_what_it_could_not_use() -> None:
    reference = describe(pd.DataFrame({"x": [1.0, 2.0], "gone": [1.0, 2.0], "when": pd.to_datetime([0, 1])}))
    found = compare(pd.DataFrame({"x": ["1.0", "what"], "when": [1, 2], "extra": [1, 2]}), reference)
    assert (found.features, found.empty) == (("x", "gone"), ("gone",))
    assert found.scores[1] == 1
    assert list(found.unscored) == ["when"]
    assert found.invalid == {"x": 1}
    assert found.sample_stats["x"]["missing"] == 1


@pytest.mark.parametrize("frame", [FRAME, TABLE], ids=["pandas", "arrow"])
def test_a_frame_compared_with_itself_scores_exactly_zero(frame: object) -> None:
    found = compare(frame, json.loads(json.dumps(describe(frame))), ["kld", "psi"])
    assert len(found.features) == 19
    assert found.scores.tolist() == [0.0] * 19
    assert {name: values.max() for name, values in found.distances.items()} == dict.fromkeys(
        ["tvd", "hellinger", "kld", "psi"], 0.0
    )


@settings(max_examples=examples(50))
@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7, 1e9, -1e-9, 5.0]), min_size=1, max_size=30))
def test_identical_discrete_data_scores_exactly_zero(values: list[float]) -> None:
    frame = pd.DataFrame({"x": values})
    assert compare(frame, describe(frame)).scores.tolist() == [0.0]


@pytest.mark.parametrize(
    "values", [[0.1, 0.3, 0.7], list(range(10)), [float(tenth) / 10 for tenth in range(21)]]
)
def test_a_model_trained_on_float32_matches_clients_that_send_decimals(values: list[float]) -> None:
    reference = describe(pd.DataFrame({"x": np.array(values, dtype=np.float32)}))
    assert compare(pd.DataFrame({"x": values}), reference).scores.tolist() == [0.0]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_restoring_a_float32_keeps_its_value(value: float) -> None:
    single = np.array([value], dtype=np.float32)
    assert as_written(single).astype(np.float32).tolist() == single.tolist()


@pytest.mark.parametrize(
    ("value", "number"),
    [("1.5", 1.5), (" 2 ", 2.0), ("TRUE", 1.0), (False, 0.0), (Decimal("0.5"), 0.5), (np.int8(3), 3.0),
     ("1_000", None), ("", None), ("x", None), ([1], None), (b"1", None), ({}, None), (10**400, np.inf),
     ("-1e999", -np.inf), (Decimal("sNaN"), None)],
)  # fmt: skip
def test_what_a_cell_means_as_a_number(value: object, number: float | None) -> None:
    assert as_number(value) == number


def test_a_category_read_as_float_is_the_integer_it_was() -> None:
    assert spelled(3.0) == spelled(3) == spelled("3") == "3"
    reference = describe(pd.DataFrame({"x": pd.Categorical([1, 2])}))
    assert compare(pd.DataFrame({"x": [1.0, 2.0]}), reference).scores.tolist() == [0.0]


WITHOUT_PANDAS = """
import sys

class NoPandas:
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError("no pandas here", name=name)

sys.meta_path.insert(0, NoPandas())
import pyarrow as pa
from modelmon.apps import HistogramDataDriftApplication

table = pa.table({"x": [1.0, None] * 50, "c": ["a", "b"] * 50, "b": [True, False] * 50})
found = HistogramDataDriftApplication.evaluate(sample_data=table, reference_data=table)
print([(each.name, each.value) for each in found[3:5]])
"""


@pytest.mark.slow
def test_an_arrow_table_needs_no_pandas() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_PANDAS], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[('general_drift', 0.0), ('feature_drift', 0.0)]", done.stderr


@given(st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=40))
def test_any_numbers_survive_json_and_match_themselves(values: list[float | None]) -> None:
    frame = pa.table({"x": pa.array(values, pa.float64())})
    reference = json.loads(json.dumps(describe(frame), allow_nan=False))
    assert compare(frame, reference).scores.tolist() == [0.0]


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1, max_size=40))
def test_any_texts_survive_json_and_match_themselves(values: list[str | None]) -> None:
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    reference = json.loads(json.dumps(describe(frame, categories=2), allow_nan=False))
    assert compare(frame, reference).scores.tolist() == [0.0]
