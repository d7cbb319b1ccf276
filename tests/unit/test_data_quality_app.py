"""The data quality app: a result for each kind of trouble, its words and rows, and what has no verdict."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelmon.apps import DataQualityApplication, ResultKindApp
from modelmon.apps.data_quality import RESULTS
from modelmon.errors import ConfigError
from modelmon.ledger import contracts as ledger
from modelmon.ledger import registry
from modelmon.model import ValuePoint
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.testing import Judgement, run_app
from unit.test_apps_stage import Project, project  # noqa: F401 - a fixture

START = datetime(2026, 11, 30, 12, tzinfo=UTC)


def rows(many: int = 500, seed: int = 2, **columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "temperature": random.normal(15, 5, many),
            "carrier": random.choice(["AA", "B6", "UA"], many),
            "late": random.integers(0, 2, many),
            "request_id": [f"r{number}" for number in range(many)],
            "timestamp": pd.date_range(START, periods=many, freq="s"),
        }
    )
    return made.assign(**columns)


TRAINING = rows(20_000, 1).drop(columns=["request_id", "timestamp"])
TIMES = pd.date_range(START - timedelta(days=60), periods=20_000, freq="3min")
TIMED = TRAINING.assign(timestamp=TIMES)


def judged(sample: Any, **arguments: Any) -> Judgement:
    app = arguments.pop("app", None) or DataQualityApplication()
    given = {"label_names": ["late"], "start": START, "end": START + timedelta(hours=1), **arguments}
    return run_app(app, sample, given.pop("reference", TRAINING), **given)


def first(share: float, value: Any, of: Any) -> list[Any]:
    return [value if place < share * len(of) else each for place, each in enumerate(of)]


def test_rows_that_keep_the_contract_are_calm_in_every_result() -> None:
    found = judged(rows())
    names = [each.name for each in found.outputs]
    assert names == [*(name for name in RESULTS if name != "duplicate_rows"), "broken_rules"]
    for name in names[:-1]:
        result = found.result(name)
        assert result.kind == ResultKindApp.mm_app_anomaly
        assert result.status.name == ("irrelevant" if name == "constant_features" else "no_detection"), name
    assert found.metric("broken_rules").value == 0


def test_what_came_true_is_no_new_column() -> None:
    sample = rows().assign(**{"actual.late": 1})
    judged(sample).assert_status("schema", "no_detection")


def test_the_worst_column_is_named_with_what_was_found_allowed_and_a_few_rows() -> None:
    sample = rows()
    sample["carrier"] = first(0.07, None, sample["carrier"])
    found = judged(sample).assert_status("missing_values", "potential_detection")
    extra = found.extra_data
    assert (found.value, extra["feature"], extra["rule"], extra["rows"]) == (0.07, "carrier", "missing", 500)
    assert extra["found"].startswith("carrier: 35 of 500 rows (7 %) have no value, at most ")
    assert "the contract that its training set suggests" in extra["compared"]
    assert 0 < extra["potential_threshold"] < 0.07
    assert "the equal part of each of" in extra["why"]
    assert "would have been seen with 90 %" in extra["power"]
    assert extra["budget"]["words"] == "1 a month"
    assert extra["calibration"]["how"] == "assumed independent"
    assert extra["next"].startswith("Look when it began")
    (broken,) = extra["broken"]
    assert (broken["column"], broken["hits"], broken["importance"]) == ("carrier", 35, "warning")
    assert broken["examples"][0] == {
        "timestamp": "2026-11-30T12:00:00+00:00", "request_id": "r0", "carrier": None,
    }  # fmt: skip
    assert len(broken["examples"]) == 3
    json.dumps(extra)


def test_a_type_that_is_wrong_is_detected_and_its_values_are_shown_as_they_are() -> None:
    sample = rows()
    sample["temperature"] = [*["n/a"] * 20, *sample["temperature"].astype(str)[20:]]
    found = judged(sample, reference=TIMED).assert_status("invalid_types", "detected")
    assert found.extra_data["calibration"]["how"] == "by time"
    assert found.extra_data["broken"][0]["examples"][0]["temperature"] == "n/a"
    judged(sample).assert_status("missing_values", "no_detection")


def test_what_is_wrong_with_rows_is_suspected_at_most_where_nobody_knows_how_they_vary() -> None:
    sample = rows()
    sample["temperature"] = [*["n/a"] * 20, *sample["temperature"].astype(str)[20:]]
    found = judged(sample).assert_status("invalid_types", "potential_detection").extra_data
    assert "potential_threshold" in found
    assert "detected_threshold" not in found
    meant = "format: 1\ncolumns:\n  temperature: {type: number}\n"
    own = judged(sample, app=DataQualityApplication(contract=meant))
    own.assert_status("invalid_types", "detected")


def test_gaps_that_come_in_clusters_as_in_training_are_no_news_where_its_times_are_known() -> None:
    random = np.random.default_rng(5)
    begins = np.flatnonzero(random.random(20_000) < 0.002)
    gap = np.zeros(20_000, dtype=bool)
    for begin in begins:
        gap[begin : begin + 5] = True
    clusters = TIMED.assign(temperature=TIMED["temperature"].mask(gap))
    sample = rows(200)
    sample.loc[:14, "temperature"] = None
    judged(sample, reference=clusters).assert_status("missing_values", "no_detection")
    untimed = clusters.drop(columns="timestamp")
    judged(sample, reference=untimed).assert_status("missing_values", "potential_detection")
    gone = rows(200).assign(carrier=None)
    judged(gone, reference=clusters).assert_status("missing_values", "potential_detection")


def test_a_column_that_is_gone_and_one_that_is_new_are_told_apart() -> None:
    gone = judged(rows().drop(columns="temperature")).assert_status("schema", "detected")
    assert gone.extra_data["found"] == "temperature: none of 500 rows has a value"
    assert gone.value == 1.0
    new = judged(rows(altitude=1.0)).assert_status("schema", "potential_detection")
    assert (new.value, new.extra_data["found"]) == (1.0, "new columns: altitude")
    assert new.extra_data["potential_threshold"] == 1.0


def test_as_many_rows_are_shown_as_were_asked_for() -> None:
    for examples in (0, 1, 20):
        found = judged(
            rows().drop(columns="carrier").assign(carrier=None), app=DataQualityApplication(examples=examples)
        )
        (broken,) = found.result("missing_values").extra_data["broken"]
        assert len(broken.get("examples", [])) == examples


@pytest.mark.parametrize("to_arrow", [False, True], ids=["pandas", "arrow"])
def test_both_libraries_have_one_verdict(to_arrow: bool) -> None:
    sample = rows()
    sample["temperature"] = first(0.1, 99.0, sample["temperature"])
    given = pa.Table.from_pandas(sample, preserve_index=False) if to_arrow else sample
    assert judged(given).outputs == judged(sample).outputs


CONTRACT = """
format: 1
rows: {new_columns: allowed, duplicates: 0 %}
columns:
  temperature: {type: number, range: [-30, 50], missing: 1 %}
  carrier: {values: [AA, B6, UA], importance: {unseen: info}}
"""


def test_a_contract_that_was_given_is_what_counts(tmp_path: Path) -> None:
    file = tmp_path / "contract.yaml"
    file.write_text(CONTRACT)
    sample = rows()
    sample["temperature"] = first(0.002, 60.0, sample["temperature"])
    for given in (CONTRACT, file, str(file)):
        found = judged(sample, app=DataQualityApplication(given))
        outside = found.assert_status("outside_range", "detected")
        assert outside.extra_data["found"].endswith("(0.2 %) lie outside its range, none may")
        assert outside.extra_data["why"] == "the contract allows none: one row breaks it"
        assert found.metric("broken_rules").value == 1
        assert "constant_features" not in [each.name for each in found.outputs], "no rule asks for it"


def test_what_is_only_shown_is_no_green_light() -> None:
    found = judged(rows(carrier="ZZ"), app=DataQualityApplication(CONTRACT))
    unseen = found.assert_status("unseen_categories", "irrelevant")
    assert unseen.extra_data["state"] == "shown only"
    assert unseen.extra_data["shown"][0]["found"].startswith("carrier: 500 of 500 rows (100 %)")
    assert found.metric("broken_rules").value == 0


def test_few_rows_are_warming_up_unless_they_are_broken_already() -> None:
    found = judged(rows(10))
    found.assert_status("invalid_types", "irrelevant")
    assert found.result("invalid_types").extra_data["state"] == "warming up"
    broken = judged(rows(10).drop(columns="temperature"))
    broken.assert_status("schema", "detected")


def test_an_incomplete_window_has_no_verdict_and_a_partial_one_is_suspected_at_most() -> None:
    sample = rows().drop(columns="temperature")
    incomplete = judged(sample, window_incomplete=2).assert_status("schema", "irrelevant")
    assert incomplete.extra_data["state"] == "incomplete"
    partial = judged(sample, window_incomplete=6).assert_status("schema", "potential_detection")
    assert partial.extra_data["state"] == "partial"


def test_without_a_training_set_there_is_no_verdict_and_a_contract_makes_one() -> None:
    found = judged(rows(), reference=None)
    for name in RESULTS:
        assert found.assert_status(name, "irrelevant").extra_data["state"] == "no reference"
    judged(rows(), reference=None, app=DataQualityApplication(CONTRACT)).assert_status(
        "outside_range", "no_detection"
    )


def test_private_columns_are_judged_and_none_of_their_values_is_told() -> None:
    settings = Settings(project="p", private="carrier")
    sample = rows()
    sample["carrier"] = first(0.2, "secret-name", sample["carrier"])
    found = judged(sample, settings=settings, app=DataQualityApplication())
    unseen = found.assert_status("unseen_categories", "potential_detection")
    told = json.dumps(unseen.extra_data)
    assert "secret-name" not in told
    shown = shown_extra(settings, told)
    assert "carrier" not in shown
    assert "(private)" in shown
    kept = judged(sample, settings=settings, app=DataQualityApplication(CONTRACT.replace("unseen: info", "")))
    assert "secret-name" not in json.dumps(kept.result("unseen_categories").extra_data)


def test_a_column_that_becomes_private_later_is_shown_nowhere() -> None:
    sample = rows()
    sample["carrier"] = first(0.2, "secret-name", sample["carrier"])
    told = json.dumps(judged(sample).result("unseen_categories").extra_data)
    assert "secret-name" in told
    assert "secret-name" not in shown_extra(Settings(project="p", private="carrier"), told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"contract": "nowhere.yaml"}, "contract: 'nowhere.yaml' can't be read: "),
        ({"contract": 5}, "contract: must be its text or the path of a file, got 5"),
        ({"contract": "a\0b"}, "can't be read: embedded null byte"),
        ({"contract": "format: 1\ncolumns: {a: {tipe: text}}\n"}, "did you mean type"),
        ({"alarm_budget": "often"}, "alarm_budget"),
        ({"min_rows": -1}, "min_rows: must be a whole number"),
        ({"examples": 21}, "examples: must be a whole number from 0 to 20, got 21"),
        ({"examples": True}, "examples: must be a whole number"),
    ],
)
def test_what_can_not_be_is_told_at_the_start(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        DataQualityApplication(**arguments)


# --- live: which contract counts


def live(project: Project, app: DataQualityApplication | None = None) -> dict[str, Any]:  # noqa: F811
    report = project.judge(app or DataQualityApplication(alarm_budget="0.01"))[-1]
    points = [each.content for each in report if isinstance(each.content, ValuePoint)]
    return {each.name: (each.status, json.loads(each.extra_data)) for each in points}


def test_the_newest_contract_that_was_set_judges_the_next_window(project: Project) -> None:  # noqa: F811
    app = DataQualityApplication(alarm_budget="0.01")
    status, extra = live(project, app)["outside_range"]
    assert (status, extra["contract"]["version"]) == (0, 0)
    subject = ledger.subject_of_endpoint("e1")
    for number, limit in enumerate((10, 1_000), start=1):
        with project.database.write() as connection:
            text = f"format: 1\ncolumns:\n  x: {{range: [0, {limit}]}}\n"
            ledger.set_contract(connection, subject, text, "ada", number)
        status, extra = live(project, app)["outside_range"]
        assert (status, extra["contract"]["version"]) == (2 if limit == 10 else 0, number)
        assert "set by ada" in extra["contract"]["words"]


def test_a_contract_that_can_not_be_read_fails_the_window_and_says_so(project: Project) -> None:  # noqa: F811
    subject = ledger.subject_of_endpoint("e1")
    with project.database.write() as connection:
        ledger.set_contract(connection, subject, "format: 9\ncolumns: {}\n", "ada", 1)
    (report,) = project.judge(DataQualityApplication(alarm_budget="0.01"))
    assert "is no format that this version reads" in report[-1].content.error  # type: ignore[union-attr]


def test_where_the_drift_app_runs_what_it_judges_is_only_shown(project: Project) -> None:  # noqa: F811
    assert live(project)["missing_values"][0] == 0
    with project.database.write() as connection:
        registry.register_app(connection, "drift", None, 0)
    status, extra = live(project)["missing_values"]
    assert (status, extra["state"]) == (-1, "shown only")
    assert live(project)["invalid_types"][0] == 0
