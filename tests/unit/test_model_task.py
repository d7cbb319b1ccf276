"""What a model is for: declared or plain, kept with the model and its endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelmon.errors import ConfigError
from modelmon.model_monitoring.api import get_or_create_model_endpoint
from modelmon.model_task import ModelTask, TaskKind
from modelmon.project import Project
from project_support import again, make

LABELS: dict[str, list[Any]] = {
    "flag": [True, False, None, True],
    "bit": [0, 1, 1, None],
    "amount": [1.5, 2.0, 7.25, 0.0],
    "city": ["Oslo", "Rome", "Bern", "Oslo"],
    "answer": ["yes", "no", "no", "yes"],
    "stars": [1, 2, 3, 5],
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


def training(label: str, **more: list[Any]) -> pa.Table:
    return pa.table({"x": [0.1, 0.2, 0.3, 0.4], "y": LABELS[label], **more})


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("flag", ModelTask(TaskKind.binary, "y", positive="true", classes=("false", "true"))),
        ("bit", ModelTask(TaskKind.binary, "y", positive="1", classes=("0", "1"))),
        ("amount", ModelTask(TaskKind.regression, "y")),
        ("city", ModelTask(TaskKind.multiclass, "y", classes=("Bern", "Oslo", "Rome"))),
        ("answer", None),
        ("stars", None),
    ],
)
def test_a_label_tells_the_task_where_it_is_plain(
    project: Project, label: str, expected: ModelTask | None
) -> None:
    logged = project.log_model("m", training_set=training(label), label_column="y")
    assert logged.task == expected
    assert again(project).get_model("m") == logged


def test_a_declared_label_of_many_classes_keeps_them_all(project: Project) -> None:
    names = [f"c{number:04}" for number in range(5_001)]
    few = pa.table({"x": list(range(300)), "y": names[:300]})
    logged = project.log_model("m", training_set=few, label_column="y", task="multiclass")
    assert logged.task is not None
    assert logged.task.classes == tuple(names[:300])
    many = pa.table({"x": list(range(5_001)), "y": names})
    with pytest.raises(ConfigError, match="the label has 5,001 different values, too many to be classes"):
        project.log_model("n", training_set=many, label_column="y", task="multiclass")


def test_many_different_whole_numbers_are_amounts(project: Project) -> None:
    table = pa.table({"x": list(range(30)), "y": list(range(30))})
    logged = project.log_model("m", training_set=table, label_column="y")
    assert logged.task == ModelTask(TaskKind.regression, "y")


def test_what_is_declared_goes_before_what_the_label_looks_like(project: Project) -> None:
    def task(label: str, **declared: Any) -> ModelTask | None:
        return project.log_model("m", training_set=training(label), label_column="y", **declared).task

    answer = ModelTask(TaskKind.binary, "y", positive="yes", classes=("no", "yes"))
    assert task("answer", task="binary", positive="yes") == answer
    assert task("city", task="binary", positive="Oslo") == ModelTask(TaskKind.binary, "y", positive="Oslo")
    assert task("stars", task="regression") == ModelTask(TaskKind.regression, "y")
    assert task("bit", positive=0) == ModelTask(TaskKind.binary, "y", positive="0", classes=("0", "1"))
    assert task("flag", score="y") == ModelTask(TaskKind.binary, "", ("y",), "true", ("false", "true"))


def test_an_answer_beside_the_label_is_the_models_own_and_no_feature(project: Project) -> None:
    table = training("flag", said=[True, True, False, True], chance=[0.9, 0.6, 0.2, 0.8])
    logged = project.log_model("m", training_set=table, label_column="y", prediction="said", score="chance")
    assert logged.inputs == ("x",)
    assert logged.outputs == ("said", "chance")
    assert logged.task == ModelTask(TaskKind.binary, "said", ("chance",), "true", ("false", "true"))
    assert set(logged.feature_stats) == {"x", "said", "chance"}


def test_the_order_of_the_answers_is_that_of_outputs(project: Project) -> None:
    logged = project.log_model(
        "m", training_set=training("flag"), label_column="y", outputs=["chance", "said", "version"],
        prediction="said", score="chance",
    )  # fmt: skip
    assert logged.outputs == ("chance", "said", "version")


def test_scores_of_several_classes_name_them(project: Project) -> None:
    scores = {"Oslo": "p_oslo", "Rome": "p_rome", 7: "p_7"}
    logged = project.log_model("m", inputs=["x"], score=scores)
    assert logged.task == ModelTask(
        TaskKind.multiclass, "", ("p_oslo", "p_rome", "p_7"), "", ("Oslo", "Rome", "7")
    )


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"task": "clustering"}, "task: there is no 'clustering'; there are: binary, multiclass, regression"),
        ({"task": "binray"}, "did you mean binary"),
        ({"task": 1}, "task: there is no 1"),
        ({"task": ["binary"]}, r"task: there is no \['binary'\]"),
        ({"prediction": 3}, "prediction: must be the name of an answer, got 3"),
        ({"prediction": ""}, "prediction: must be the name"),
        ({"prediction": "latee", "outputs": ["late"]}, "the model has no answer 'latee'; did you mean late"),
        ({"score": 0.5}, r"score: must be the name of an answer, .*got 0.5"),
        ({"score": {"a": 1}}, "score: must be the name"),
        ({"task": "binary", "prediction": "y"}, "positive: say which class"),
        ({"task": "regression", "score": "p"}, "score: a regression has none, got p"),
        ({"task": "regression", "prediction": "y", "positive": 1}, "positive: is of binary models, got '1'"),
        ({"task": "binary", "score": {"a": "p", "b": "q"}, "positive": 1}, "has one score, got p, q"),
        ({"task": "multiclass", "score": "p"}, "one score a class"),
        ({"task": "regression"}, "needs prediction= or score="),
        ({"prediction": "y"}, "task: say which it is, one of binary, multiclass, regression"),
    ],
)
def test_a_wrong_task_is_refused_in_words(project: Project, declared: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        project.log_model("m", inputs=["x"], **declared)
    assert project.list_models() == []


def test_the_task_reaches_the_endpoint_and_stays_there(project: Project) -> None:
    logged = project.log_model("m", training_set=training("flag"), label_column="y")
    made = get_or_create_model_endpoint(project, logged.uri, "one")
    assert made.task == logged.task
    assert get_or_create_model_endpoint(project, endpoint_id=made.endpoint_id).task == logged.task
    assert get_or_create_model_endpoint(project, "", "two").task is None


def test_a_damaged_task_is_told(project: Project) -> None:
    for damaged in ({"kind": "other"}, {}, "binary"):
        with pytest.raises(ConfigError, match="task: must be as log_model keeps it"):
            ModelTask.from_json(damaged)  # type: ignore[arg-type]
