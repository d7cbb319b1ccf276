"""Estimates that recent actuals recalibrate, and how they have fared, by windows in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.honesty.judged_windows import Trained, results, trained
from tests.honesty.models import BINARY, NUMBERS, binary, numbers, timed
from tests.honesty.streams import seeded

from modelmon.apps import ModelPerformanceApplication
from modelmon.ledger.records import records_at
from modelmon.sql.database import Database
from modelmon.views.result_evidence import evidence_of

ROWS = 400
ESTIMATED = "estimated_performance"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Database]:
    database = records_at(f"sqlite:///{tmp_path}/records.db", durability="process")
    yield database
    database.close()


@pytest.fixture(scope="module")
def known() -> Trained:
    made = trained(timed(binary(seeded("recalibrated known"), 5000), ROWS), BINARY)
    return replace(made, endpoint=replace(made.endpoint, performance_hash="a" * 64))


def rows(seed: int, *, wrong: float = 0.3, mature: float = 1.0) -> pd.DataFrame:
    return binary(seeded("recalibrated", seed), ROWS, wrong=wrong, mature=mature)


def judged(ledger: Database, known: Trained, hour: int, frame: pd.DataFrame, revision: int = 1) -> Any:
    app = ModelPerformanceApplication(0.03)
    found = results(app, frame, known, hour=hour, database=ledger, revision=revision)
    return found[ESTIMATED].extra_data


def test_after_actuals_that_contradict_the_reference_scores_mean_what_these_say(
    ledger: Database, known: Trained
) -> None:
    first = judged(ledger, known, 0, rows(0))
    assert (first["scores"]["from"], first["scores"]["rows"], "record" in first) == ("reference", 0, False)
    assert not first["realised"]["accuracy"]["within"]
    for hour in (1, 2, 3):
        judged(ledger, known, hour, rows(hour))
    waiting, then = judged(ledger, known, 4, rows(4, mature=0.0)), rows(4)
    right = float((then["late"] == then["actual.late"]).mean())
    assert waiting["scores"]["from"] == "recent actuals"
    assert waiting["scores"]["rows"] == 4 * ROWS
    assert "recent rows" in waiting["assumption"]
    assert "realised" not in waiting
    assert waiting["values"]["accuracy"]["low"] < right < waiting["values"]["accuracy"]["high"]
    record = waiting["record"]["accuracy"]
    assert (record["windows"], len(record["last"])) == (4, 4)
    assert [each["start"][11:16] for each in record["last"]] == ["03:00", "02:00", "01:00", "00:00"]
    assert record["last"][-1]["estimated"] == first["values"]["accuracy"]["value"]
    assert record["last"][-1]["realised"] == first["realised"]["accuracy"]["realised"]


def test_what_estimates_stand_on_and_how_they_fared_is_said_in_words(
    ledger: Database, known: Trained
) -> None:
    for hour in range(4):
        judged(ledger, known, hour, rows(hour))
    said = evidence_of(judged(ledger, known, 4, rows(4, mature=0.0))).found
    assert any("they are taken as 1,600 recent rows with actuals say" in each for each in said)
    assert any("last 4 windows with actuals: estimates off by" in each for each in said)


def test_a_window_judged_again_keeps_the_map_of_its_first_estimate(ledger: Database, known: Trained) -> None:
    waiting = judged(ledger, known, 9, rows(9, mature=0.0))
    for hour in range(5):
        judged(ledger, known, hour, rows(hour))
    again = judged(ledger, known, 9, rows(9), revision=2)
    assert again["values"]["accuracy"]["value"] == waiting["values"]["accuracy"]["value"]
    assert again["scores"]["from"] == "reference"
    later = judged(ledger, known, 10, rows(10, mature=0.0))
    assert later["scores"]["from"] == "recent actuals"
    assert judged(ledger, known, 10, rows(10), revision=2)["scores"] == later["scores"]


@pytest.mark.parametrize("wrong", [0.0, 0.3])
def test_the_first_actuals_of_a_window_change_no_later_estimate(
    ledger: Database, known: Trained, wrong: float
) -> None:
    for hour in range(4):
        judged(ledger, known, hour, rows(hour, wrong=wrong, mature=0.5))
    found = judged(ledger, known, 4, rows(4))
    assert (found["scores"]["from"], found["scores"]["rows"]) == ("reference", 0)


def test_actuals_that_agree_leave_the_estimate_as_it_was(ledger: Database, known: Trained) -> None:
    for hour in range(5):
        judged(ledger, known, hour, rows(hour, wrong=0.0))
    found, alone = (judged(*at) for at in ((ledger, known, 5, rows(5)), (None, known, 5, rows(5))))
    assert (found["scores"]["from"], found["scores"]["rows"]) == ("reference", 5 * ROWS)
    assert found["values"] == alone["values"]


def test_windows_of_another_reference_say_nothing(ledger: Database, known: Trained) -> None:
    for hour in range(5):
        judged(ledger, known, hour, rows(hour))
    other = replace(known, endpoint=replace(known.endpoint, performance_hash="b" * 64))
    found = judged(ledger, other, 5, rows(5))
    assert (found["scores"]["rows"], "record" in found) == (0, False)


def test_estimates_of_numbers_have_a_record_too(ledger: Database) -> None:
    known = trained(timed(numbers(seeded("recalibrated numbers"), 5000), ROWS), NUMBERS)
    for hour in range(3):
        judged(ledger, known, hour, numbers(seeded("recalibrated numbers", hour), ROWS))
    found = judged(ledger, known, 3, numbers(seeded("recalibrated numbers", 3), ROWS))
    assert found["record"]["mae"]["windows"] == 3
    assert "scores" not in found
