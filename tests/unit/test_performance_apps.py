"""The apps model-performance and concept-drift: what they say of a window, and why they say nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelmon.apps import ConceptDriftApplication, ModelPerformanceApplication
from modelmon.errors import ConfigError
from modelmon.model_task import ModelTask, TaskKind
from modelmon.settings import Settings
from modelmon.stats.performance.rows import TaskRows
from modelmon.testing import Judgement, run_app
from modelmon.views.result_evidence import evidence_of

PAGE = (Path(__file__).parents[2] / "docs/reference/performance-apps.md").read_text(encoding="utf-8")
BINARY = ModelTask(TaskKind.binary, "late", ("chance",), "true")
NUMBERS = ModelTask(TaskKind.regression, "delay")
SEVERAL = ModelTask(TaskKind.multiclass, "kind", ("p_a", "p_b", "p_c"), "", ("a", "b", "c"))


def expit(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def window(
    seed: int, rows: int, *, shift: float = 0.0, base: float = 0.0, bad: float = 0.0, mature: float = 1.0
) -> pd.DataFrame:
    """Late flights: `wind` may move, the base rate too, and one city in ten may be `bad`."""
    random = np.random.default_rng(seed)
    wind, hour = random.normal(shift, 1, rows), random.normal(0, 1, rows)
    city = random.choice(["Bern", "Oslo", "Rome"], rows, p=[0.6, 0.3, 0.1])
    logit = 2 * wind - 3
    turned = random.random(rows) < bad * (city == "Rome")
    late = (random.random(rows) < expit(logit + base)) ^ turned
    came = pd.Series(late, dtype=object).where(random.random(rows) < mature, None)
    times = pd.date_range("2025-01-01", periods=rows, freq="min", tz="UTC")
    return pd.DataFrame(
        {"wind": wind, "hour": hour, "city": city, "late": logit > 0, "chance": expit(logit),
         "actual.late": came, "timestamp": times}
    )  # fmt: skip


def stormy(seed: int, days: int, rows: int = 300) -> pd.DataFrame:
    """As `window`, where each day has a base rate of its own, of which no input knows."""
    random = np.random.default_rng(seed)
    parts = [window(seed * 1000 + day, rows, base=2 * random.normal()) for day in range(days)]
    times = pd.date_range("2025-01-01", periods=days * rows, freq="288s", tz="UTC")
    return pd.concat(parts, ignore_index=True).assign(timestamp=times)


REFERENCE = window(0, 10_000)
LABELS = ["late", "chance"]


def judged(
    sample: pd.DataFrame, reference: Any = REFERENCE, task: ModelTask | None = BINARY, **arguments: Any
) -> Judgement:
    settings = arguments.pop("settings", None)
    app = ModelPerformanceApplication(alarm_budget=0.03, **arguments)
    labels = list(task.answers) if task else LABELS
    return run_app(app, sample, reference, label_names=labels, task=task, settings=settings)


def concept(
    sample: pd.DataFrame, reference: Any = REFERENCE, task: ModelTask = BINARY, **arguments: Any
) -> Judgement:
    app = ConceptDriftApplication(alarm_budget=0.01, **arguments)
    return run_app(app, sample, reference, label_names=list(task.answers), task=task)


def test_a_model_that_is_as_it_was_is_calm_and_says_what_it_would_have_shown() -> None:
    found = judged(window(1, 500))
    result = found.assert_status("performance", "no_detection")
    accuracy = result.extra_data["values"]["accuracy"]
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert accuracy["value"] == found.metric("accuracy").value
    assert 0 < accuracy["least"] < 0.12
    assert result.extra_data["budget"]["words"]
    assert result.extra_data["calibration"] == {"how": "by time"}
    assert set(result.extra_data["slices"]) <= {"wind"}  # near its threshold a model is less sure
    assert result.extra_data["causes"] == {}
    assert found.metric("maturity").value == 1
    estimate = found.assert_status("estimated_performance", "no_detection")
    assert estimate.extra_data["realised"]["accuracy"]["within"]
    assert "assum" not in estimate.extra_data["why"]
    assert "has not changed" in estimate.extra_data["assumption"]


@pytest.mark.slow
def test_a_model_that_is_worse_is_detected_with_its_cause() -> None:
    found = judged(window(2, 500, shift=1.5))
    result = found.assert_status("performance", "detected")
    assert result.value >= 1
    causes = result.extra_data["causes"]
    assert [name for name, each in causes.items() if each["harmful"]] == ["wind"]
    assert "raised the loss" in causes["wind"]["words"]
    estimate = found.assert_status("estimated_performance", "potential_detection")
    assert list(estimate.extra_data["causes"]) == ["wind"]
    assert concept(window(2, 500, shift=1.5)).assert_status("concept_drift", "no_detection")


@pytest.mark.slow
def test_the_world_that_changes_is_concept_drift_and_the_estimate_does_not_see_it() -> None:
    sample = window(3, 500, base=2.0)
    found = concept(sample).assert_status("concept_drift", "detected")
    assert found.extra_data["excess"] > 0.05
    assert found.extra_data["least_excess"] < found.extra_data["excess"]
    estimate = judged(sample).assert_status("estimated_performance", "no_detection")
    assert not estimate.extra_data["realised"]["accuracy"]["within"]


@pytest.mark.slow
def test_without_twenty_times_the_rows_of_the_window_worse_is_suspected_and_says_why() -> None:
    sample = window(3, 501, shift=1.5, base=2.0)
    for result in (judged(sample).result("performance"), concept(sample).result("concept_drift")):
        assert result.status.name == "potential_detection"
        assert result.extra_data["calibration"] == {"how": "too little reference"}
        assert "fewer than 20 stretches as long as this window" in result.extra_data["why"]
        assert "a longer training set" in result.extra_data["next"]
        assert "detected_threshold" not in result.extra_data


@pytest.mark.slow
def test_days_that_always_differed_are_no_concept_drift() -> None:
    """A timetable knows no storms: whole days are late, in the training set as after it."""
    reference = stormy(0, days=60)
    found = concept(stormy(3, days=1), reference).assert_status("concept_drift", "no_detection")
    assert found.extra_data["excess"] > 0.4
    assert found.extra_data["calibration"] == {"how": "by time"}
    calm = concept(window(1, 300)).assert_status("concept_drift", "no_detection")
    assert found.extra_data["least_excess"] > 2 * calm.extra_data["least_excess"]
    assert evidence_of(calm.extra_data).power[0].endswith("more or less would have been seen with 90 %")


@pytest.mark.slow
def test_the_slice_in_which_it_is_bad_is_named() -> None:
    slices = judged(window(4, 6000, bad=0.6)).result("performance").extra_data["slices"]
    (rome,) = slices["city"]
    assert rome["cell"] == "Rome"
    assert rome["loss"] > rome["elsewhere"] + 0.2
    assert rome["share"] == pytest.approx(0.1, abs=0.02)
    hidden = judged(window(4, 6000, bad=0.6), settings=Settings(private="city")).result("performance")
    assert "Rome" not in str(hidden.extra_data)


@pytest.mark.slow
@pytest.mark.parametrize(("mature", "state"), [(0.0, "no actuals"), (0.3, "warming up"), (0.9, "warming up")])
def test_until_the_actuals_have_come_there_is_no_verdict_but_an_estimate(mature: float, state: str) -> None:
    sample = window(5, 500, mature=mature, shift=1.5)
    found = judged(sample)
    result = found.assert_status("performance", "irrelevant")
    assert result.extra_data["state"] == state
    assert result.extra_data["maturity"] == pytest.approx(mature, abs=0.05)
    assert ("mean_score" in result.extra_data) == (mature > 0)
    found.assert_status("estimated_performance", "potential_detection")
    assert concept(sample).assert_status("concept_drift", "irrelevant").extra_data["state"] == state
    worse = window(5, 500, mature=mature, shift=1.5, base=3.0)
    judged(worse, maturity=0.2).assert_status("performance", "detected" if mature else "irrelevant")


def test_values_are_shown_while_labels_are_immature() -> None:
    found = judged(window(5, 2000, mature=0.3))
    assert found.metric("accuracy").value > 0.5
    assert "accuracy" in found.result("performance").extra_data["values"]


@pytest.mark.parametrize(
    ("sample", "reference", "task", "state", "estimated"),
    [
        (window(6, 2000), REFERENCE, None, "no task", "no task"),
        (window(6, 2000).drop(columns="chance"), REFERENCE, BINARY, "no answers", "no answers"),
        (window(6, 2000), None, BINARY, "no reference", "no reference"),
        (window(6, 2000), REFERENCE.drop(columns="actual.late"), BINARY, "no reference", "no reference"),
        (window(6, 2000), REFERENCE[:40], BINARY, "small reference", None),
        (window(6, 20), REFERENCE, BINARY, "warming up", "warming up"),
    ],
)
def test_a_window_without_a_verdict_says_why(
    sample: pd.DataFrame, reference: Any, task: ModelTask | None, state: str, estimated: str | None
) -> None:
    found = judged(sample, reference, task)
    result = found.assert_status("performance", "irrelevant")
    assert result.extra_data["state"] == state
    assert f"`{state}`" in PAGE
    if estimated:
        assert found.assert_status("estimated_performance", "irrelevant").extra_data["state"] == estimated


def test_without_time_worse_is_suspected_at_most() -> None:
    reference = REFERENCE.drop(columns="timestamp")
    found = judged(window(2, 3000, shift=1.5), reference).assert_status("performance", "potential_detection")
    assert found.extra_data["calibration"] == {"how": "assumed independent"}
    concept(window(3, 3000, base=2.0), reference).assert_status("concept_drift", "potential_detection")


def test_before_actuals_come_it_says_what_a_verdict_will_rest_on() -> None:
    extra = judged(window(2, 200, mature=0.0)).result("performance").extra_data
    assert (extra["state"], extra["calibration"]) == ("no actuals", {"how": "by time"})
    assert "no time column" not in extra["why"]


def test_answers_that_are_no_classes_are_told_in_words() -> None:
    task = ModelTask(TaskKind.binary, "late", (), "true")
    found = judged(window(7, 500).assign(late=lambda frame: frame["chance"]), REFERENCE, task)
    assert "score='late'" in found.result("performance").extra_data["reason"]


def test_the_name_of_a_private_answer_is_not_told() -> None:
    found = judged(window(7, 500).drop(columns="chance"), settings=Settings(private="chance"))
    extra = found.result("performance").extra_data
    assert extra["state"] == "no answers"
    assert "chance" not in extra["reason"]


def test_what_is_judged_and_not_defined_is_never_green() -> None:
    sample = window(8, 500).assign(**{"actual.late": False})
    found = judged(sample, judged=("recall",)).assert_status("performance", "irrelevant")
    assert found.extra_data["state"] == "warming up"


def numbers(seed: int, rows: int, *, bias: float = 0.0, gaps: bool = False) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    wind = random.normal(0, 1, rows)
    delay = 10 * wind + random.normal(0, 5, rows) + bias
    said = np.where(np.arange(rows) % 50 == 0, np.inf, 10 * wind) if gaps else 10 * wind
    times = pd.date_range("2025-01-01", periods=rows, freq="min", tz="UTC")
    return pd.DataFrame({"wind": wind, "delay": said, "actual.delay": delay, "timestamp": times})


@pytest.mark.slow
def test_a_regression_is_judged_by_its_errors() -> None:
    reference = numbers(0, 5000)
    calm = judged(numbers(1, 1000), reference, NUMBERS)
    calm.assert_status("performance", "no_detection")
    assert calm.metric("mae").value == pytest.approx(4, abs=0.5)
    calm.assert_status("estimated_performance", "no_detection")
    assert calm.metric("estimated_mae").value == pytest.approx(calm.metric("mae").value, abs=0.5)
    biased = judged(numbers(2, 250, bias=4.0), reference, NUMBERS).assert_status("performance", "detected")
    assert biased.extra_data["findings"][0].startswith("bias")
    concept(numbers(2, 250, bias=4.0), reference, NUMBERS).assert_status("concept_drift", "detected")
    concept(numbers(1, 1000), reference, NUMBERS).assert_status("concept_drift", "no_detection")
    odd = judged(numbers(3, 1000, gaps=True), reference, NUMBERS).result("performance").extra_data
    assert odd["invalid_values"] == {"delay": 20}


def test_numbers_whose_squares_no_float_holds_are_missing_and_the_rest_is_judged() -> None:
    sample = numbers(3, 1000)
    sample.loc[:9, "delay"], sample.loc[:9, "actual.delay"] = 1.7e308, -1.7e308
    found = judged(sample, numbers(0, 5000), NUMBERS)
    assert found.result("performance").extra_data["invalid_values"] == {"delay": 10, "actual.delay": 10}
    assert found.metric("rmse").value == pytest.approx(5, abs=0.5)
    concept(sample, numbers(0, 5000), NUMBERS).result("concept_drift")


@pytest.mark.slow
def test_a_training_set_in_which_predictions_were_never_off_says_nothing_of_how_far_off_they_may_be() -> None:
    by_heart = numbers(0, 5000).assign(delay=lambda frame: frame["actual.delay"])
    found = concept(numbers(1, 1000, bias=4.0), by_heart, NUMBERS).assert_status(
        "concept_drift", "irrelevant"
    )
    assert found.extra_data["state"] == "not calibrated"
    judged(numbers(1, 250), by_heart, NUMBERS).assert_status("performance", "detected")


def classes(seed: int, rows: int, *, worse: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    scores = random.dirichlet(np.ones(3), rows)
    truth = np.array([random.choice(3, p=row) for row in scores])
    truth = np.where(random.random(rows) < worse, random.integers(0, 3, rows), truth)
    names = np.array(["a", "b", "c"])
    frame = pd.DataFrame({"x": random.normal(size=rows), "kind": names[scores.argmax(axis=1)]})
    times = pd.date_range("2025-01-01", periods=rows, freq="min", tz="UTC")
    named = {f"p_{name}": scores[:, place] for place, name in enumerate(names)}
    return frame.assign(**named, **{"actual.kind": names[truth]}, timestamp=times)


@pytest.mark.slow
def test_several_classes_are_judged_and_estimated() -> None:
    reference = classes(0, 10_000)
    calm = judged(classes(1, 2000), reference, SEVERAL)
    calm.assert_status("performance", "no_detection")
    assert calm.metric("estimated_accuracy").value == pytest.approx(calm.metric("accuracy").value, abs=0.03)
    bad = classes(2, 500, worse=0.5)
    judged(bad, reference, SEVERAL).assert_status("performance", "detected")
    concept(bad, reference, SEVERAL).assert_status("concept_drift", "detected")
    concept(classes(3, 2000), reference, SEVERAL).assert_status("concept_drift", "no_detection")


@pytest.mark.slow
def test_predictions_that_move_alone_are_a_hint() -> None:
    sample = window(9, 3000, mature=0.0).assign(late=True)
    found = concept(sample).assert_status("concept_drift", "irrelevant")
    assert "predictions have moved while no input has" in found.extra_data["hint"]
    assert "hint" not in concept(window(9, 3000, mature=0.0, shift=1.0)).result("concept_drift").extra_data


@pytest.mark.slow
def test_metrics_of_your_own_are_sent() -> None:
    def hits(rows: TaskRows) -> float:
        return float((rows.actual * rows.predicted).sum())

    found = judged(window(1, 2000, mature=0.5), metrics={"hits": hits})
    assert found.metric("hits").value > 0
    assert "hits" not in [
        each.name for each in judged(window(1, 2000, mature=0.0), metrics={"hits": hits}).outputs
    ]


@pytest.mark.slow
def test_metrics_of_your_own_are_judged_either_way() -> None:
    own = {"wrong": lambda rows: float(rows.loss.mean())}
    calm = judged(window(1, 2000), metrics=own).assert_status("performance", "no_detection")
    assert "judged either way" in calm.extra_data["own_metrics"]["wrong"]
    assert 0 < calm.extra_data["values"]["wrong"]["least"] < 0.2
    bad = judged(window(2, 500, bad=0.9, base=1.0), metrics=own, judged=["recall"])
    found = bad.assert_status("performance", "detected").extra_data
    assert found["findings"][0].startswith("wrong")
    assert "away from the reference's" in found["findings"][0]
    few = judged(window(1, 2000), REFERENCE[:60], metrics=own, min_rows=50).result("performance")
    assert few.extra_data["own_metrics"]["wrong"].startswith("not judged: the training set's rows")
    assert (
        "own_metrics" not in judged(window(1, 2000, mature=0.0), metrics=own).result("performance").extra_data
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"maturity": 0}, "maturity: must be a share of the rows above 0 and up to 1, got 0"),
        ({"maturity": "all"}, "maturity: must be"),
        ({"floor": -1}, "floor: must be a number of standard deviations from 0 up to 2, got -1"),
        ({"min_rows": 0}, "min_rows: must be a whole number of at least 1, got 0"),
        ({"judged": ["auc"]}, "judged: there is no metric 'auc'; there are accuracy"),
        ({"metrics": {"hits": 3}}, "metrics: must map a name like 'profit' to a function"),
        ({"metrics": {"1": len}}, "metrics: must map a name"),
        ({"metrics": {"accuracy": len}}, "'accuracy' is the name of a metric that comes with the app"),
        ({"metrics": {"macro_f1": len}}, "'macro_f1' is the name of a metric that comes with the app"),
    ],
)
def test_wrong_arguments_are_refused_at_the_start(arguments: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        ModelPerformanceApplication(**arguments)


@pytest.mark.slow
def test_the_page_runs() -> None:
    exec("\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)), {})
