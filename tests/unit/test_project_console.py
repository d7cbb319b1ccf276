"""What a script that deploys is told on the way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pytest

from modelmon.ledger import schema
from modelmon.local.runner_state import lock_project, report_file
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.telling import quietly
from project_support import frame, make


def deploy_all(folder: Path) -> None:
    project = make(folder)
    project.enable_model_monitoring(base_period=10)
    model = project.log_model("delay", body=b"2", training_set=frame(), label_column="late")
    serving = project.set_function("model.py", name="serving")
    serving.add_model("delay", model_path=model.uri, class_name="Sum").set_tracking().deploy()


@pytest.mark.slow
def test_each_step_says_what_happened_and_the_last_one_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy_all(tmp_path)
    told = capsys.readouterr()
    assert told.out == ""  # a script's own output stays its own
    assert told.err.splitlines() == [
        f"Made project flights in {tmp_path}.",
        "Deployed the apps histogram-data-drift, drift, data-quality, service, model-performance: they "
        "judge the windows that are due from now on.",
        "Monitoring of project flights is enabled, in windows of 10 minutes.",
        "Logged the model delay, 2 features, reference of 3 rows.",
        "Deployed serving with the model delay.",
        f"Next, in a second terminal: modelmon up --project-dir {tmp_path}",
    ]


def test_one_minute_and_several_models_are_called_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    project = make(tmp_path)
    project.enable_model_monitoring(base_period=1, deploy_histogram_data_drift_app=False)
    serving = project.set_function("model.py", name="serving")
    serving.add_model("one", class_name="Free")
    serving.add_model("two", class_name="Free")
    serving.set_tracking().deploy()
    told = capsys.readouterr().err
    assert "is enabled, in windows of 1 minute.\n" in told
    assert "1 minutes" not in told + caplog.text
    assert "a base period of 1 minute is short" in caplog.text
    assert "Deployed serving with the models one, two.\n" in told


def test_rows_of_a_reference_are_told_with_those_that_have_gaps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make(tmp_path)
    project.log_model("gaps", training_set=pa.table({"city": ["Oslo", None, "Rome"]}))
    project.log_model("nothing", training_set=pa.table({"city": pa.array([None] * 60, pa.float64())}))
    project.log_model("bare", inputs=["city"])
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("Logged")] == [
        "Logged the model gaps, 1 feature, reference of 3 rows.",
        "Logged the model nothing, 1 feature, reference of 60 rows.",
        "Logged the model bare, 1 feature, without a reference.",
    ]


def test_where_the_project_is_up_nothing_has_to_be_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make(tmp_path)
    held = lock_project(tmp_path)
    report_file(tmp_path).write_text(json.dumps({"pid": os.getpid(), "functions": []}))
    project.set_function("model.py", name="serving").add_model("free", class_name="Free").deploy()
    os.close(held)
    last = capsys.readouterr().err.splitlines()[-2:]
    assert last == [
        "Deployed serving with the model free. Without set_tracking() nothing of it is monitored.",
        "`modelmon up` is running and takes it over.",
    ]


def test_an_app_that_is_deployed_where_rows_are_kept_may_be_asked_for_earlier_windows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy_all(tmp_path)
    project = make(tmp_path)
    row = {"path": "a.parquet", "endpoint_id": "e", "rows": 1, "size_bytes": 1}
    times = dict.fromkeys(("hour_us", "min_us", "max_us"), 0)
    with opened(project.settings) as database, database.write() as connection:
        connection.execute(schema.files.insert().values(row | times))
    project.set_model_monitoring_function("rows", "rows_app.py", application_class="Rows").deploy()
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "Deployed the app rows: it judges the windows that are due from now on.",
        "Earlier ones, or failed ones again: modelmon judge --app rows --from TIME",
    ]


def test_who_tells_it_in_other_words_hears_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with quietly():
        deploy_all(tmp_path)
    assert capsys.readouterr().err == ""
