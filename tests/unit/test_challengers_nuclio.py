"""What was decided of a challenger is deployed by nuctl: tried again later and later, killed, shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import nuctl_stand_in
from command_line import printed
from deploying import eventually
from modelmon.file_locks import locked
from modelmon.ledger.challengers import BEGUN
from modelmon.model import MINUTE_US, Endpoint, to_us
from modelmon.project import Project
from modelmon.project.deciding import approve, roll_back
from modelmon.project.deploying_decided import LOCK, deploy_decided
from unit.challenging_support import endpoint_of, log, served_project, shown

pytestmark = pytest.mark.slow  # each starts the stand-in for nuctl several times

NO_TOMLI = "ERROR: No matching distribution found for tomli==9"
COMMAND = [sys.executable, "-m", "modelmon.cli", "challenger", "deploy"]


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return nuctl_stand_in.install(tmp_path / "nuctl", monkeypatch)


@pytest.fixture
def project(tmp_path: Path, notes: Path) -> Project:
    project = served_project(tmp_path / "flights", platform="local", nuclio_brokers="kafka:9092")
    log(project, "delay-2", 0.5, challenger_of="delay")
    return project


def deployments(notes: Path) -> int:
    return sum(call[0] == "deploy" for call in nuctl_stand_in.calls(notes))


def on_nuclio(notes: Path) -> str:
    """The model in the folder that Nuclio has taken last."""
    (*_, call) = (each for each in nuctl_stand_in.calls(notes) if each[0] == "deploy")
    served = json.loads((Path(call[call.index("--path") + 1]) / "serving.json").read_text())
    path: str = served["models"][0]["model_path"]
    return path


def compared_with(endpoint: Endpoint) -> Any:
    return endpoint.model_uri, endpoint.feature_stats, endpoint.profile_hash


def test_approved_it_is_deployed_by_nuctl_and_taken_back(project: Project, notes: Path) -> None:
    assert approve(project, 1, "as it is").state == "deployed"
    assert on_nuclio(notes) == "models/delay-2/limit.txt"
    assert endpoint_of(project).model_uri == "store://models/flights/delay-2"
    assert roll_back(project, 1).state == "rolled back"
    assert on_nuclio(notes) == "models/delay/limit.txt"


def test_what_nuclio_does_not_take_is_tried_again_later_and_later(
    project: Project, notes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(*arguments: str, code: int) -> str:
        where = ["--project-dir", str(project.context)]
        return printed(monkeypatch, capsys, *arguments, *where, code=code)

    before = endpoint_of(project)
    (notes / "fail-serving").write_text(NO_TOMLI)
    told = ask("challenger", "approve", "1", "--comment", "as it is", code=1)
    assert "It is not deployed yet, after 1 try" in told
    assert "No matching distribution found for tomli==9" in told
    assert compared_with(endpoint_of(project)) == compared_with(before), "the champion answers still"
    assert "approved, not deployed" in ask("challenger", "list", code=0)
    assert "delay-2 is approved. It is not deployed yet, after 1 try" in ask("health", code=1)
    asked = deployments(notes)
    assert "The next try is due at" in ask("challenger", "deploy", "--due", code=1)
    assert deployments(notes) == asked
    waits = []
    for _ in range(3):
        next_us = due_us(project)
        deploy_decided(project, due_us=next_us - 1)
        assert deployments(notes) == asked
        deploy_decided(project, due_us=next_us)
        asked += 1
        assert deployments(notes) == asked
        waits.append((shown(project).tries, shown(project).state))
    assert waits == [(2, "approved"), (3, "approved"), (4, "approved")]
    (notes / "fail-serving").unlink()
    assert "It is deployed" in ask("challenger", "deploy", code=0)
    assert (shown(project).why, shown(project).next_try) == ("", None)
    assert compared_with(endpoint_of(project)) != compared_with(before)
    assert "Nothing is left" in ask("challenger", "deploy", "--due", code=0)


def test_where_nuctl_or_the_folder_is_not_it_waits_for_who_has_them(
    project: Project, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PATH", "/nowhere")
        found = approve(project, 1, "as it is")
        assert (found.state, found.tries, found.next_us) == ("approved", 0, None)
        assert found.why == "nuctl is not here; call `modelmon challenger deploy` where it is"
        assert not shown(project).is_stuck(shown(project).decided)  # type: ignore[arg-type]
        assert shown(project).is_stuck(shown(project).decided + timedelta(minutes=15))  # type: ignore[operator]
    (found,) = deploy_decided(project, due_us=0)
    assert (found.state, on_nuclio(notes)) == ("deployed", "models/delay-2/limit.txt")


def due_us(project: Project) -> int:
    """When the next try is due."""
    found = shown(project)
    assert found.next_try is not None
    return to_us(found.next_try)


def test_while_another_one_deploys_a_scheduled_job_does_nothing(project: Project, notes: Path) -> None:
    (notes / "fail-serving").write_text(NO_TOMLI)
    approve(project, 1, "as it is")
    asked = deployments(notes)
    with locked(project.context / ".modelmon" / LOCK):
        (found,) = deploy_decided(project, due_us=due_us(project))
        assert (found.state, deployments(notes)) == ("approved", asked)
    (notes / "fail-serving").unlink()
    (found,) = deploy_decided(project, due_us=due_us(project))
    assert (found.state, deployments(notes)) == ("deployed", asked + 1)


@pytest.mark.e2e
def test_killed_while_nuctl_deploys_it_stands_as_it_was_decided_and_is_deployed_by_the_next(
    project: Project, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PATH", "/nowhere")
        approve(project, 1, "as it is")
    before = endpoint_of(project)
    (notes / "hang-serving").touch()
    killed = subprocess.Popen(
        [*COMMAND, "--project-dir", str(project.context)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    eventually((notes / "hanging").exists, within=120.0)
    assert (shown(project).state, shown(project).tries, shown(project).why) == ("approved", 1, BEGUN)
    pids = [killed.pid, *map(int, (notes / "hanging").read_text().split())]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    killed.communicate()
    assert nuctl_stand_in.state(notes, "serving") == "building"
    assert compared_with(endpoint_of(project)) == compared_with(before)
    (notes / "hang-serving").unlink()
    (found,) = deploy_decided(project, due_us=due_us(project) - MINUTE_US)
    assert found.state == "approved", "who is killed again and again waits longer, too"
    (found,) = deploy_decided(project, due_us=due_us(project))
    assert (found.state, nuctl_stand_in.state(notes, "serving")) == ("deployed", "ready")
    freed = [call[2:] for call in nuctl_stand_in.calls(notes) if call[0] == "delete"]
    assert freed == [["serving", "--platform", "local", "--namespace", "nuclio", "--force"]]


def test_what_a_page_in_a_container_decides_is_deployed_from_the_projects_folder(
    project: Project, notes: Path
) -> None:
    """There the state is mounted, and modelmon.yaml is not."""
    inside = project.context / "modelmon.yaml"
    inside.rename(project.context / "elsewhere.yaml")
    assert approve(project, 1, "as it is", who="anna").state == "approved"
    assert "the project's folder is not here" in shown(project).why
    (project.context / "elsewhere.yaml").rename(inside)
    (found,) = deploy_decided(project, due_us=0)
    assert (found.state, found.who, on_nuclio(notes)) == ("deployed", "anna", "models/delay-2/limit.txt")
