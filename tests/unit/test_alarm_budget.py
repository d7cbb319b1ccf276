"""The alarm budget: what words mean, what one window may spend of it, and who shares it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelmon.alarm_budget import DAYS, MOST, read_budget
from modelmon.apps.budget import share_of
from modelmon.apps.budget_sharers import Sharers, sharers_of
from modelmon.errors import ConfigError
from modelmon.function_spec.own_apps import OWN_APPS, OwnApp
from modelmon.ledger import endpoints, registry
from modelmon.ledger.budget_settings import BudgetSettings
from modelmon.ledger.records import records_at
from modelmon.model import Endpoint
from modelmon.settings import Settings

HOUR, DAY = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("said", "a_year"),
    [
        ("1 a month", 12), ("1 per month", 12), ("1/month", 12), ("12 a year", 12),
        ("0.5 a week", 365.25 / 14), ("  2 A Year ", 2), (".5 a day", 365.25 / 2), ("1 an hour", 8766),
        ("3 per weeks", 3 * 365.25 / 7),
    ],
)  # fmt: skip
def test_words_are_false_alarms_in_a_time(said: str, a_year: float) -> None:
    budget = read_budget(said)
    assert budget.times * DAYS["year"] / (budget.days or 0) == pytest.approx(a_year)


def test_windows_of_every_length_spend_the_same_in_a_year() -> None:
    budget = read_budget("1 a month")
    for seconds in (60.0, HOUR, DAY):
        assert budget.probability(seconds) * 365.25 * DAY / seconds == pytest.approx(12)


@pytest.mark.parametrize("said", [0.001, "0.001", "1e-3"])
def test_a_number_is_the_probability_of_a_window_however_long(said: Any) -> None:
    assert read_budget(said).probability(60) == read_budget(said).probability(DAY) == 0.001


def test_a_window_never_spends_more_than_a_tenth() -> None:
    assert read_budget("1 a day").probability(7 * DAY) == MOST == read_budget(0.5).probability(60)


def test_endpoints_of_a_project_share_what_is_said_per_project() -> None:
    alone, shared = read_budget("1 a month"), read_budget("1 a month per project")
    assert shared.probability(HOUR, 10) == pytest.approx(alone.probability(HOUR, 10) / 10)
    assert read_budget("1 a month per endpoint").probability(HOUR, 10) == alone.probability(HOUR)


@pytest.mark.parametrize(
    "said",
    ["", "often", "one a month", "0 a month", "-1 a month", "1 a fortnight", "inf a day", "nan", 0, -0.1,
     None, True, float("nan"), float("inf"), "1 a month per model", ["1 a month"], "1" * 400 + " a day"],
)  # fmt: skip
def test_other_words_are_refused_with_the_value_and_what_would_be_right(said: Any) -> None:
    with pytest.raises(ConfigError, match=r"alarm_budget: .*'1 a month'.*got "):
        read_budget(said)


@pytest.mark.parametrize("said", [1, "2", 1.5])
def test_a_probability_of_one_or_more_is_refused(said: Any) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        read_budget(said)


def test_a_wrong_setting_stops_at_the_start() -> None:
    with pytest.raises(ConfigError, match="alarm_budget: write it as"):
        Settings.load(alarm_budget="never")
    assert Settings.load(alarm_budget="2 a year").of(BudgetSettings).alarm_budget == "2 a year"
    with pytest.raises(ConfigError, match=r"alarm_floor: must be a number from 0 to 1\.99, got 2\.0"):
        Settings.load(alarm_floor=2)  # which no verdict would take


@pytest.fixture
def weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two apps with a part of the budget, one without."""
    for name, weight in (("one", 3.0), ("two", 1.0), ("none", 0.0)):
        monkeypatch.setitem(OWN_APPS, name, OwnApp(name, "apps/x", "x", budget_weight=weight))


def test_the_parts_of_the_apps_are_one_budget(weighed: None) -> None:
    budget, apps = read_budget(0.01), ("one", "two", "none", "mine")
    parts = [share_of(name, budget, 60, apps) for name in ("one", "two")]
    assert [part.probability for part in parts] == [0.0075, 0.0025]
    assert parts[0].split == parts[1].split == {"one": 0.75, "two": 0.25}
    assert parts[0].shown() == {
        "words": "0.01", "share": 0.75, "probability": 0.0075, "split": {"one": 0.75, "two": 0.25},
    }  # fmt: skip


def test_a_part_of_what_a_window_may_spend_at_most_says_so(weighed: None) -> None:
    weekly, hourly = (
        share_of("one", read_budget("1 a month"), each, ["one", "two"]) for each in (7 * DAY, HOUR)
    )
    assert (weekly.is_capped, weekly.probability) == (True, pytest.approx(0.075))
    assert not hourly.is_capped


def test_an_app_that_is_alone_has_all_of_it(weighed: None) -> None:
    assert share_of("two", read_budget(0.01), 60, ["two", "none"]).split == {"two": 1.0}
    assert share_of("mine", read_budget(0.01), 60).probability == 0.01


def test_an_app_without_a_part_is_told_to_have_a_budget_of_its_own(weighed: None) -> None:
    with pytest.raises(ConfigError, match=r"'mine' has no part .* split among one.*argument alarm_budget"):
        share_of("mine", read_budget(0.01), 60, ["mine", "one"])


def test_those_share_that_judge_the_endpoint(weighed: None, tmp_path: Path) -> None:
    records = records_at(f"sqlite:///{tmp_path}/records.db")
    chosen = Endpoint("b" * 32, "p", "b", policy={"monitoring_applications": ["two"]})
    with records.write() as connection:
        for name in ("one", "two", "gone"):
            registry.register_app(connection, name, None, 0)
        registry.unregister_app(connection, "gone")
        for endpoint in (Endpoint("a" * 32, "p", "a"), chosen):
            endpoints.put(connection, endpoint, 0)
    assert sharers_of(records, Endpoint("a" * 32, "p", "a")) == Sharers(("one", "two"), 2)
    assert sharers_of(records, chosen) == Sharers(("two",), 2)
    records.close()
