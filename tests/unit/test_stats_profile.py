"""Profiles of training sets: cells, counts, variance over time, and the text they are kept as."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import chi2, lognorm

from modelmon.errors import ConfigError
from modelmon.stats import (
    Profile,
    cell_counts,
    describe,
    judge,
    profile,
    profile_from_json,
    profile_of_stats,
    profile_to_json,
)
from modelmon.stats.quantile_cells import quantile_edges
from modelmon.stats.stretches import bound_factor, cut_lengths


def mixed(rows: int = 3000, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "when": pd.date_range("2025-01-01", periods=rows, freq="10min", tz="UTC"),
            "age": rng.normal(40, 10, rows),
            "tail": np.exp(2 * rng.standard_normal(rows)),
            "zeros": np.where(rng.random(rows) < 0.95, 0.0, rng.exponential(1.0, rows)),
            "few": rng.integers(0, 5, rows),
            "flag": rng.random(rows) < 0.3,
            "city": rng.choice(["Rom", "Zürich", "東京"], rows),
            "name": [f"n{number}" for number in rng.integers(0, 900, rows)],
            "empty": [None] * rows,
        }
    )


def test_every_row_lies_in_one_cell_and_the_training_range_holds_them_all() -> None:
    frame = mixed()
    made = profile(frame, time_column="when")
    assert made.names == ("age", "tail", "zeros", "few", "flag", "city", "name", "empty")
    for feature in made.features:
        assert feature.counts.sum() == len(frame)
        if feature.is_numeric:
            assert feature.counts[[0, 1, -3, -2]].tolist() == [0, 0, 0, 0]


def test_frequent_values_have_cells_of_their_own_and_the_others_are_split_evenly() -> None:
    values = np.concatenate([np.zeros(5000), np.linspace(1, 2, 5000)])
    edges = quantile_edges(values)
    counts = np.histogram(values, edges)[0]
    assert counts[np.searchsorted(edges, 0.0) - 1] == 5000
    assert 14 <= np.count_nonzero(counts) <= 18
    others = counts[(counts > 0) & (counts < 5000)]
    assert others.max() - others.min() <= 0.05 * others.max()


@pytest.mark.parametrize("value", [0.1 + 0.2, 0.3])
def test_float_noise_moves_no_value_to_another_cell(value: float) -> None:
    training = profile(pa.table({"x": [0.1, 0.3, 0.5] * 30}))
    where = cell_counts(pa.table({"x": [value]}), training)[0].nonzero()[0].tolist()
    assert where == cell_counts(pa.table({"x": [0.3]}), training)[0].nonzero()[0].tolist()


@pytest.mark.parametrize(("sigma", "far"), [(0.5, 1e-6), (2.0, 1e-5)])
def test_far_is_where_the_tail_of_training_never_comes(sigma: float, far: float) -> None:
    values = np.exp(sigma * np.random.default_rng(1).standard_normal(10_000))
    edges = quantile_edges(values)
    assert lognorm.sf(edges[-1], sigma) < far
    assert edges[-1] > values.max() >= edges[-3]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([1.0], [0, 0, 1, 0, 0, 0]),
        ([-np.inf, np.inf], [1, 0, 0, 0, 1, 0]),
        ([None, float("nan")], [0, 0, 0, 0, 0, 2]),
        ([1.2, 0.9, 9e9], [0, 1, 0, 1, 1, 0]),
    ],
)
def test_a_constant_has_one_cell_and_everything_else_lies_outside(values: list, line: list[int]) -> None:
    training = profile(pa.table({"x": [1.0] * 10}))
    assert cell_counts(pa.table({"x": pa.array(values, pa.float64())}), training).tolist() == [line]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, 2, 3] * 20),
        pa.array([Decimal("1.0"), Decimal("2.0"), Decimal("3.0")] * 20),
        pa.array([1.0, 2.0, 3.0] * 20, pa.float32()),
        pa.array(["1", "2", "3"] * 20).dictionary_encode(),
    ],
    ids=str,
)
def test_the_same_numbers_of_another_type_lie_in_the_same_cells(values: pa.Array) -> None:
    training = profile(pa.table({"x": [1.0, 2.0, 3.0] * 20}))
    expected = cell_counts(pa.table({"x": [1.0, 2.0, 3.0] * 20}), training).tolist()
    assert cell_counts(pa.table({"x": values}), training).tolist() == expected
    assert cell_counts(pa.table({"x": values}).to_pandas(), training).tolist() == expected


@pytest.mark.slow
def test_pandas_and_arrow_have_the_same_profile() -> None:
    frame = mixed()
    first, second = profile(frame, time_column="when"), profile(pa.table(frame), time_column="when")
    assert profile_to_json(first) == profile_to_json(second)


def test_times_and_nested_values_are_not_judged_and_said_so() -> None:
    frame = pa.table({"x": [1.0, 2.0], "day": [date(2025, 1, 1)] * 2, "tags": [["a"], ["b"]]})
    made = profile(frame)
    assert made.names == ("x",)
    assert made.unjudged == {
        "day": "values of type date32[day] are not judged",
        "tags": "values of type list<item: string> are not judged",
    }


def test_rare_categories_are_not_listed_and_hold_what_they_are_expected_to() -> None:
    names = ["often"] * 1000 + [f"rare {number}" for number in range(200)] + ["five"] * 5
    feature = profile(pa.table({"name": names})).features[0]
    assert feature.categories == ("often", "five")
    assert feature.counts.tolist() == [0, 1000, 5, 200, 0]
    assert feature.unlisted == 205


TIMES = {
    "timestamps": [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(480)],
    "naive": [datetime(2025, 1, 1) + timedelta(hours=hour) for hour in range(480)],  # noqa: DTZ001
    "dates": [date(2025, 1, 1) + timedelta(days=hour // 24) for hour in range(480)],
    "text": [f"2025-01-{1 + hour // 24:02}T{hour % 24:02}:00:00" for hour in range(480)],
    "text with a zone": [f"2025-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z" for hour in range(480)],
    "seconds": [1735689600 + 3600 * hour for hour in range(480)],
}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("library", ["arrow", "pandas"])
def test_a_time_column_may_hold_any_kind_of_time(times: list, library: str) -> None:
    frame = pa.table({"when": times, "x": np.arange(480.0)})
    made = profile(frame if library == "arrow" else frame.to_pandas(), time_column="when")
    assert made.start_seconds == 1735689600
    assert [stretches.seconds for stretches in made.stretches][-1] == pytest.approx(made.span_seconds / 20)
    assert made.names == ("x",)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("city", "'city' holds .*string.*; it must hold times"),
        ("nowhere", "no column 'nowhere'; it has when, age"),
        ("empty", "'empty' holds no time at all"),
    ],
)
def test_a_wrong_time_column_is_refused_by_name(column: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        profile(pa.table(mixed(50)), time_column=column)


def test_a_profile_needs_rows() -> None:
    with pytest.raises(ConfigError, match="at least one row"):
        profile(pa.table({"x": pa.array([], pa.float64())}))


def test_rows_without_a_time_and_out_of_order_change_nothing_else() -> None:
    frame = mixed(1000)
    shuffled = frame.sample(frac=1, random_state=2)
    assert profile_to_json(profile(shuffled, time_column="when")) == profile_to_json(
        profile(frame, time_column="when")
    )
    gaps = frame.assign(when=frame["when"].where(frame.index % 2 == 0))
    made = profile(gaps, time_column="when")
    assert made.rows == 1000
    assert made.features[0].counts.sum() == 1000


def test_what_varies_between_stretches_is_found_and_what_sampling_explains_is_not() -> None:
    rng = np.random.default_rng(3)
    hours = np.repeat(np.arange(500), 100)
    frame = pd.DataFrame(
        {
            "when": hours * 3600.0,
            "steady": rng.standard_normal(50_000),
            "moving": rng.standard_normal(50_000) + 0.5 * rng.standard_normal(500)[hours],
        }
    )
    steady, moving = profile(frame, time_column="when", window_seconds=(3600.0,)).features
    assert steady.shape_variance[0, 0] < 0.002
    assert 0.15 < moving.shape_variance[0, 0] < 0.25


def test_the_bound_of_a_variance_is_that_of_chi_square() -> None:
    number = np.array([5, 20, 100, 2000])
    np.testing.assert_allclose(bound_factor(number), number / chi2.ppf(0.1, number), rtol=0.01)


def test_a_span_of_no_time_has_no_stretches() -> None:
    assert cut_lengths([600.0], 0.0) == []
    made = profile(pa.table({"when": [5.0, 5.0], "x": [1.0, 2.0]}), time_column="when")
    assert made.stretches == ()


def judged(made: Profile, frame: pd.DataFrame) -> tuple:
    found = judge(cell_counts(frame, made), made, budget=0.01, window_seconds=86_400.0)
    return found.alarm, round(found.ratio, 2), found.findings and found.findings[0].question, found.allowed


def test_a_kept_profile_judges_as_the_one_it_was() -> None:
    frame = mixed()
    made = profile(frame, time_column="when")
    again = profile_from_json(profile_to_json(made))
    assert profile_to_json(again) == profile_to_json(made)
    for window in (frame[:300], frame[:300].assign(age=frame["age"] + 8), frame[:300].assign(city="Rom")):
        assert judged(again, window) == judged(made, window)


def test_a_profile_kept_in_the_first_format_judges_as_one_of_today() -> None:
    frame = mixed()[["when", "age", "zeros", "few", "city"]]
    text = (Path(__file__).parents[1] / "fixtures" / "profile-1.json").read_text("utf-8")
    assert json.loads(text)["format"] == 1
    then = profile_from_json(text)
    made = profile(frame, time_column="when", segments=["city"])
    again = profile_from_json(profile_to_json(made))
    assert len(profile_to_json(then)) < 0.8 * len(text)
    seen: list[float] = []
    for window in (frame[:300], frame[:300].assign(age=frame["age"] + 3)):
        counts = cell_counts(window, made)
        pairs = [(then, again), *zip(then.segments[0].profiles, again.segments[0].profiles, strict=True)]
        for old, new in pairs:
            before, now = (judge(counts, each, budget=0.01, window_seconds=3600.0) for each in (old, new))
            assert now.ratio == pytest.approx(before.ratio, rel=1e-6)
            seen.append(now.ratio)
    assert max(seen) > 1


def test_variances_of_more_than_two_digits_are_kept_as_they_are() -> None:
    made = profile(mixed(), time_column="when")
    odd = replace(made.features[0], share_variance=made.features[0].share_variance + 0.00123)
    changed = replace(made, features=(odd, *made.features[1:]))
    again = profile_from_json(profile_to_json(changed))
    np.testing.assert_array_equal(again.features[0].share_variance, odd.share_variance)
    np.testing.assert_array_equal(again.features[1].share_variance, made.features[1].share_variance)


@pytest.mark.slow
def test_a_profile_is_kept_in_about_a_kilobyte_a_feature() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({f"feature_{place}": rng.standard_normal(5000) for place in range(20)})
    timed = frame.assign(when=np.arange(5000) * 600.0)
    assert len(profile_to_json(profile(frame))) < 20 * 1000
    assert len(profile_to_json(profile(timed, time_column="when"))) < 20 * 1150


def broken(**changes: object) -> str:
    kept = json.loads(profile_to_json(profile(pa.table({"x": [1.0, 2.0, 3.0], "c": ["a", "b", "b"]}))))
    kept["features"][0].update(changes)
    return json.dumps(kept)


def stretched(tails: dict) -> str:
    stretches = [{"seconds": 1, "number": 1, "tails": tails}]
    return json.dumps({"format": 1, "rows": 1, "features": [], "stretches": stretches})


def varied(text: str) -> str:
    """One feature whose shares vary as `text` says, between stretches of one length."""
    kept = json.loads(broken(shape_variance=[""], share_variance=[text]))
    of_one = {"stretches": [{"seconds": 1, "number": 1, "tails": {}}], "start_seconds": 0, "end_seconds": 9}
    return json.dumps({**kept, **of_one, "features": kept["features"][:1]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no profile"),
        ("{}", "missing required field"),
        ('{"format": 3, "rows": 1, "features": []}', "format"),
        ('{"x": {"hist": [[1], [0, 1]]}}', "no profile"),
        (broken(counts=[1, 2, 3]), "'x' the counts are 3"),
        (broken(edges=[3, 2, 1, 0, -1, -2]), "'x' the edges do not ascend"),
        (broken(counts=[0, 0, -1, 1, 1, 0, 0, 0]), ">= 0"),
        (broken(shape_variance=[[0, 0, 0, 0]]), "'x' variances are not of 0 lengths"),
        (broken(shape_variance=["#Z"]), "'x' variances are not of 0 lengths"),
        (varied("#Z" * 9), "'x' variances are not of 1 lengths"),
        (varied("#"), "'x' variances are not of 1 lengths"),
        (varied("é€"), "'x' variances are not of 1 lengths"),
        (broken(name="c"), "'c' is in it more than once"),
        (broken(surprise=1), "surprise"),
        (broken(kind="words"), "kind"),
        (broken(edges="many"), "edges"),
        (broken(categories=["a"]), "'x' it is of numbers and has categories"),
        (stretched({"a": []}), "floor"),
        (stretched({}), "start and end"),
    ],
)  # fmt: skip
def test_a_damaged_or_foreign_profile_is_refused_with_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        profile_from_json(text)


def test_reference_statistics_alone_make_a_coarse_profile() -> None:
    frame = mixed().drop(columns=["when", "empty"])
    made = profile_of_stats(describe(frame))
    assert made.is_coarse
    assert made.rows == len(frame)
    clean = judge(cell_counts(frame[:500], made), made, budget=0.01)
    assert not clean.alarm
    assert not clean.may_detect
    shifted = judge(cell_counts(frame[:500].assign(age=frame["age"] + 8), made), made, budget=0.01)
    assert (shifted.alarm, shifted.findings[0].feature, shifted.findings[0].question) == (
        True,
        "age",
        "level",
    )


def test_the_largest_value_of_mlruns_own_histogram_lies_within_it() -> None:
    made = profile_of_stats(
        {"x": {"hist": [[5, 5], [0.0, 1.0, 2.0]]}, "when": {"kind": "other", "type": "date"}}
    )
    assert cell_counts(pa.table({"x": [2.0]}), made).tolist() == [[0, 0, 0, 1, 0, 0, 0]]
    assert made.unjudged == {"when": "values of type date are not scored"}
