"""The whole chain on Kafka: a model that is asked by HTTP, and the drift that the store then holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest

from deploying import deploy, eventually, make_project, stream_trigger
from modelmon.apps import HistogramDataDriftApplication
from modelmon.errors import UnavailableError
from modelmon.ledger.records import open_records
from modelmon.local import Runner
from modelmon.project import Project, ServingFunction, get_or_create_project
from modelmon.settings import Settings
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.streams import open_stream
from modelmon.testing import run_app
from services import kafka

pytestmark = kafka.NEEDS_KAFKA
PATIENCE_SECONDS = 120.0
APP = "histogram-data-drift"
GROUPS = ("modelmon-stream", "modelmon-writer", f"modelmon-app-{APP}")  # after the project's name
MODEL = """
    from modelmon import V2ModelServer

    class Half(V2ModelServer):
        def predict(self, request):
            return [[row[0] / 2] for row in request["inputs"]]
"""
MINUTES, REQUESTS, ROWS = 6, 5, 40
END = 2  # bit of window_incomplete
IRRELEVANT, NO_DETECTION, DETECTED = -1, 0, 2
SHIFTED_FROM = 3  # minute from which on the requests are not what the model was trained on
QUICK = {
    "base_period": 1, "durability": "process", "grace_seconds": 0.5, "controller_interval_seconds": 0.3,
    "flush_after_seconds": 0.1, "publish_flush_seconds": 0.1, "kafka_session_seconds": 5.0,
}  # fmt: skip


@pytest.fixture
def streams() -> dict[str, Any]:
    """Settings: streams of this test alone on the broker that all tests share."""
    prefix = f"t{uuid4().hex[:8]}"
    return {
        "stream_path": kafka.shared_broker().url,
        "events_stream": f"{prefix}-events",
        "app_stream": f"{prefix}-app-{{name}}",
        "writer_stream": f"{prefix}-writer",
    }


def trained_on(random: np.random.Generator) -> pd.DataFrame:
    return frame(random.normal(size=2_000), random.integers(0, 3, 2_000))


def frame(amount: Any, kind: Any) -> pd.DataFrame:
    return pd.DataFrame({"amount": amount, "kind": kind, "half": np.asarray(amount) / 2})


def monitored(
    folder: Path, reference: pd.DataFrame, settings: dict[str, Any]
) -> tuple[Project, ServingFunction]:
    project = get_or_create_project("chain", context=folder, **QUICK, **settings)
    project.enable_model_monitoring(apps=["histogram-data-drift"])
    (folder / "model.py").write_text(textwrap.dedent(MODEL))
    model = project.log_model(
        "half", body="", model_file="model.txt", training_set=reference, label_column="half"
    )
    serving = project.set_function("model.py", name="serving", kind="serving")
    serving.add_model("half", model_path=model.uri, class_name="Half")
    serving.set_tracking(tracking_policy={"client_time": True})
    project.deploy_function(serving)
    return project, serving


def ask(serving: ServingFunction, minute: int, start: datetime, random: np.random.Generator) -> pd.DataFrame:
    """One minute's requests, by HTTP; the rows that were asked about."""
    asked = []
    for number in range(REQUESTS):
        shift = 3.0 if minute >= SHIFTED_FROM else 0.0
        rows = frame(random.normal(size=ROWS) + shift, random.integers(0, 3, ROWS))
        when = start + timedelta(minutes=minute, seconds=60 * number / REQUESTS)
        inputs = rows[["amount", "kind"]].to_numpy().tolist()
        answer = serving.invoke("/v2/models/half/infer", {"inputs": inputs, "timestamp": when.isoformat()})
        assert answer["outputs"] == rows[["half"]].to_numpy().tolist()
        asked.append(rows)
    return pd.concat(asked)


def test_drift_of_a_model_that_is_asked_by_http_is_found_through_kafka(streams, tmp_path):
    random = np.random.default_rng(1)
    reference = trained_on(random)
    project, serving = monitored(tmp_path / "project", reference, streams)
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    with Runner(project.context, tell=lambda level, text: None) as runner:
        runner.wait_until_ready(PATIENCE_SECONDS)
        asked = [ask(serving, minute, start, random) for minute in range(MINUTES)]
        (endpoint,) = project.list_model_endpoints()
        # What waits at the model server, no chain knows of.
        eventually(
            lambda: sum(found_rows(project.settings, endpoint.endpoint_id)),
            lambda rows: rows == MINUTES * REQUESTS * ROWS,
        )
        runner.wait_until_idle(PATIENCE_SECONDS)
    assert not (project.context / ".modelmon" / "streams").exists(), "all of it went through Kafka"
    found = results(project.settings, endpoint.endpoint_id)
    for minute, rows in enumerate(asked):
        # The requests end within the last minute: what it shows is no verdict.
        incomplete = END if minute == MINUTES - 1 else 0
        expected = run_app(
            HistogramDataDriftApplication(),
            rows,
            reference,
            label_names=["half"],
            window_incomplete=incomplete,
        )
        for name in ("general_drift", "feature_drift"):
            value, status = found[start + timedelta(minutes=minute), name]
            assert value == pytest.approx(expected.result(name).value)
            assert status == expected.result(name).status.value
    drifted = [found[start + timedelta(minutes=minute), "feature_drift"][1] for minute in range(MINUTES)]
    assert drifted == [NO_DETECTION] * 3 + [DETECTED] * 2 + [IRRELEVANT]
    for name in ("events_url", "writer_url"):
        check_read(getattr(project.settings, name), project.settings)
    assert sum(found_rows(project.settings, endpoint.endpoint_id)) == MINUTES * REQUESTS * ROWS


def results(settings: Settings, endpoint_id: str) -> dict[tuple[datetime, str], tuple[float, int | None]]:
    database, series = open_records(settings), open_series(settings)
    points = list(read_all_values(database, series, [endpoint_id], 0, 2**62))
    database.close()
    series.close()
    return {
        (datetime.fromtimestamp(point.start_us / 1_000_000, UTC), point.name): (point.value, point.status)
        for point in points
    }


def found_rows(settings: Settings, endpoint_id: str) -> list[int]:
    series = open_series(settings)
    points = series.read_traffic([endpoint_id], 0, 2**62)
    series.close()
    return [point.rows for point in points]


def check_read(url: str, settings: Settings) -> None:
    """All that was published to this stream was read, by one group."""
    stream = open_stream(url, settings=settings)
    committed = [sum(stream.committed(f"chain-{group}").values()) for group in GROUPS]
    assert sum(stream.end_offsets().values()) == sum(committed) > 0
    stream.close()


def modelmon(project: Path, streams: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, told by its environment where the streams are."""
    environ = os.environ | {f"MODELMON_{name.upper()}": value for name, value in streams.items()}
    command = [sys.executable, "-m", "modelmon.cli", *arguments, "--project-dir", str(project)]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=PATIENCE_SECONDS)


def event(number: int) -> str:
    """One request each 10 seconds: 120 of them fill two windows of 10 minutes."""
    when = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=10 * number)).isoformat(" ", "microseconds")
    request = {"id": str(number), "inputs": [[float(number), 1.0]]}
    resp = {"id": str(number), "outputs": [0.5], "model_name": "m"}
    known = {"endpoint_id": "abc", "model": "m", "function_uri": "test/serving", "op": "infer"}
    return json.dumps(known | {"when": when, "microsec": 100, "request": request, "resp": resp})


def test_up_until_idle_analyses_what_lies_in_kafka_and_ends(streams, tmp_path):
    project = make_project(tmp_path / "project", grace_seconds=0, controller_interval_seconds=0.2)
    recorded = project / "recorded.jsonl"
    recorded.write_text("\n".join(map(event, range(120))))
    published = modelmon(project, streams, "publish", str(recorded), "--json")
    topic = f"test-{streams['events_stream']}"  # projects share the broker
    assert json.loads(published.stdout) == {"stream": topic, "published": 120, "published_before": 0}
    up = modelmon(project, streams, "up", "--until-idle", "--timeout", f"{PATIENCE_SECONDS - 20:g}")
    assert up.returncode == 0, up.stderr
    found = json.loads(modelmon(project, streams, "status", "--json").stdout)
    (endpoint,) = found["endpoints"]
    assert (endpoint["endpoint_id"], endpoint["received"], endpoint["stored"]) == ("abc", 120, 120)
    assert endpoint["windows"]["done"] == 2 * 4
    assert {(each["group"], each["lag"]) for each in found["lag"]} >= {
        (f"test-{group}", 0) for group in GROUPS
    }
    assert {each["lag"] for each in found["lag"]} == {0}
    assert {each["result_name"] for each in found["results"]} >= {"general_drift"}


def test_what_kafka_holds_and_nobody_acknowledges_keeps_it_from_being_idle(streams, tmp_path):
    project = make_project(tmp_path / "project", **streams)
    deploy(
        project,
        "deaf",
        "def handler(context, event): pass",
        {"events": stream_trigger(streams["events_stream"])},
    )
    settings = Settings.load(project)
    stream = open_stream(settings.events_url, 2, settings)
    stream.publish([("a", b"{}"), ("b", b"{}"), ("c", b"{}")])
    stream.close()
    with Runner(project, tell=lambda level, text: None) as runner:
        runner.wait_until_ready(PATIENCE_SECONDS)
        with pytest.raises(UnavailableError, match="deaf has 3 messages to read"):
            runner.wait_until_idle(2.0)
