"""The drift app: its verdicts, the states without one, and what each result says that it stands on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelmon.alarm_budget import read_budget
from modelmon.apps import DriftApplication, ResultKindApp
from modelmon.apps.budget import share_of
from modelmon.errors import ConfigError
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.stats import describe
from modelmon.testing import Judgement, run_app

HOURS, PER_HOUR = 24 * 14, 60
START = datetime(2025, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def rows(number: int, seed: int, shift: float = 0.0, **columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": random.normal(40 + 10 * shift, 10, number),
            "city": random.choice(["Oslo", "Rome", "Bonn"], number),
            "late": random.choice([0, 1], number),
            **columns,
        }
    )


def in_time(number: int = PER_HOUR * HOURS) -> pd.DataFrame:
    """Two weeks of training rows, sixty an hour, each with its time."""
    return rows(number, 1, when=pd.date_range("2025-01-01", periods=number, freq="min"))


REFERENCE = in_time()


def judged(sample: Any, reference: Any = REFERENCE, **arguments: Any) -> Judgement:
    app = arguments.pop("app", None) or DriftApplication()
    given = {"label_names": ["late"], "start": START, "end": START + HOUR, **arguments}
    return run_app(app, sample, reference, **given)


def test_without_a_change_there_is_no_alarm() -> None:
    found = judged(rows(500, 2)).assert_status("drift", "no_detection")
    assert 0 <= found.value < 1
    assert found.kind == ResultKindApp.data_drift


def test_where_all_that_training_knows_is_answered_under_other_names_there_are_no_features() -> None:
    found = judged(pd.DataFrame({"delayed": [0, 1] * 100}), REFERENCE[["late"]])
    assert found.assert_status("drift", "irrelevant").extra_data["state"] == "no features"


def test_a_shift_is_detected_and_named_with_its_question() -> None:
    found = judged(rows(500, 2, shift=1)).assert_status("drift", "detected")
    assert found.value > 1
    assert found.extra_data["feature"] == "age"
    assert found.extra_data["findings"]["age"][0].startswith("`age` level +")
    assert list(found.extra_data["findings"]) == ["age"]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"age": np.nan}, "`age` missing 100 % (0 % in training)"),
        ({"city": "Atlantis"}, "`city` not among the known categories 100 % (0 % in training)"),
        ({"late": 1}, "`late` '1' 100 % ("),
    ],
)
def test_each_kind_of_change_is_called_by_its_name(columns: Any, words: str) -> None:
    found = judged(rows(200, 3, **columns)).assert_status("drift", "detected")
    (feature,) = columns
    assert any(each.startswith(words) for each in found.extra_data["findings"][feature])


@pytest.mark.parametrize("to_arrow", [False, True], ids=["pandas", "arrow"])
def test_both_libraries_have_one_verdict(to_arrow: bool) -> None:
    sample = rows(300, 4, shift=0.5)
    given = pa.Table.from_pandas(sample) if to_arrow else sample
    assert judged(given).outputs == judged(sample).outputs


# --- what it stands on


def test_every_result_says_what_it_stands_on_and_what_it_would_have_seen() -> None:
    for shift in (0.0, 1.0):
        extra = judged(rows(500, 5, shift)).result("drift").extra_data
        compared = [extra[name] for name in ("rows", "reference_rows", "scored_features")]
        assert compared == [500, PER_HOUR * HOURS, 3]
        assert (extra["detected_threshold"], extra["floor"]) == (1.0, 0.1)
        assert extra["budget"]["words"] == "1 a month"
        assert 1 / extra["budget"]["probability"] == pytest.approx(365.25 / 12 * 24)
        assert extra["calibration"] == {"how": "by time", "stretches": HOURS}
        assert (
            "50 % of the alarm budget '1 a month' lets 1 of 1,461 windows alarm falsely, over 3 features"
            in extra["why"]
        )
        assert set(extra["least_changes"]) == {"age", "city", "late"}
        assert extra["least_changes"]["age"]["words"].startswith("`age` 0.")
        assert 0.1 < extra["least_sigma"] < 0.6
        assert extra["next"]
        json.dumps(extra)


def test_a_budget_that_no_window_may_spend_is_told() -> None:
    week = judged(rows(500, 5), end=START + timedelta(days=7)).result("drift").extra_data
    assert "'1 a month' (a window may spend a tenth at most) lets 1 of 20 windows" in week["why"]


@pytest.mark.slow
def test_more_rows_show_less_of_a_change() -> None:
    few, many = (judged(rows(number, 6)).result("drift").extra_data["least_sigma"] for number in (100, 2000))
    assert many < few


def test_the_budget_and_the_floor_of_the_settings_count_and_arguments_go_before() -> None:
    settings = Settings(project="p").changed(alarm_budget="2 a year", alarm_floor=0.3)
    extra = judged(rows(500, 7), settings=settings).result("drift").extra_data
    assert (extra["budget"]["words"], extra["floor"]) == ("2 a year", 0.3)
    own = judged(rows(500, 7), settings=settings, app=DriftApplication("0.01", 0.2)).result("drift")
    assert (own.extra_data["budget"]["probability"], own.extra_data["floor"]) == (0.01, 0.2)


def test_a_change_below_the_floor_is_no_alarm_however_many_rows_there_are() -> None:
    sample = rows(20_000, 8, shift=0.3)
    judged(sample, app=DriftApplication(floor=0.5)).assert_status("drift", "no_detection")
    judged(sample, app=DriftApplication(floor=0.05)).assert_status("drift", "detected")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"alarm_budget": "often"}, "alarm_budget: write it as '1 a month'"),
        ({"floor": 2}, "floor: must be a number of sigma from 0 up to 2, got 2"),
        ({"floor": float("nan")}, "floor: must be a number of sigma"),
        ({"floor": "0.1"}, "floor: must be a number of sigma"),
        ({"min_rows": -1}, "min_rows: must be a whole number"),
        ({"min_rows": 1.5}, "min_rows: must be a whole number"),
    ],
)
def test_wrong_arguments_are_refused_at_the_start(arguments: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        DriftApplication(**arguments)


# --- calibration and states


def test_without_times_an_alarm_is_suspected_at_most_and_says_what_to_do() -> None:
    found = judged(rows(500, 9, shift=2), REFERENCE.drop(columns="when"))
    extra = found.assert_status("drift", "potential_detection").extra_data
    assert (extra["potential_threshold"], "detected_threshold" in extra) == (1.0, False)
    assert extra["calibration"]["how"] == "assumed independent"
    assert "time_column" in extra["next"]


def test_too_short_a_reference_is_suspected_at_most() -> None:
    found = judged(rows(500, 9, shift=2), in_time(5000))  # four days
    extra = found.assert_status("drift", "potential_detection").extra_data
    assert extra["calibration"]["how"] == "too little reference"


def test_statistics_alone_are_coarse_and_suspected_at_most() -> None:
    found = judged(rows(500, 9, shift=2), describe(rows(5000, 1)))
    extra = found.assert_status("drift", "potential_detection").extra_data
    assert extra["coarse"] is True
    assert "training_set" in extra["next"]


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        ({"sample": rows(49, 10, shift=3)}, "warming up"),
        ({"reference": in_time(49)}, "small reference"),
        ({"window_incomplete": 1}, "incomplete"),
        ({"reference": None}, "no reference"),
        ({"reference": {}}, "no reference"),
        ({"reference": describe(pd.DataFrame({"tags": [["x"]] * 60}))}, "no features"),
    ],
)
def test_where_there_is_no_verdict_the_state_says_why(arguments: Any, state: str) -> None:
    given = {"sample": rows(500, 10, shift=3), **arguments}
    found = judged(**given).assert_status("drift", "irrelevant")
    assert found.extra_data["state"] == state


def test_a_partial_window_is_suspected_at_most() -> None:
    found = judged(rows(500, 11, shift=3), window_incomplete=7)
    assert found.assert_status("drift", "potential_detection").extra_data["state"] == "partial"


def test_predictions_under_another_name_are_not_missing() -> None:
    renamed = rows(500, 12).rename(columns={"late": "answer"})
    found = judged(renamed).assert_status("drift", "no_detection")
    assert set(found.extra_data["least_changes"]) == {"age", "city"}
    judged(rows(500, 12).drop(columns="late")).assert_status("drift", "detected")


def test_what_has_no_profile_is_named() -> None:
    tags = [["x"]] * 300
    found = judged(rows(300, 13, tags=tags), rows(300, 1, tags=tags)).result("drift")
    assert "tags" in found.extra_data["unscored_features"]


def test_odd_values_are_judged_and_never_an_error() -> None:
    odd = rows(100, 14).assign(
        age=[np.inf, -np.inf, np.nan, 1e308, -1e308] * 20, city=[None, "é", "", 5, 2.5] * 20
    )
    judged(odd).assert_status("drift", "detected")
    constant = pd.DataFrame({"age": [1.0] * 100})
    judged(constant, constant, label_names=[]).assert_status("drift", "no_detection")


# --- private columns


def test_nothing_of_a_private_column_is_shown() -> None:
    settings = Settings(project="p", private="age, city")
    moved = rows(500, 15, shift=3, city="Atlantis")
    extra = judged(moved, settings=settings).result("drift").extra_data
    shown = shown_extra(settings, json.dumps(extra))
    for word in ('"age"', "`age`", "city", "Atlantis", "Oslo", "sigma ("):
        assert word not in shown
    assert "`age`" in json.dumps(extra), "it is judged all the same"
    assert json.loads(shown)["budget"]["words"] == "1 a month"


def test_a_value_of_a_private_column_is_in_no_result_at_all() -> None:
    settings = Settings(project="p", private="city")
    extra = judged(rows(500, 15, city="Oslo"), settings=settings).result("drift").extra_data
    assert extra["feature"] == "city"
    assert "Oslo" not in json.dumps(extra)


# --- many features


def test_one_broken_feature_of_a_hundred_is_named() -> None:
    random = np.random.default_rng(0)
    names = [f"f{number}" for number in range(100)]
    reference = pd.DataFrame(random.normal(size=(2000, 100)), columns=names)
    sample = pd.DataFrame(random.normal(size=(200, 100)), columns=names).assign(f42=9.0)
    found = judged(sample, reference, label_names=[]).result("drift")
    assert found.extra_data["feature"] == "f42"
    assert len(found.extra_data["least_changes"]) == 20
    assert len(json.dumps(found.extra_data)) < 6_000


def test_the_parts_of_two_apps_are_the_whole_budget() -> None:
    budget = read_budget("1 a month")
    both = [share_of("drift", budget, 3600, apps).probability for apps in (["drift"], [])]
    assert both[0] == both[1]
