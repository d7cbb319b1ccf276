"""Judgements of windows: what alarms, what it is called, what it rests on."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from modelmon.errors import ConfigError
from modelmon.stats import (
    Finding,
    Judgement,
    LeastChange,
    Profile,
    cell_counts,
    judge,
    profile,
)
from modelmon.stats.finding_words import finding_words, judgement_words, least_words

ROWS = 20_000


@pytest.fixture(scope="module")
def training() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "when": pd.date_range("2025-01-01", periods=ROWS, freq="5min", tz="UTC"),
            "age": rng.normal(40, 10, ROWS),
            "income": np.exp(2 * rng.standard_normal(ROWS)),
            "zeros": np.where(rng.random(ROWS) < 0.95, 0.0, rng.exponential(1.0, ROWS)),
            "flag": rng.random(ROWS) < 0.3,
            "city": rng.choice(["Rom", "Zürich", "東京"], ROWS, p=[0.6, 0.3, 0.1]),
        }
    )


@pytest.fixture(scope="module")
def made(training: pd.DataFrame) -> Profile:
    return profile(training, time_column="when")


def window(rows: int, **changed: object) -> pd.DataFrame:
    rng = np.random.default_rng(12)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows),
            "income": np.exp(2 * rng.standard_normal(rows)),
            "zeros": np.where(rng.random(rows) < 0.95, 0.0, rng.exponential(1.0, rows)),
            "flag": rng.random(rows) < 0.3,
            "city": rng.choice(["Rom", "Zürich", "東京"], rows, p=[0.6, 0.3, 0.1]),
        }
    )
    return frame.assign(**changed)


def judged(frame: pd.DataFrame, made: Profile, **options: float) -> Judgement:
    options = {"budget": 0.01, "window_seconds": 86_400.0, **options}
    return judge(cell_counts(frame, made), made, **options)


def some(rows: int, share: float) -> np.ndarray:
    return np.random.default_rng(13).random(rows) < share


CHANGES = {
    "moved": ("age", lambda x: x + 5, "`age` level +0."),
    "moved down": ("age", lambda x: x - 5, "`age` level -0."),
    "wider": ("age", lambda x: (x - 40) * 1.6 + 40, "`age` spread 1."),
    "another unit": ("income", lambda x: x * 100, "`income` "),
    "missing": ("age", lambda x: x.where(~some(len(x), 0.1)), "`age` missing "),
    "gone": ("city", lambda x: [None] * len(x), "`city` missing 100 % (0 % in training)"),
    "far": ("age", lambda x: x.where(~some(len(x), 0.01), 900.0), "`age` far outside the training range"),
    "infinite": (
        "age",
        lambda x: x.where(~some(len(x), 0.01), np.inf),
        "`age` far outside the training range",
    ),
    "unseen": ("city", lambda x: x.where(~some(len(x), 0.1), "new"), "`city` not among the known categories"),
    "one more": ("city", lambda x: x.where(~some(len(x), 0.3), "東京"), "`city` '東京' "),
    "true": ("flag", lambda x: x | some(len(x), 0.4), "`flag` 'true' "),
    "no zeros": ("zeros", lambda x: x + 0.01, "`zeros` "),
}


@pytest.mark.parametrize(("feature", "change", "words"), CHANGES.values(), ids=CHANGES)
def test_what_changed_is_named_first(feature: str, change: object, words: str, made: Profile) -> None:
    frame = window(1000)
    found = judged(frame.assign(**{feature: change(frame[feature])}), made)
    assert found.alarm
    assert found.findings[0] == found.worst
    assert {finding.feature for finding in found.findings} == {feature}
    assert finding_words(found.findings[0]).startswith(words)


def test_an_unchanged_window_alarms_over_nothing_and_says_what_it_could_have_seen(made: Profile) -> None:
    found = judged(window(300), made)
    assert not found.alarm
    assert found.findings == ()
    least = {change.feature: change for change in found.least_changes}
    assert list(least) == ["age", "income", "zeros", "flag", "city"]
    assert 0.3 < least["age"].sigma < 0.6
    assert least["age"].up == pytest.approx(10 * least["age"].sigma, rel=0.1)
    assert least["city"].sigma is None
    assert 0.1 < least["city"].share < 0.25
    assert 0.01 < least["age"].missing < 0.06


def test_a_window_without_rows_alarms_over_nothing_and_shows_nothing(made: Profile) -> None:
    found = judged(window(0), made)
    assert (found.alarm, found.ratio, found.rows) == (False, 0.0, 0)
    assert all(math.isinf(change.missing) for change in found.least_changes)
    assert least_words(found.least_changes[0]) == "`age` no shift however large, no share missing"


def test_more_rows_show_smaller_changes_down_to_the_floor(made: Profile) -> None:
    sigmas = [judged(window(rows), made).least_changes[0].sigma for rows in (50, 200, 1000, 20_000)]
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas[-1] > 0.1


def test_the_words_of_a_private_feature_name_none_of_its_values(made: Profile) -> None:
    found = judged(window(1000, city="Rom"), made)
    assert "'Rom'" in finding_words(found.findings[0])
    assert "Rom" not in finding_words(found.findings[0], private=True)


@pytest.mark.parametrize(
    ("seconds", "how", "may_detect"),
    [
        (3600.0, "by time", True),
        (86_400.0, "by time", True),
        (60.0, "too little reference", False),
        (604_800.0, "too little reference", False),
        (None, "too little reference", False),
    ],
)
def test_calibration_says_what_the_training_set_knows_of_time(
    seconds: float | None, how: str, may_detect: bool, made: Profile
) -> None:
    found = judged(window(300), made, window_seconds=seconds)
    assert (found.calibration.how, found.may_detect) == (how, may_detect)
    assert how in judgement_words(found)


def test_a_week_of_training_is_too_little_for_hours(training: pd.DataFrame) -> None:
    short = profile(training[: 7 * 288], time_column="when")
    found = judged(window(300), short, window_seconds=3600.0)
    assert found.calibration.how == "too little reference"
    assert "two whole weeks" in found.calibration.why


def test_without_a_time_column_rows_are_taken_as_independent_and_said_so(training: pd.DataFrame) -> None:
    found = judged(window(300), profile(training.drop(columns="when")))
    assert found.calibration.how == "assumed independent"
    assert not found.may_detect


def test_a_feature_of_weight_0_is_not_judged_and_leaves_its_budget_to_the_others(made: Profile) -> None:
    frame = window(1000, city="Rom")
    found = judged(frame, made, weights={"city": 0.0})
    assert not found.alarm
    assert "city" not in {change.feature for change in found.least_changes}
    everything = judged(frame, made)
    assert found.least_changes[0].sigma < everything.least_changes[0].sigma


def test_a_floor_of_its_own_spares_one_feature(made: Profile) -> None:
    frame = window(1000)
    frame = frame.assign(age=frame["age"] + 4)
    assert judged(frame, made).findings[0].question == "level"
    assert not judged(frame, made, floors={"age": 1.0}).alarm


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0.0}, "between 0 and 1, got 0.0"),
        ({"budget": math.nan}, "between 0 and 1, got nan"),
        ({"budget": 1.0}, "between 0 and 1"),
        ({"floor": -0.1}, "from 0 up to 2"),
        ({"floor": math.inf}, "from 0 up to 2"),
        ({"floors": {"agee": 0.1}}, "a floor is given for 'agee'.*it has age, income"),
        ({"weights": {"age": -1.0}}, "at least 0"),
        (
            {"weights": dict.fromkeys(("age", "income", "zeros", "flag", "city"), 0.0)},
            "not all of them are 0",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_refused(options: dict, message: str, made: Profile) -> None:
    with pytest.raises(ConfigError, match=message):
        judged(window(10), made, **options)


def test_counts_of_another_profile_are_refused(made: Profile) -> None:
    with pytest.raises(ConfigError, match="cell_counts makes them"):
        judge(np.zeros((2, 3)), made, budget=0.01)
    with pytest.raises(ConfigError, match="negative"):
        judge(-cell_counts(window(5), made), made, budget=0.01)


FINDINGS = {
    "`age` level -0.42 sigma": ("age", "level", None, -0.404, 0.0),
    "`age` level more than +3 sigma": ("age", "level", None, 1.732, 0.0),
    "`age` spread 1.5 times as wide": ("age", "spread", None, 0.52, 0.0),
    "`age` asymmetry +0.31": ("age", "asymmetry", None, 0.31, 0.0),
    "`age` tails -0.31": ("age", "tails", None, -0.31, 0.0),
    "`age` '20 to 30' 12 % (6.1 % in training)": ("age", "share", "20 to 30", 0.12, 0.061),
    "`city` missing 7 % (0.1 % in training)": ("city", "missing", None, 0.07, 0.001),
    "`age` far outside the training range 1 % (0 % in training)": ("age", "far", None, 0.01, 0.0),
}


@pytest.mark.parametrize(("words", "entry"), FINDINGS.items(), ids=FINDINGS)
def test_a_finding_in_words(words: str, entry: tuple) -> None:
    assert finding_words(Finding(*entry, True, 9.0, 4.0, 1e-9)) == words


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("`t` 0.3 sigma (+1.3 or -1.2), 5 % missing", LeastChange("t", 0.3, 1.3, 1.2, None, 0.05)),
        ("`t` 0.3 sigma (+1.3), 5 % missing", LeastChange("t", 0.3, 1.3, math.inf, None, 0.05)),
        ("`t` 0.3 sigma, no share missing", LeastChange("t", 0.3, None, None, None, math.inf)),
        ("`c` 12 points of a share, 5 % missing", LeastChange("c", None, None, None, 0.12, 0.05)),
        ("`c` no share however large, 5 % missing", LeastChange("c", None, None, None, math.inf, 0.05)),
    ],
)
def test_a_least_change_in_words(words: str, change: LeastChange) -> None:
    assert least_words(change) == words
