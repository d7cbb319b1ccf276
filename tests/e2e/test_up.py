"""`modelmon up` as a person starts and ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploying import HTTP, deploy, eventually, make_project, runner_report, stream_trigger, workers_of
from modelmon.ledger import registry, schema
from modelmon.ledger.records import open_records
from modelmon.settings import Settings
from modelmon.streams import open_stream
from project_support import DEFAULT_APPS

pytestmark = pytest.mark.e2e

SLOW_TO_END = """
    import time
    def init_context(context):
        context.platform.set_termination_callback(lambda: time.sleep(60))
    def handler(context, event):
        return {}
"""
NEVER_ACKNOWLEDGES = "def handler(context, event): pass"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that was told before what it wants monitored: nothing."""
    made = make_project(tmp_path / "project")
    records = open_records(Settings.load(made))
    with records.write() as connection:
        registry.put_function(
            connection, "modelmon-stream", "infra", {}, deployed=False, now_us=time.time_ns() // 1000
        )
    records.close()
    return made


@contextmanager
def up(
    project: Path, *arguments: str, sigint: Any = signal.SIG_DFL, **more: Any
) -> Iterator[subprocess.Popen[str]]:
    """The command, with what its parent does with SIGINT: nothing, also where the tests' own ignores it."""
    command = [sys.executable, "-m", "modelmon", "up", *arguments, "--project-dir", str(project)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, sigint), **more,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ready(project: Path, name: str) -> None:
    eventually(
        lambda: [each["state"] for each in workers_of(project, name)], lambda states: states == ["ready"]
    )


def test_until_idle_ends_by_itself(project: Path) -> None:
    deploy(project, "web", "def handler(context, event): pass", {"http": HTTP})
    with up(project, "--until-idle") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "idle: everything published is analysed" in said


def test_a_project_that_was_never_told_gets_its_monitoring_and_analyses_what_is_published(
    tmp_path: Path,
) -> None:
    project = make_project(
        tmp_path / "fresh", base_period=10, grace_seconds=0, controller_interval_seconds=0.2
    )
    recorded = project / "recorded.jsonl"
    recorded.write_text("\n".join(map(event, range(120))))
    published = modelmon(project, "publish", str(recorded), "--json")
    assert published == {"stream": "events", "published": 120, "published_before": 0}
    with up(project, "--until-idle") as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    found = modelmon(project, "status", "--json")
    (endpoint,) = found["endpoints"]
    assert (endpoint["endpoint_id"], endpoint["received"], endpoint["stored"]) == ("abc", 120, 120)
    assert endpoint["windows"]["done"] == 2 * len(DEFAULT_APPS - {"model-performance"})  # which sleeps
    assert {each["lag"] for each in found["lag"]} == {0}
    assert {each["result_name"] for each in found["results"]} >= {"general_drift"}
    names = {each["name"] for each in found["functions"]}
    assert names == {
        "modelmon-stream",
        "modelmon-controller",
        "modelmon-writer",
        "modelmon-notifier",
        *DEFAULT_APPS,
    }


def event(number: int) -> str:
    """One request each 10 seconds: 120 of them fill two windows of 10 minutes."""
    when = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=10 * number)).isoformat(" ", "microseconds")
    request = {"id": str(number), "inputs": [[float(number), 1.0]]}
    resp = {"id": str(number), "outputs": [0.5], "model_name": "m"}
    known = {"endpoint_id": "abc", "model": "m", "function_uri": "test/serving", "op": "infer"}
    return json.dumps(known | {"when": when, "microsec": 100, "request": request, "resp": resp})


def modelmon(project: Path, *arguments: str) -> Any:
    command = [sys.executable, "-m", "modelmon.cli", *arguments, "--project-dir", str(project)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def test_until_idle_gives_up_after_the_timeout_and_says_what_is_left(project: Path) -> None:
    deploy(project, "deaf", NEVER_ACKNOWLEDGES, {"events": stream_trigger()})
    stream = open_stream(Settings.load(project).events_url, 2)
    stream.publish([("", b"{}")])
    stream.close()
    with up(project, "--until-idle", "--timeout", "15") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "error: not idle after 15 s: deaf has 1 message to read" in said.replace("\n", " ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_in_order(project: Path, number: signal.Signals) -> None:
    deploy(project, "web", "def handler(context, event): pass", {"http": HTTP})
    with up(project) as process:
        ready(project, "web")
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert runner_report(project)["pid"] is None


def test_started_to_ignore_interrupts_it_says_how_to_end_it_and_ends_in_order(project: Path) -> None:
    deploy(project, "web", "def handler(context, event): pass", {"http": HTTP})
    with up(project, sigint=signal.SIG_IGN) as process:
        ready(project, "web")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert f"it was started to ignore Ctrl-C (SIGINT): `kill {process.pid}` ends it" in said
    assert runner_report(project)["pid"] is None


def test_an_interrupt_before_it_has_begun_shows_no_traceback(project: Path) -> None:
    imported = project / "typer.py"
    imported.write_text("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)")
    with up(project, env=os.environ | {"PYTHONPATH": str(project)}) as process:
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (-signal.SIGINT, "")


def test_a_second_interrupt_ends_it_at_once(project: Path) -> None:
    deploy(project, "slow", SLOW_TO_END, {"http": HTTP})
    with up(project) as process:
        ready(project, "slow")
        process.send_signal(signal.SIGINT)
        eventually(
            lambda: [each["state"] for each in workers_of(project, "slow")], lambda s: s == ["stopping"]
        )
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_a_second_one_is_refused_in_one_line(project: Path) -> None:
    deploy(project, "web", "def handler(context, event): pass", {"http": HTTP})
    with up(project) as first:
        ready(project, "web")
        with up(project) as second:
            _, said = second.communicate(timeout=60)
        assert second.returncode == 2
        assert f"error: this project is run already, by process {first.pid}" in said
        assert "Traceback" not in said


def test_until_idle_ends_where_no_controller_is_left_to_look_at_the_rows(project: Path) -> None:
    records = open_records(Settings.load(project))
    with records.write() as connection:
        connection.execute(schema.dirty.insert().values(endpoint_id="e", minute_us=0, version=1, rows=1))
    records.close()
    with up(project, "--until-idle", "--timeout", "30") as process:
        assert process.wait(60) == 0
