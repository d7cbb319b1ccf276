"""What a result stands on is shown, whichever app said it; and what no app says is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelmon.apps import (
    ConceptDriftApplication,
    DataQualityApplication,
    DriftApplication,
    ModelPerformanceApplication,
    ServiceApplication,
)
from modelmon.apps.base import ModelMonitoringApplicationBase
from modelmon.charts import bullet
from modelmon.model_task import ModelTask, TaskKind
from modelmon.pages.rendering import render
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.testing import run_app
from modelmon.views.result_evidence import Evidence, evidence_of
from modelmon.views.results_in_words import extra_data

START = datetime(2026, 11, 30, tzinfo=UTC)


def frame(many: int, seed: int, **columns: Any) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    made = {
        "age": random.normal(40, 10, many),
        "city": random.choice(["Rome", "Oslo"], many),
        "latency": 2_000,
    }
    return pd.DataFrame({**made, **columns})


def results(app: ModelMonitoringApplicationBase, sample: pd.DataFrame) -> dict[str, Evidence]:
    training = frame(2_000, 1).drop(columns="latency")
    found = run_app(app, sample, training, start=START, end=START + timedelta(hours=1))
    return {each.name: evidence_of(each.extra_data) for each in found.outputs if hasattr(each, "status")}


@pytest.mark.parametrize("app", [DataQualityApplication(), DriftApplication(), ServiceApplication(slow_ms=1)])
def test_every_result_of_an_app_with_a_budget_tells_what_it_stands_on(app: Any) -> None:
    for sample in (frame(500, 2), frame(500, 2, age=["x"] * 100 + [1.0] * 400, latency=90_000)):
        for name, evidence in results(app, sample).items():
            assert evidence, name
            assert evidence.found or evidence.why, name
            assert evidence.budget.endswith("windows may alarm falsely"), name
            assert evidence.next, name
            verdict = evidence.state or (evidence.compared and evidence.why and evidence.power)
            assert verdict, name


@pytest.mark.parametrize("moved", [0.0, 2.0])
def test_every_verdict_on_how_right_a_model_is_tells_what_it_stands_on(moved: float) -> None:
    task = ModelTask(TaskKind.binary, "late", ("chance",), "true")
    training, sample = flights(1, 4_000), flights(2, 500, moved)
    for app in (ModelPerformanceApplication(), ConceptDriftApplication()):
        found = run_app(app, sample, training, label_names=["late", "chance"], task=task)
        told = {each.name: evidence_of(each.extra_data) for each in found.outputs if hasattr(each, "status")}
        for name, each in told.items():
            assert all((each.compared, each.why, each.power, each.budget, each.next)), (name, each)
            assert each.compared.endswith(" of the window with 4,000 rows of the training set"), name


def test_what_is_broken_has_its_threshold_its_rows_and_what_to_look_at() -> None:
    sample = frame(500, 2, age=["x"] * 100 + [1.0] * 400)
    evidence = results(DataQualityApplication(), sample)["invalid_types"]
    assert evidence.found[0].startswith("age: 100 of 500 rows (20 %) are of another type")
    assert evidence.why.startswith("broken from ")
    assert evidence.power[0].endswith("would have been seen with 90 %")
    assert evidence.calibration == "assumed independent"
    assert [row["age"] for row in evidence.examples] == ["x", "x", "x"]
    assert evidence.next.startswith("Look at the example rows")


def test_the_page_shows_all_of_it_open_where_there_is_trouble() -> None:
    evidence = results(DataQualityApplication(), frame(500, 2, age=["<b>"] * 100 + [1.0] * 400))[
        "invalid_types"
    ]
    for status, is_open in ((2, True), (0, False)):
        html = render("evidence.html", each={"evidence": evidence, "status": status}, root="")
        assert ("<details open>" in html) == is_open
        for words in ("Compared", "Threshold", "Would have seen", "Budget", "Row", "Next"):
            assert f"<dt>{words}</dt>" in html
        assert "<b>" not in html


def flights(seed: int, rows: int, wind: float = 0.0) -> pd.DataFrame:
    """Predictions with what came true; where `wind` is not 0 the model is wrong more often."""
    random = np.random.default_rng(seed)
    blows = random.normal(wind, 1, rows)
    chance = 1 / (1 + np.exp(3 - 2 * blows))
    came = pd.Series(random.random(rows) < chance, dtype=object)
    times = pd.date_range(START, periods=rows, freq="s")
    return pd.DataFrame(
        {"wind": blows, "late": chance > 0.5, "chance": chance, "actual.late": came, "timestamp": times}
    )


def test_what_is_said_of_performance_is_told_with_the_causes_it_sends_people_to() -> None:
    task = ModelTask(TaskKind.binary, "late", ("chance",), "true")
    labels = ["late", "chance"]
    app = ModelPerformanceApplication(alarm_budget=0.03)
    worse = run_app(app, flights(2, 1500, wind=1.5), flights(1, 4000), label_names=labels, task=task)
    told = evidence_of(worse.result("performance").extra_data)
    assert "worse than the reference" in told.found[0]
    assert "the causes and the slices" in told.next
    assert told.causes[0].startswith("`wind` moved and raised the loss")
    early = flights(3, 500).assign(**{"actual.late": None})
    concept = run_app(ConceptDriftApplication(), early, flights(1, 4000), label_names=labels, task=task)
    assert evidence_of(concept.result("concept_drift").extra_data).state == "no actuals"


def test_the_slices_in_which_a_model_is_bad_and_what_concept_drift_found_are_told() -> None:
    detail = {"finding": "0.3 less", "slices": {"city": [{"words": "`city` Rome"}, 3], "age": {"words": "x"}}}
    told = evidence_of(detail)
    assert (told.found, told.causes) == (("0.3 less",), ("`city` Rome",))


def test_many_features_that_moved_without_harm_hide_no_slice() -> None:
    harmless = {f"x{number}": {"words": "moved", "harmful": False} for number in range(7)}
    causes = {**harmless, "wind": {"words": "`wind` raised it", "harmful": True}}
    told = evidence_of({"causes": causes, "slices": {"city": [{"words": "`city` Rome"}]}}).causes
    assert told[:2] == ("`wind` raised it", "`city` Rome")
    assert told[2:] == ("moved without harm that could be seen: `x0`, `x1`, `x2`, `x3`, `x4` and 2 more",)


def test_what_a_window_was_compared_with_stands_with_what_that_cannot_see() -> None:
    rows = pd.DataFrame({"x": np.arange(100.0)})
    told = evidence_of(run_app(DriftApplication(reference="recent"), rows, rows).result("drift").extra_data)
    assert told.state == "learning"
    assert told.compared.startswith("the four weeks that ended a week ago")
    html = render("stands_on.html", each={"evidence": told, "status": 0}, root="")
    assert "<dt>Does not see</dt><dd>slow changes: what moves by less than the floor" in html


def test_a_budget_of_no_words_of_the_users_stands_without_quotes() -> None:
    budget = {"words": "its half of the app's part", "probability": 0.001}
    told = evidence_of({"budget": budget}).budget
    assert told == "its half of the app's part: 1 of 1,000 windows may alarm falsely"
    own = evidence_of({"budget": {"words": "1 a month", "probability": 0.001, "share": 0.25}}).budget
    assert own == "25 % of '1 a month': 1 of 1,000 windows may alarm falsely"


def test_names_in_backticks_are_marked_as_code() -> None:
    told = Evidence(found=("`a<b` moved",), causes=("`wind` raised the loss",), next="look")
    html = render("evidence.html", each={"evidence": told, "status": 2}, root="")
    assert "<code>a&lt;b</code> moved" in html
    assert "<dt>Where from</dt><dd><code>wind</code> raised the loss</dd>" in html


def test_of_a_private_column_nothing_is_shown() -> None:
    settings = Settings(project="p", private="city")
    sample = frame(500, 2, city=["secret-name"] * 500)
    found = run_app(DataQualityApplication(), sample, frame(2_000, 1), settings=settings)
    unseen = found.result("unseen_categories").extra_data
    import msgspec

    shown = evidence_of(extra_data(shown_extra(settings, msgspec.json.encode(unseen).decode())))
    assert shown
    assert "city" not in repr(shown).replace("(private)", "")
    assert "secret-name" not in repr(shown)


@pytest.mark.parametrize(
    "detail",
    [
        {}, {"found": 7, "why": None, "broken": "all", "budget": [1], "calibration": 3, "least_changes": [2]},
        {"broken": [1, {"found": 2, "examples": [3, {"a": None}]}], "findings": {"a": "text"}},
        {"budget": {"words": "1 a month", "probability": float("nan")}},
    ],
)  # fmt: skip
def test_other_extra_data_of_other_apps_break_nothing(detail: dict[str, Any]) -> None:
    assert not evidence_of(detail).found
    assert not evidence_of(detail).why


def test_a_value_that_is_not_judged_has_no_colour() -> None:
    assert 'class="value unjudged"' in bullet(0.9, label="unseen", judged=False)
    assert 'class="value calm"' in bullet(0.9, label="unseen")
    assert 'class="value unjudged"' in bullet(0.9, label="unseen", detected=0.5, judged=False)
