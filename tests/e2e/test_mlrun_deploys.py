"""MLRun 1.12.1's own client turns monitoring on and off here, and removes an app and an endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from e2e.test_dashboard import address, started
from made_project import APP as MADE_APP
from made_project import HOUR, Shape
from made_project import make as make_made
from modelmon.ledger.access import create_token
from modelmon.ledger.records import open_records
from modelmon.project import get_or_create_project
from project_support import APP, write
from services.mlrun import mlrun_python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.e2e,
    pytest.mark.skipif(
        not mlrun_python().is_file(), reason="needs MLRun: python -m tests.services.install mlrun"
    ),
]
SCRIPT = Path(__file__).parents[1] / "services" / "mlrun_deploys.py"
UID = f"{0:032x}"


def test_mlruns_client_changes_what_runs_here(tmp_path: Path) -> None:
    now_us = time.time_ns() // 1000
    folder = tmp_path / "p"
    settings = {"auth": "token", "remote_deploy": True}
    make_made(folder, Shape(now_us - now_us % HOUR, endpoints=2, days=1))
    project = get_or_create_project("made", context=folder, **settings)
    project.deploy_function(
        project.set_model_monitoring_function("rows", write(tmp_path / "a.py", APP), "Rows")
    )
    records = open_records(project.settings)
    with records.write() as connection:
        token = create_token(connection, "ann", "admin", 0, None)
    records.close()
    with started("dashboard", "--port", "0", "--project-dir", str(folder)) as process:
        environment = {
            **os.environ, "MLRUN_DBPATH": address(process, "is shown at"), "PYTHONPATH": "",
            "MLRUN_HTTPDB__TOKEN": token,
        }  # fmt: skip
        command = [str(mlrun_python()), "-P", str(SCRIPT), "made", "rows", "model-0000", UID]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    infra = {"modelmon-stream", "modelmon-writer", "modelmon-controller"}
    assert {*found["after_enabling"]} >= {*infra, "rows"}
    assert "update_model_monitoring_controller(base_period=30) changes that" in found["refused"]
    assert (found["removed"], found["disabled"]) == (True, True)
    assert found["endpoints"] == [f"{1:032x}"]
    assert "rows" not in found["functions"]
    assert MADE_APP not in {each.name for each in project.list_model_monitoring_functions()}
    deployed = {path.parent.name for path in (folder / ".modelmon" / "functions").glob("[!.]*/function.yaml")}
    assert "modelmon-controller" not in deployed
