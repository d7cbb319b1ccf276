"""MLRun 1.12.1's own client reads monitoring from our server: its types parse it, the numbers are ours."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from e2e.test_dashboard import address, started
from made_project import APP, HOUR, Made, Shape, make
from modelmon.alerting import read_alerts
from modelmon.ledger.records import open_records
from modelmon.model import from_us
from modelmon.project import Project
from modelmon.stores.series import open_series
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointQuery, list_endpoints
from modelmon.views.metric_lines import read_metric_lines, read_metric_names
from modelmon.views.open_incidents import count_open
from services.mlrun import MLRUN_VERSION, mlrun_python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.e2e,
    pytest.mark.skipif(
        not mlrun_python().is_file(), reason="needs MLRun: python -m tests.services.install mlrun"
    ),
]
SCRIPT = Path(__file__).parents[1] / "services" / "mlrun_reads.py"
UID = f"{0:032x}"
RESULT = f"made.{APP}.result.general_drift"
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    now_us = time.time_ns() // 1000
    return make(tmp_path_factory.mktemp("made") / "p", Shape(now_us - now_us % HOUR, endpoints=7, days=3))


@pytest.fixture(scope="module")
def read(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("mlrun")
    return asked(made, folder, SCRIPT, "made", UID, RESULT)


def asked(made: Made, folder: Path, script: Path, *arguments: str) -> dict[str, Any]:
    """What MLRun's client says that it has found and done."""
    with started("dashboard", "--port", "0", "--project-dir", made.settings.project_dir) as process:
        environment = {**os.environ, "MLRUN_DBPATH": address(process, "is shown at"), "PYTHONPATH": ""}
        command = [str(mlrun_python()), "-P", str(script), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_client_takes_the_server_for_its_own(read: dict[str, Any]) -> None:
    assert read["version"] == MLRUN_VERSION


def test_it_lists_every_endpoint_as_it_is_here(read: dict[str, Any], made: Made) -> None:
    database = open_records(made.settings)
    with database.read() as connection:
        ours = list_endpoints(connection, Looking(made.now_us, made.settings), EndpointQuery()).endpoints
    database.close()
    theirs = {each["metadata"]["uid"]: each for each in read["endpoints"]}
    assert len(theirs) == len(ours) == 7
    for each in ours:
        status = theirs[each.endpoint_id]["status"]
        assert status["result_status"] == max(each.status.values(), default=-1)
        assert (status["error_count"], status["last_request"]) == (each.errors, str(each.last_request))


def test_one_endpoint_comes_with_its_features(read: dict[str, Any], made: Made) -> None:
    one, names = read["one"], [*made.shape.feature_names]
    assert one["spec"]["feature_names"] == names == [*one["spec"]["feature_stats"]]
    assert {*names} <= {*one["status"]["current_stats"]}
    assert {*names} <= {*one["status"]["drift_measures"]}
    assert one["status"]["avg_latency"] > 0


def test_metrics_and_their_values_are_ours(read: dict[str, Any], made: Made) -> None:
    database, series = open_records(made.settings), open_series(made.settings)
    names = [(each.application_name, each.name) for each in read_metric_names(database, series, UID)]
    end = from_us(made.shape.until_us)
    (line,) = read_metric_lines(
        database, series, UID, APP, ["general_drift"], from_us(made.shape.until_us - DAY), end
    )
    database.close()
    series.close()
    theirs = [(each["app"], each["name"]) for each in read["metrics"]]
    assert theirs == [("mlrun-infra", "invocations"), *names]
    result, calls, nothing = read["values"]
    # asked since 24 hours before now, which is some minutes into an hour
    assert result["values"] == [
        [str(each.end), each.value, each.status, given[3]]
        for each, given in zip(line.points[-len(result["values"]) :], result["values"], strict=True)
    ]
    assert len(result["values"]) >= 23
    assert all("feature" in json.loads(each[3]) for each in result["values"])
    assert calls["data"]
    assert sum(each[1] for each in calls["values"]) > 0
    assert not nothing["data"]


def test_the_project_is_counted_as_here(read: dict[str, Any], made: Made) -> None:
    database = open_records(made.settings)
    with database.read() as connection:
        still = count_open(connection)
    database.close()
    assert read["summary"]["endpoint_alerts_count"] == still == len(read["alerts"])
    assert read["summary"]["real_time_model_endpoint_count"] == 7
    assert max(detected for _, _, detected in read["drift"]) == 1
    (app,) = read["functions"]
    assert (app["name"], app["stats"]["detected"], app["stats"]["potential_detection"]) == (APP, 1, 1)
    assert {each["type"] for each in read["function"]["stats"]["metrics"]} == {"metric", "result"}
    assert {*read["of_several"]} == {UID}
    assert RESULT in read["of_several"][UID]


def test_each_alert_that_is_raised_has_a_template(read: dict[str, Any]) -> None:
    assert read["alert_configs"] == []
    raised = {event for each in read["alert_templates"] for event in each["trigger"]["events"]}
    assert {each["event_kind"] for each in read["alerts"]} <= raised


def test_it_stores_alerts_reads_resets_and_deletes_them(made: Made, tmp_path: Path) -> None:
    found = asked(made, tmp_path, SCRIPT.with_name("mlrun_alerts.py"), "made", UID)
    shown = {key: each for key, each in found["stored"].items() if key != "updated"}
    assert (shown["name"], shown["criteria"]) == ("drift-alert", {"count": 3, "period": "300m"})
    assert shown["entities"]["ids"] == [f"{UID}.*.result.*"]
    assert {key: each for key, each in found["again"].items() if key != "updated"} == shown
    assert found["named"] == ["drift-alert", "From_a--template"]
    assert (found["kept"]["severity"], found["gone"]) == ("medium", True)
    assert "'failed' is of jobs" in found["refused"]
    text = Project("made", Path(made.settings.project_dir)).list_alert_files()[0].text
    alerts = read_alerts(text)
    assert [(each.name, each.url) for each in alerts.channels.values()] == [
        ("slack_notification", "${env:SLACK_HOOK}")
    ]
    assert [each.called for each in alerts.rules] == ["From_a--template"]
