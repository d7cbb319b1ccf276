"""The exporter as `modelmon up` runs it: killed between an answer and its cursor, and without its collector.

The collector is `otlp_collector`, a server of ours that reads with `opentelemetry-proto`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploying import eventually, make_project, workers_of
from modelmon.ledger.exporting import backlog
from modelmon.ledger.records import open_records
from modelmon.settings import Settings
from otlp_collector import Collector, Point, Reply

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

EXPORTER = "modelmon-exporter"
KILLS = 3


def event(number: int) -> str:
    """One request each 10 seconds: 360 of them fill six windows of 10 minutes."""
    when = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=10 * number)).isoformat(" ", "microseconds")
    request = {"id": str(number), "inputs": [[float(number), 1.0]]}
    resp = {"id": str(number), "outputs": [0.5], "model_name": "m"}
    known = {"endpoint_id": "abc", "model": "m", "function_uri": "test/serving", "op": "infer"}
    return json.dumps(known | {"when": when, "microsec": 100, "request": request, "resp": resp})


def modelmon(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modelmon", *arguments, "--project-dir", str(project)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@contextmanager
def up(project: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "modelmon", "up", *arguments, "--project-dir", str(project)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=60)
        process.kill()


def published(folder: Path, address: str) -> Path:
    project = make_project(
        folder, base_period=10, grace_seconds=0, controller_interval_seconds=0.2, dashboard="none",
        otlp_endpoint=address, otlp_interval_seconds=1,
    )  # fmt: skip
    recorded = project / "recorded.jsonl"
    recorded.write_text("\n".join(map(event, range(360))))
    done = modelmon(project, "publish", str(recorded))
    assert done.returncode == 0, done.stderr
    return project


def verdicts(project: Path) -> set[tuple[Any, ...]]:
    found = json.loads(modelmon(project, "status", "--json", "--since", "2025-01-01").stdout)
    return {
        (each["application_name"], each["result_name"], ended(each), each["result_value"])
        for each in found["results"]
    }


def ended(result: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(result["end_infer_time"])


def sent(points: list[Point]) -> set[tuple[Any, ...]]:
    return {
        (each.said["app.name"], each.about, datetime.fromtimestamp(each.time_ns / 1e9, UTC), each.value)
        for each in points
        if each.name.endswith(".result")
    }


def test_an_exporter_that_is_killed_before_its_cursor_moves_sends_every_verdict(tmp_path: Path) -> None:
    killed: list[int] = []
    with Collector() as collector:
        project = published(tmp_path / "project", collector.address)

        def kill_first(points: list[Point]) -> Reply:
            pid = workers_of(project, EXPORTER)[0]["pid"]
            if len(killed) < KILLS and pid not in killed:
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)
            return Reply()

        collector.answers = kill_first
        with up(project, "--until-idle") as process:
            _, said = process.communicate(timeout=400)
        assert process.returncode == 0, said
    assert len(killed) == KILLS
    expected = verdicts(project)
    assert len(expected) >= 6
    assert sent(collector.taken) == expected
    assert len(collector.taken) > len({(each.about, each.time_ns) for each in collector.taken})


def test_health_says_that_the_collector_is_not_there_and_verdicts_wait(tmp_path: Path) -> None:
    with Collector() as gone:
        pass
    project = published(tmp_path / "project", gone.address)
    with up(project):
        told = eventually(
            lambda: json.loads(modelmon(project, "health", EXPORTER, "--json").stdout or "{}"),
            lambda found: "does not answer" in str(found),
            within=240,
        )
        (exporter,) = told["functions"]
        assert exporter["state"] == "waiting"
        assert exporter["behind_messages"] > 0
        with Collector(gone.port) as back:
            records = open_records(Settings.load(project))

            def left() -> int:
                with records.read() as connection:
                    return backlog(connection).windows

            eventually(left, lambda windows: windows == 0, within=240)
            records.close()
    assert len(sent(back.taken)) >= 6
