"""The drift app by a drift file: ignored and weighted features, floors of their own, budgets by endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.streaming import ENDPOINT, Bed, feed, run
from tests.unit.test_drift_app_live import ASK, DRIFT, register
from tests.unit.test_drift_by_budget import judged, rows
from tests.unit.test_drift_live import event, frame, rows_of

from modelmon import wire
from modelmon.apps import DriftApplication
from modelmon.apps.stage import AppStage
from modelmon.errors import ConfigError
from modelmon.ledger import drift_files, registry
from modelmon.ledger.records import open_records
from modelmon.model import Message
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.streams import open_stream


def chosen(lines: str, pattern: str = "'*'") -> DriftApplication:
    return DriftApplication(choices=f"format: 1\nendpoints:\n  {pattern}:\n    {lines}\n")


def extra(sample: pd.DataFrame, lines: str, **arguments: Any) -> dict[str, Any]:
    return judged(sample, app=chosen(lines), **arguments).result("drift").extra_data


def test_an_ignored_feature_is_not_judged_and_the_result_says_so() -> None:
    sample = rows(500, 2, shift=1)
    assert judged(sample).result("drift").status.name == "detected"
    found = judged(sample, app=chosen("ignore: [age]")).assert_status("drift", "no_detection")
    assert found.extra_data["choices"] == {"version": 0, "ignored": ["age"], "ignored_features": 1}
    assert set(found.extra_data["least_changes"]) == {"city", "late"}
    assert "over 2 features and all questions" in found.extra_data["why"]


def test_a_weighted_feature_shows_less_of_a_change_and_the_others_more() -> None:
    sample = rows(500, 2)
    plain, weighted = extra(sample, "floor: 0.1"), extra(sample, "weights: {age: 30}")
    assert weighted["least_changes"]["age"]["sigma"] < plain["least_changes"]["age"]["sigma"]
    assert weighted["choices"]["weights"] == {"age": 30.0}
    assert "over 3 features by their weights and all questions" in weighted["why"]
    light = extra(sample, "weights: {age: 0.01}")
    assert light["least_changes"]["age"]["sigma"] > plain["least_changes"]["age"]["sigma"]


@pytest.mark.slow
def test_a_move_below_a_floor_in_the_features_own_unit_is_no_alarm() -> None:
    moved = rows(20_000, 3, shift=0.5)  # 5 years
    assert judged(moved).result("drift").status.name == "detected"
    found = judged(moved, app=chosen("floors: {age: 7 years}")).assert_status("drift", "no_detection")
    assert found.extra_data["choices"]["floors"]["age"].startswith("7 years (0.")
    judged(rows(20_000, 3, shift=1.5), app=chosen("floors: {age: 7 years}")).assert_status(
        "drift", "detected"
    )
    judged(moved, app=chosen("floors: {age: 0.2}")).assert_status("drift", "detected")
    assert extra(moved, "floors: {age: 0.2}")["choices"]["floors"] == {"age": "0.2 sigma"}


def test_what_can_not_be_followed_is_told_and_the_rest_counts() -> None:
    found = extra(rows(500, 4), "floors: {city: 3 km}\n    ignore: [gone]\n    weights: {age: 2}")
    assert found["choices"]["told"] == {
        "gone": "the training set has no such column",
        "city": "3 km is no floor for it, for it is no number: write sigma",
    }
    assert found["choices"]["weights"] == {"age": 2.0}


def test_with_every_feature_ignored_there_is_nothing_to_judge() -> None:
    app = chosen("ignore: [age, city]\n    weights: {late: 0}")
    found = judged(rows(500, 5), app=app).assert_status("drift", "irrelevant")
    assert found.extra_data["state"] == "no features"


def test_an_argument_goes_before_the_file_and_that_before_the_settings() -> None:
    settings = Settings(project="p").changed(alarm_budget="2 a year", alarm_floor=0.3)
    file = "format: 1\nendpoints:\n  '*': {alarm_budget: 1 a week, floor: 0.2}\n"
    of_file = judged(rows(500, 7), app=DriftApplication(choices=file), settings=settings)
    found = of_file.result("drift").extra_data
    assert (found["budget"]["words"], found["floor"]) == ("1 a week", 0.2)
    app = DriftApplication("3 a year", 0.4, choices=file)
    found = judged(rows(500, 7), app=app, settings=settings).result("drift").extra_data
    assert (found["budget"]["words"], found["floor"]) == ("3 a year", 0.4)
    other = extra(rows(500, 7), "floor: 0.2", settings=settings)
    assert (other["budget"]["words"], other["floor"]) == ("2 a year", 0.2)


def test_a_section_for_another_endpoint_says_nothing() -> None:
    app = chosen("ignore: [age]", pattern="fraud-*")
    assert "choices" not in judged(rows(500, 2), app=app).result("drift").extra_data


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("nowhere.yaml", "choices: 'nowhere.yaml' can't be read"),
        (
            "format: 1\nendpoints: {a: {floor: 7}}\n",
            "drift file:\nline 2: error: endpoints.a.floor: 7 must be",
        ),
        (7, "choices: must be its text or the path of a file, got 7"),
    ],
)
def test_a_file_that_is_none_is_refused_when_the_app_is_made(file: Any, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        DriftApplication(choices=file)
    assert words in str(raised.value)


def test_a_file_may_be_given_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "drift.yaml"
    path.write_text("format: 1\nendpoints: {evaluate: {ignore: [age]}}\n", encoding="utf-8")
    app = DriftApplication(choices=path)
    judged(rows(500, 2, shift=1), app=app).assert_status("drift", "no_detection")
    path.write_text("format: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"drift file .*drift.yaml:\nline 1: error: endpoints"):
        DriftApplication(choices=path)


def test_a_private_column_is_named_nowhere_in_what_was_chosen() -> None:
    lines = "ignore: [city]\n    weights: {age: 2}\n    floors: {late: 0.3}"
    written = json.dumps(extra(rows(500, 8), lines))
    shown = shown_extra(Settings(project="p", private="city, age, late"), written)
    assert not any(word in shown for word in ("city", 'age"', 'late"'))
    assert json.loads(shown)["choices"]["ignored_features"] == 1


# --- live


@pytest.fixture
def bed(tmp_path: Path) -> Any:
    bed = Bed(tmp_path)
    yield bed
    bed.close()


async def _live(bed: Bed, sample: pd.DataFrame) -> list[Any]:
    await feed(bed, bed.publish(*[event(row, number) for number, row in enumerate(rows_of(sample))]))
    stage = AppStage(DriftApplication(), bed.settings, bed._acknowledge, DRIFT)
    await stage.accept(Message(0, 0, ENDPOINT, wire.write_app_event(ASK)))
    await stage.close()
    consumer = open_stream(bed.settings.writer_url, bed.settings.writer_partitions).consumer("reader")
    (message,) = consumer.poll(10, 0)
    consumer.close()
    return wire.read_report(message.body)


def test_the_version_that_judged_its_budget_and_its_choices_stand_in_the_result_and_the_sums(
    bed: Bed,
) -> None:
    register(bed)
    records = open_records(bed.settings)
    with records.write() as connection:
        file = (
            "format: 1\nendpoints:\n  '*': {alarm_budget: 1 a week, ignore: [kind], floors: {amount: 0.3}}\n"
        )
        drift_files.set_file(connection, file, "ada", 1)
        for name in (DRIFT, "data-quality"):
            registry.register_app(connection, name, None, 0)
    records.close()
    first, *_, answer = run(_live(bed, frame(200, 5)))
    told = json.loads(first.content.extra_data)
    assert told["choices"]["version"] == 1
    assert told["choices"]["ignored"] == ["kind"]
    assert told["budget"]["words"] == "1 a week"
    assert 0 < told["budget"]["split"]["data-quality"] < 1, "the apps of the endpoint share it still"
    names = ["amount", "age", "kind", "member", *frame(1, 0).columns]
    weights, floors = np.frombuffer(answer.content.sums.chosen).reshape(2, -1)
    assert weights.tolist().count(0.0) == 1
    assert weights[names.index("kind")] == 0.0
    assert floors[names.index("amount")] == 0.3
