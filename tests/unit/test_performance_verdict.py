"""A window's performance against its reference: read from a frame, judged within the budget, kept as text."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelmon.apps.performance_references import PerformanceReferences
from modelmon.errors import ConfigError
from modelmon.ledger import profiles
from modelmon.ledger.records import open_records
from modelmon.model_monitoring.api import get_or_create_model_endpoint
from modelmon.model_task import ModelTask, TaskKind
from modelmon.stats.performance.reading import read_rows
from modelmon.stats.performance.reference import (
    PerformanceReference,
    performance_reference,
    reference_from_json,
    reference_to_json,
)
from modelmon.stats.performance.rows import TaskRows, measured
from modelmon.stats.performance.verdict import judge_performance
from project_support import again, make
from query_counter import counted
from repeating import examples

BINARY = ModelTask(TaskKind.binary, "said", ("chance",), "yes")
SEVERAL = ModelTask(TaskKind.multiclass, "said", (), "", ("a", "b", "c"))
WINDOWS = examples(400)


def test_classes_are_read_by_value_and_missing_ones_are_missing() -> None:
    table = pa.table({"said": [1, 0, None, 1], "actual.said": ["1.0", "0", "1", None]})
    rows = read_rows(table, ModelTask(TaskKind.binary, "said", positive="1"), "actual.said").rows
    assert np.array_equal(rows.predicted, [1, 0, np.nan, 1], equal_nan=True)
    assert np.array_equal(rows.actual, [1, 0, 1, np.nan], equal_nan=True)
    assert rows.maturity == 0.75
    assert rows.loss[:2].tolist() == [0, 0]
    frame = table.to_pandas()
    again = read_rows(frame, ModelTask(TaskKind.binary, "said", positive="true"), "actual.said").rows
    assert np.array_equal(again.predicted, rows.predicted, equal_nan=True)


def test_an_actual_that_is_neither_of_two_classes_is_missing_and_counted() -> None:
    truth = ["True", "0", "yes", "7", None]
    table = pa.table({"said": [True, False, True, False, True], "truth": truth})
    task = ModelTask(TaskKind.binary, "said", positive="true", classes=("false", "true"))
    read = read_rows(table, task, "truth")
    assert np.array_equal(read.rows.actual, [1, 0, np.nan, np.nan, np.nan], equal_nan=True)
    assert read.invalid == {"truth": 2}
    unknown = read_rows(table, ModelTask(TaskKind.binary, "said", positive="true"), "truth")
    assert np.array_equal(unknown.rows.actual, [1, 0, 0, 0, np.nan], equal_nan=True)


def test_an_actual_that_no_class_is_is_a_wrong_prediction() -> None:
    rows = read_rows(pa.table({"said": ["a", "b", "c"], "truth": ["a", "new", "c"]}), SEVERAL, "truth").rows
    assert rows.actual.tolist() == [0, 3, 2]
    assert measured(rows)["accuracy"].value == pytest.approx(2 / 3)


def test_a_class_that_nobody_named_is_right_only_where_it_came_true() -> None:
    said = {"said": ["new", "new", "a", None, "7"], "truth": ["new", "other", "other", "new", "7.0"]}
    rows = read_rows(pa.table(said), SEVERAL, "truth").rows
    assert rows.actual.tolist() == [3, 3, 3, 3, 3]
    assert np.array_equal(rows.predicted, [3, 4, 0, np.nan, 3], equal_nan=True)
    assert measured(rows)["accuracy"].value == 0.5


def test_classes_of_a_model_without_a_training_set_are_no_numbers() -> None:
    task = ModelTask(TaskKind.multiclass, "said")
    rows = read_rows(pa.table({"said": ["a", "b", "c"], "truth": ["a", "b", "a"]}), task, "truth").rows
    assert (rows.classes, rows.loss.tolist()) == (3, [0, 0, 1])
    found = measured(rows)
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert "mae" not in found
    none = read_rows(pa.table({"said": pa.array([], pa.string())}), task, "truth").rows
    assert (len(none), none.classes) == (0, 1)


def test_scores_alone_say_the_class() -> None:
    binary = ModelTask(TaskKind.binary, "", ("chance",), "yes")
    table = pa.table({"chance": [0.5, 0.2, None, 7.0, math.inf], "truth": ["yes", "no", "yes", "no", "no"]})
    read = read_rows(table, binary, "truth")
    assert np.array_equal(read.rows.predicted, [1, 0, np.nan, np.nan, np.nan], equal_nan=True)
    assert read.invalid == {"chance": 2}
    several = ModelTask(TaskKind.multiclass, "", ("p", "q"), "", ("a", "b"))
    rows = read_rows(pa.table({"p": [0.3, 0.9, None], "q": [0.7, 0.1, 0.5]}), several, "truth").rows
    assert np.array_equal(rows.predicted, [1, 0, np.nan], equal_nan=True)
    assert rows.maturity == 0


def test_numbers_are_read_and_infinite_ones_counted() -> None:
    table = pa.table({"y": [1.0, math.inf, 3.0], "truth": ["2", "x", "4.5"]})
    read = read_rows(table, ModelTask(TaskKind.regression, "y"), "truth")
    assert np.array_equal(read.rows.loss, [1, np.nan, 1.5], equal_nan=True)
    assert read.invalid == {"y": 1, "truth": 1}


def test_answers_that_do_not_fit_are_told() -> None:
    with pytest.raises(ConfigError, match="the rows have no answer 'said'"):
        read_rows(pa.table({"x": [1]}), BINARY, "truth")
    fractions = pa.table({"said": [0.2, 0.9]})
    with pytest.raises(
        ConfigError, match="lie between 0 and 1, so they are no classes: log it with score='said'"
    ):
        read_rows(fractions, ModelTask(TaskKind.binary, "said", positive="1"), "truth")


def drawn(random: np.random.Generator, rows: int, worse: float = 0.0, wave: float = 0.0) -> TaskRows:
    """Rows of two classes, of which a share `worse` is turned round, and by `wave` more at times."""
    score = 1 / (1 + np.exp(-random.normal(0, 1.5, rows)))
    turned = np.clip(worse + wave * np.sin(np.arange(rows) / 200), 0, 1)
    actual = (random.random(rows) < np.where(random.random(rows) < turned, 1 - score, score)) * 1.0
    return TaskRows(actual, (score >= 0.5) * 1.0, score, 2)


def alarms(rows: int, budget: float = 0.01, floor: float = 0.1, worse: float = 0.0) -> float:
    random, found = np.random.default_rng(3), []
    for place in range(WINDOWS):
        if place % 40 == 0:
            reference = performance_reference(drawn(random, 10_000))
        now = measured(drawn(random, rows, worse))
        found.append(
            judge_performance(now, reference, ("accuracy", "f1", "roc_auc"), budget=budget, floor=floor)
        )
    return float(np.mean([each[0].ratio >= 1 for each in found]))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [50, 200, 1000, 5000])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_a_model_that_is_as_it_was_alarms_within_the_budget(rows: int, floor: float) -> None:
    assert alarms(rows, floor=floor) <= 0.025
    assert alarms(rows, floor=floor, budget=0.1) <= 0.13


@pytest.mark.slow
def test_a_model_that_is_worse_alarms() -> None:
    assert alarms(1000, worse=0.25) >= 0.95


@pytest.mark.slow
def test_the_least_that_a_window_would_have_shown_is_shown_in_nine_of_ten() -> None:
    random = np.random.default_rng(9)
    reference = performance_reference(drawn(random, 50_000))
    (verdict,) = judge_performance(measured(drawn(random, 2000)), reference, ("accuracy",), budget=0.01)
    worse = verdict.least / (2 * reference.metrics["accuracy"].value - 1)  # of outcomes that are turned round
    seen = [
        judge_performance(measured(drawn(random, 2000, worse)), reference, ("accuracy",), budget=0.01)[
            0
        ].ratio
        >= 1
        for _ in range(WINDOWS)
    ]
    assert 0.83 < np.mean(seen) < 0.97


@pytest.mark.slow
def test_what_varies_in_the_reference_is_no_alarm_where_the_order_of_time_is_known() -> None:
    random = np.random.default_rng(4)
    rows = drawn(random, 20_000, 0.15, wave=0.15)
    found = {}
    for by_time in (False, True):
        reference = performance_reference(rows, by_time=by_time)
        parts = [rows.at(np.arange(start, start + 400)) for start in range(0, 20_000, 400)]
        found[by_time] = np.mean(
            [
                judge_performance(measured(part), reference, ("accuracy",), budget=0.01, floor=0)[0].ratio
                >= 1
                for part in parts
            ]
        )
    assert found[False] > 0.1
    assert found[True] <= 0.04


def test_bias_alarms_either_way_and_only_what_is_worse_does() -> None:
    random = np.random.default_rng(5)
    truth = random.normal(0, 1, 5000)
    reference = performance_reference(TaskRows(truth, truth + random.normal(0, 1, 5000), None))

    def worst(move: float, scale: float = 1.0) -> tuple[str, bool]:
        truth = random.normal(0, 1, 500)
        now = measured(TaskRows(truth, truth + move + scale * random.normal(0, 1, 500), None))
        (first, *_) = judge_performance(now, reference, ("mae", "bias"), budget=0.01)
        return first.name, first.ratio >= 1

    assert worst(0.5) == worst(-0.5) == ("bias", True)
    assert worst(0.0, scale=1.5) == ("mae", True)
    assert worst(0.0, scale=0.2)[1] is False


def test_a_reference_is_kept_as_text() -> None:
    random = np.random.default_rng(6)
    for rows in (
        drawn(random, 3000),
        TaskRows(random.normal(size=1500), random.normal(size=1500), None),
        TaskRows(random.integers(0, 3, 500) * 1.0, random.integers(0, 3, 500) * 1.0, None, 3),
    ):
        made = performance_reference(rows, by_time=True)
        kept = reference_from_json(reference_to_json(made))
        assert (kept.rows, kept.by_time, kept.metrics) == (made.rows, made.by_time, made.metrics)
        assert kept.between == made.between
        assert any(made.between) == (made.residuals is not None or made.calibration is not None)
        assert reference_to_json(kept) == reference_to_json(made)
        assert len(reference_to_json(made)) < 100_000


MAE = {"value": 1.0, "error": 0.1, "rows": 5, "stretches": []}


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2}, {"metrics": {"mae": {}}}, {"rows": None}, {"metrics": 1}, {"rows": math.inf},
        {"metrics": {"mae": {**MAE, "error": math.inf}}},
        {"metrics": {"mae": {**MAE, "stretches": [{"rows": 50, "variance": -1.0}]}}},
        {"loss": {"intercept": 1.0, "effects": {}, "variance": 1.0, "rows": math.inf}},
        {"between": [[], []]}, {"between": [[], [], [{"rows": 50, "variance": math.nan}]]},
    ],
)  # fmt: skip
def test_a_damaged_reference_is_refused(damage: dict[str, Any]) -> None:
    whole = json.loads(reference_to_json(PerformanceReference(5, False, {})))
    assert reference_from_json(json.dumps(whole)).rows == 5
    before = {name: each for name, each in whole.items() if name != "between"}
    assert reference_from_json(json.dumps(before)).between == ((), (), ())
    with pytest.raises(ConfigError, match="performance reference"):
        reference_from_json(json.dumps({**whole, **damage}))
    with pytest.raises(ConfigError, match="no performance reference"):
        reference_from_json("[")


# --- with the model, and with its endpoint ----------------------------------------------------------------


def training(rows: int = 2000) -> pd.DataFrame:
    found = drawn(np.random.default_rng(7), rows)
    return pd.DataFrame(
        {
            "x": np.arange(rows) % 7,
            "late": found.actual.astype(bool),
            "said": found.predicted.astype(bool),
            "chance": found.score,
            "when": pd.date_range("2025-01-01", periods=rows, freq="min", tz="UTC")[::-1],
        }
    )


def test_the_times_of_a_training_set_may_be_numbers(tmp_path: Path) -> None:
    frame = training()
    numbered = frame.assign(when=[moment.timestamp() for moment in frame["when"]])
    told = {"label_column": "late", "prediction": "said", "score": "chance", "time_column": "when"}
    project = make(tmp_path)
    timed, numeric = (project.log_model("m", training_set=each, **told) for each in (frame, numbered))
    assert reference_from_json(numeric.performance).by_time
    assert numeric.performance == timed.performance


def test_answers_in_the_training_set_make_a_reference_that_the_endpoint_has(tmp_path: Path) -> None:
    project = make(tmp_path)
    logged = project.log_model(
        "m", training_set=training(), label_column="late", prediction="said", score="chance"
    )
    assert again(project).get_model("m") == logged
    reference = reference_from_json(logged.performance)
    assert (reference.rows, reference.by_time) == (2000, True)
    assert reference.metrics["accuracy"].stretches
    assert reference.calibration is not None
    made = get_or_create_model_endpoint(project, logged.uri, "one")
    with open_records(project.settings).read() as connection:
        assert profiles.read(connection, made.performance_hash) == logged.performance
    references = PerformanceReferences()
    records = open_records(project.settings)
    with counted(records) as work:
        found = [references.of(records, made) for _ in range(3)]
    assert (len({id(each) for each in found}), work.statements) == (1, 1)
    assert found[0].rows == 2000
    later = 10**18
    with open_records(project.settings).write() as connection:
        profiles.forget_unused(connection, later)
        assert profiles.read(connection, made.performance_hash) == logged.performance


def test_a_training_set_without_answers_makes_none(tmp_path: Path) -> None:
    project = make(tmp_path)
    table = training().drop(columns=["said", "chance"])
    logged = project.log_model("m", training_set=table, label_column="late")
    assert logged.performance == ""
    assert get_or_create_model_endpoint(project, logged.uri, "one").performance_hash == ""


def test_answers_that_are_no_classes_are_refused_when_the_model_is_logged(tmp_path: Path) -> None:
    project = make(tmp_path)
    table = training().assign(said=lambda frame: frame["chance"])
    with pytest.raises(ConfigError, match="training_set: the answers 'said' lie between 0 and 1"):
        project.log_model("m", training_set=table, label_column="late", prediction="said", task="binary")
