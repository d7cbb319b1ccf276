"""The command line where Nuclio runs the project: heartbeats say how functions are, nuctl where they are."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import nuctl_stand_in
from deploying import HTTP, deploy, make_project, stream_trigger
from modelmon.cli import main, output
from modelmon.ledger import heartbeats
from modelmon.ledger.records import open_records
from modelmon.model import Heartbeat, WorkerState
from modelmon.settings import Settings
from modelmon.streams import open_stream


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MODELMON_PROJECT_DIR", raising=False)
    monkeypatch.setattr(output.console, "width", 200)
    made = make_project(tmp_path / "project", platform="local", nuclio_brokers="kafka:9092")
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def modelmon(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["modelmon", *arguments])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    return run


def beat(project: Path, function: str, state: WorkerState) -> None:
    """A heartbeat of a worker of this function, of now."""
    now_us = time.time_ns() // 1000
    records = open_records(Settings.load(project))
    with records.write() as connection:
        heartbeats.put(
            connection,
            Heartbeat(function, "host/1", "events", state, "", now_us, now_us, now_us + 60_000_000),
        )
    records.close()


def functions(modelmon: Any) -> dict[str, Any]:
    """What `functions --json` says of each."""
    return {each["name"]: each for each in json.loads(modelmon("functions", "--json"))["functions"]}


@pytest.fixture
def on_nuclio(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    deploy(project, "reader", "", {"events": stream_trigger()})
    deploy(project, "silent", "", {"events": stream_trigger()})
    deploy(project, "web", "", {"http": HTTP})
    beat(project, "reader", WorkerState.READY)
    open_stream(Settings.load(project).events_url, 2).close()
    return nuctl_stand_in.install(tmp_path / "nuctl", monkeypatch)


def test_what_beats_runs_and_what_does_not_is_named(modelmon: Any, on_nuclio: Path) -> None:
    shown = modelmon("status")
    assert "Not running: silent. `modelmon health` says since when" in shown
    assert "modelmon up" not in shown


def test_each_is_as_its_heartbeats_say_or_nuctl(modelmon: Any, on_nuclio: Path) -> None:
    nuctl_stand_in.put(on_nuclio, "web", "test", port=32768)
    nuctl_stand_in.put(on_nuclio, "reader", "test", port=32770)
    nuctl_stand_in.put(on_nuclio, "silent", "test", port=32769)  # Docker publishes one all the same
    found = functions(modelmon)
    assert {name: each["state"] for name, each in found.items()} == {
        "reader": "ready", "silent": "not running", "web": "ready",
    }  # fmt: skip
    assert (found["web"]["address"], found["silent"]["address"]) == ("127.0.0.1:32768", None)
    assert found["reader"]["workers"] == [
        {"trigger": "events", "worker": "host/1", "state": "ready", "pid": None, "restarts": None,
         "last_exit": None, "failure": None},
    ]  # fmt: skip


def test_without_nuctl_a_function_without_a_heartbeat_is_not_known(
    modelmon: Any, on_nuclio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    found = functions(modelmon)
    assert (found["web"]["state"], found["web"]["address"]) == ("not known", None)
    assert found["web"]["error"].startswith("not known: nuctl is not on the PATH: get it from")
    assert (found["reader"]["state"], found["reader"]["error"]) == ("ready", "")


def test_a_docker_that_does_not_answer_is_why_nothing_is_known(modelmon: Any, on_nuclio: Path) -> None:
    (on_nuclio / "no-docker").touch()
    web = functions(modelmon)["web"]
    assert (web["state"], web["address"]) == ("not known", None)
    assert web["error"].startswith("not known: `nuctl get functions --platform local")
    assert web["error"].endswith(nuctl_stand_in.NO_DOCKER)


def test_what_nuctl_does_not_have_is_not_ready_whatever_was_heard_before(
    modelmon: Any, on_nuclio: Path
) -> None:
    nuctl_stand_in.put(on_nuclio, "web", "test", port=32768)
    assert functions(modelmon)["reader"]["state"] == "not on Nuclio"


def test_records_that_do_not_answer_are_why_nothing_is_known(
    modelmon: Any, on_nuclio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nuctl_stand_in.put(on_nuclio, "reader", "test")
    monkeypatch.setenv("MODELMON_RECORDS_URL", "sqlite:////proc/no/such/folder/records.db")
    found = functions(modelmon)
    assert found["reader"]["state"] == "not known"
    assert found["reader"]["error"].startswith("not known: database folder /proc/no/such/folder")
