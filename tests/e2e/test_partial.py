"""What everybody tries first: a burst of requests, then silence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chain import QUICK
from deploying import eventually
from modelmon.cli.status import read_status
from modelmon.local import Runner
from modelmon.project.serving_function import ServingFunction
from modelmon.settings import Settings
from modelmon.views.encoding import to_json
from project_support import make

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

REQUESTS, SECONDS = 1_000, 2
PATIENCE_SECONDS = 300.0
RESULT = "feature_drift"
Body = dict[str, Any]


def served(folder: Path, random: np.random.Generator) -> ServingFunction:
    project = make(folder, **QUICK)
    project.enable_model_monitoring(apps=["histogram-data-drift"])
    training = pa.table({"a": random.normal(size=2_000), "b": random.normal(size=2_000)})
    model = project.log_model("burst", body=b"1", training_set=training)
    serving = project.set_function("model.py", name="serving")
    serving.add_model("burst", model_path=model.uri, class_name="Sum")
    serving.set_tracking(tracking_policy={"client_time": True}).deploy()
    return serving


def requests(random: np.random.Generator, start: datetime, count: int) -> list[Body]:
    """One row each, far from what the model was trained on."""
    step = timedelta(seconds=SECONDS) / count
    rows = random.normal(4.0, size=(count, 2)).tolist()
    return [
        {"inputs": [row], "timestamp": (start + number * step).isoformat()} for number, row in enumerate(rows)
    ]


def judged(folder: Path) -> tuple[dict[str, Any], set[tuple[str, bool]]]:
    """The newest verdict on the burst, and kinds of incidents with whether they are open."""
    found = read_status(Settings.load(folder))
    (endpoint,) = to_json(found.endpoints)
    verdicts = {each["result_name"]: each for each in endpoint["verdicts"]}
    incidents = {(each.kind, each.resolved is None) for each in found.incidents}
    return verdicts.get(RESULT, {}), incidents


def test_a_burst_and_silence_are_suspected_and_later_data_reopen_the_window(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    serving = served(tmp_path, random)
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    with Runner(tmp_path, tell=lambda level, text: None) as runner:
        runner.wait_until_ready(PATIENCE_SECONDS)
        for body in requests(random, start, REQUESTS):
            serving.invoke("/v2/models/burst/infer", body)
        first, incidents = eventually(
            lambda: judged(tmp_path),
            # the window is partial before its new verdict has come
            lambda found: found[0].get("states") == ["partial"] and found[0]["result_status"] != -1,
            within=PATIENCE_SECONDS,
            every=1,
        )
        assert first["result_status"] == 1
        evidence = json.loads(first["result_extra_data"])
        assert (evidence["state"], evidence["rows"]) == ("partial", REQUESTS)
        assert incidents == {("data-drift-suspected", True)}

        for body in requests(random, start + timedelta(minutes=10), 10):
            serving.invoke("/v2/models/burst/infer", body)
        runner.wait_until_idle(PATIENCE_SECONDS)
    found = to_json(read_status(Settings.load(tmp_path), since=start))
    again = next(
        each
        for each in found["results"]
        if each["result_name"] == RESULT and each["start_infer_time"] == first["start_infer_time"]
    )
    # The traffic has gone on, so the window gets its full verdict; the few rows of the next one get none.
    assert again["window_revision"] > first["window_revision"]
    assert (again["result_status"], "state" in json.loads(again["result_extra_data"])) == (2, False)
    assert found["endpoints"][0]["windows"]["partial"] == 0
    assert {each["kind"] for each in found["incidents"] if each["resolved"] is None} == {
        "data-drift-detected"
    }
