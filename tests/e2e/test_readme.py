"""The README's code, as it stands: the model is deployed, asked and seen; the app runs."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from modelmon.local import Runner
from modelmon.testing import run_app

pytestmark = pytest.mark.e2e
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SERVING, DEPLOY, APP = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def frame() -> pd.DataFrame:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"visits": random.poisson(5, 500), "spent": random.gamma(2.0, 20.0, 500)})
    return frame.assign(churned=(frame["visits"] < 4).astype(int))


def test_the_projects_code_deploys_a_model_that_answers_and_is_monitored(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = LogisticRegression().fit(frame[["visits", "spent"]].to_numpy(), frame["churned"])
    Path("churn.pkl").write_bytes(pickle.dumps(model))
    Path("serving.py").write_text(SERVING, encoding="utf-8")
    names: dict[str, Any] = {"frame": frame}
    exec(DEPLOY, names)
    with Runner(tmp_path) as runner:
        runner.wait_until_ready()
        answer = names["serving"].invoke("/v2/models/churn/infer", {"inputs": [[1, 20.0], [9, 35.5]]})
        runner.wait_until_idle(60)
    assert len(answer["outputs"]) == 2
    (endpoint,) = names["project"].list_model_endpoints()
    stored = pd.read_parquet(next((tmp_path / ".modelmon" / "samples").rglob("*.parquet")))
    assert set(stored["endpoint_id"]) == {endpoint.endpoint_id}
    assert stored["visits"].tolist() == [1, 9]


def test_the_app_counts_the_rows(frame: pd.DataFrame) -> None:
    names: dict[str, Any] = {}
    exec(APP, names)
    judgement = run_app(names["RowsPerWindow"](), frame)
    assert judgement.metric("rows").value == len(frame)
