"""The ready server of scikit-learn models, and the function from the hub that needs no code."""

from __future__ import annotations

import pickle
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from modelmon.errors import ConfigError
from modelmon.project import Project
from modelmon.serving.sklearn_server import SKLearnModelServer
from project_support import make

DATA = pd.DataFrame({"visits": [1.0, 9.0] * 20, "spent": [90.0, 2.0] * 20, "churned": ["yes", "no"] * 20})
INFER = "/v2/models/churn/infer"


def fitted(*, on_frame: bool) -> LogisticRegression:
    features = DATA[["visits", "spent"]]
    return LogisticRegression().fit(features if on_frame else features.to_numpy(), DATA["churned"])


def ready(project: Project, model: object, **parameters: Any) -> Any:
    """The function from the hub, with a model."""
    logged = project.log_model(
        "churn", body=pickle.dumps(model), model_file="churn.pkl", training_set=DATA, label_column="churned"
    )
    serving = project.set_function("hub://v2-model-server", name="serving")
    serving.add_model("churn", model_path=logged.uri, **parameters)
    return serving


@pytest.mark.filterwarnings("error:X")
@pytest.mark.parametrize("on_frame", [True, False])
def test_a_logged_model_is_served_without_any_code(on_frame: bool, tmp_path: Path) -> None:
    server = ready(make(tmp_path), fitted(on_frame=on_frame)).to_mock_server()
    assert server.test(INFER, {"inputs": [[1.0, 90.0], [9.0, 2.0]]})["outputs"] == ["yes", "no"]


def test_the_function_asks_for_the_scikit_learn_that_is_installed(tmp_path: Path) -> None:
    project = make(tmp_path)
    serving = ready(project, fitted(on_frame=False))
    assert serving.requirements == [f"scikit-learn=={version('scikit-learn')}", "pandas"]
    project.deploy_function(serving)
    folder = tmp_path / ".modelmon" / "functions" / "serving"
    assert "scikit-learn==" in (folder / "requirements.txt").read_text()
    assert '"modelmon.serving.sklearn_server.SKLearnModelServer"' in (folder / "serving.json").read_text()


def test_own_requirements_come_before(tmp_path: Path) -> None:
    project = make(tmp_path)
    serving = project.set_function("hub://v2-model-server", name="serving", requirements=[])
    assert serving.requirements == []


def test_probabilities_are_answered_when_asked_for(tmp_path: Path) -> None:
    server = ready(make(tmp_path), fitted(on_frame=True), predict_proba=True).to_mock_server()
    (row,) = server.test(INFER, {"inputs": [[1.0, 90.0]]})["outputs"]
    assert row[1] > 0.9
    assert sum(row) == pytest.approx(1.0)


def test_columns_are_given_in_the_order_of_the_fit(tmp_path: Path) -> None:
    model = SKLearnModelServer(name="churn", model=fitted(on_frame=True))
    model.inputs = ["spent", "visits"]
    assert list(model.predict({"inputs": [[90.0, 1.0]]})) == ["yes"]


def test_a_model_of_a_frame_without_pandas_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(fitted(on_frame=True)))
    monkeypatch.setattr("modelmon.serving.sklearn_server.find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match="needs pandas, which is not installed; name pandas in requirements="
    ):
        SKLearnModelServer(name="churn", model_path=str(path)).load()


def test_what_joblib_wrote_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(fitted(on_frame=False), path)
    model = SKLearnModelServer(name="churn", model_path=str(path))
    model.load()
    assert list(model.predict({"inputs": [[9.0, 2.0]]})) == ["no"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no pickle at all", "is no model that can be loaded"),
        (b"", "is no model that can be loaded"),
        (pickle.dumps({"a": 1}), r"a dict has no predict\(\)"),
        (b"cnonsense_module\nThing\n.", "needs nonsense_module, which is not installed; name scikit-learn"),
    ],
)
def test_a_file_that_is_no_model_is_told(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^model churn: .*{reason}"):
        SKLearnModelServer(name="churn", model_path=str(path)).load()
