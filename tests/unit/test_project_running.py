"""A project from nothing to samples read back, with its functions running."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from modelmon import get_offline_features
from modelmon.local import Runner
from modelmon.local.runner_state import read_report
from modelmon.project import ServingFunction
from project_support import frame, make


def functions(folder: Path) -> set[str]:
    """What the runner says it runs."""
    return {function.name for function in read_report(folder).functions}


@pytest.mark.e2e
def test_what_is_deployed_runs_is_called_and_leaves_its_samples(tmp_path: Path) -> None:
    project = make(tmp_path, grace_seconds=0.5, flush_after_seconds=0.1)
    with Runner(tmp_path) as runner:
        project.enable_model_monitoring(wait_for_deployment=True)  # the runner notices what is deployed
        model = project.log_model("delay", body=b"2", training_set=frame(), label_column="late")
        serving = project.set_function("model.py", name="serving")
        serving.add_model("delay", model_path=model.uri, class_name="Sum").set_tracking().deploy()
        runner.wait_until_ready()
        runner.address("serving", timeout=30)
        answer = serving.invoke("/v2/models/delay/infer", {"inputs": [[1, 2], [3, 4]]})
        assert answer["outputs"] == [6, 14]

        deadline = time.monotonic() + 60
        samples = get_offline_features("delay", project=project, columns=["a", "b", "late"])
        while len(samples) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
            samples = get_offline_features("delay", project=project, columns=["a", "b", "late"])
        assert samples.to_dict("list") == {"a": [1, 3], "b": [2, 4], "late": [6, 14]}

        found = project.get_function("serving")
        assert isinstance(found, ServingFunction)
        found.set_tracking(enable_tracking=False)
        project.disable_model_monitoring(delete_stream_function=True)
        running = {"serving", "modelmon-writer", "modelmon-notifier"}
        while functions(tmp_path) != running and time.monotonic() < deadline:
            time.sleep(0.05)
        assert functions(tmp_path) == running
