"""A notebook on another machine turns monitoring on, brings an app and a model, and sees what is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import modelmon
from chain import QUICK
from deploying import eventually, make_project
from e2e.test_dashboard import address, started
from e2e.test_up import event
from e2e.test_up import modelmon as run_modelmon
from modelmon.ledger import registry
from modelmon.ledger.access import create_token, list_deeds
from modelmon.ledger.records import open_records
from modelmon.settings import Settings
from modelmon.windows import WindowState
from project_support import APP, write

pytestmark = pytest.mark.e2e
NOTEBOOK = """
    import pyarrow as pa

    import modelmon

    project = modelmon.get_or_create_project("test")
    project.enable_model_monitoring(base_period=10, apps=[], wait_for_deployment=True)
    training = pa.table({"a": [1.0, 2.0] * 100, "b": [1.0, 1.0] * 100})
    model = project.log_model("m", body=b"7", model_file="weights.txt", training_set=training)
    app = project.set_model_monitoring_function("rows", "rows_app.py", "Rows", factor=3)
    project.deploy_function(app)
    print(model.uri, open(model.target_path).read(), app.is_deployed())
"""


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A project that wants nothing monitored yet, and takes what an admin brings."""
    made = make_project(tmp_path / "there", **{**QUICK, "auth": "token", "remote_deploy": True})
    records = open_records(Settings.load(made))
    with records.write() as connection:
        registry.put_function(
            connection, "modelmon-stream", "infra", {}, deployed=False, now_us=time.time_ns() // 1000
        )
    records.close()
    return made


@contextmanager
def page_of(project: Path, how: str) -> Iterator[str]:
    """The address of the page, while the functions run: of the command, or of the function itself."""
    with started("up", "--project-dir", str(project)) as up:
        if how == "function":
            yield address(up, "modelmon-api at")
            return
        with started("dashboard", "--port", "0", "--project-dir", str(project)) as page:
            yield address(page, "is shown at")


@pytest.mark.parametrize("how", ["dashboard", "function"])
def test_a_notebook_elsewhere_brings_an_app_whose_results_it_reads(
    there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("MODELMON_DASHBOARD", "serve" if how == "function" else "none")
    records = open_records(Settings.load(there))
    with records.write() as connection:
        token = create_token(connection, "ann", "admin", 0, None)
    here = tmp_path / "here"
    write(here / "rows_app.py", APP)
    write(here / "notebook.py", NOTEBOOK)
    with page_of(there, how) as url:
        environment = {**os.environ, "MODELMON_URL": url, "MODELMON_TOKEN": token}
        done = subprocess.run(
            [sys.executable, "notebook.py"], capture_output=True, text=True, env=environment, cwd=here
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "store://models/test/m 7 True\n"
        assert "Monitoring of project test is enabled, in windows of 10 minutes." in done.stderr
        assert "`modelmon up` is running and takes it over." in done.stderr
        assert token not in done.stderr
        (there / "recorded.jsonl").write_text("\n".join(map(event, range(121))))
        run_modelmon(there, "publish", str(there / "recorded.jsonl"), "--json")
        with modelmon.get_or_create_project("test", url=url, token=token) as project:
            found = eventually(
                lambda: project.list_windows("abc", "rows", limit=9).windows if known(project) else (),
                lambda windows: [each.state for each in windows] == [WindowState.DONE] * 3,
                within=120,
                every=0.2,
            )
            (values,) = project.get_metrics_values(
                "abc", ["test.rows.metric.rows"], found[-1].start_infer_time, found[0].end_infer_time
            )
            assert [value for _, value in values.values] == [180.0, 180.0, 3.0]
    with records.read() as connection:
        deeds = [(each.who, each.what, each.outcome) for each in list_deeds(connection, 20)[0]]
    records.close()
    assert ("ann", "archive for app rows", "taken") in deeds
    assert json.dumps(deeds).count('"200"') == 4


def known(project: modelmon.client.RemoteProject) -> bool:
    return bool(project.list_model_endpoints(uids="abc"))
