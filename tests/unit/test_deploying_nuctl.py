"""What is asked of nuctl before it deploys, what is seen of it while it does, and when it is ended."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import nuctl_stand_in
from deploying import HTTP, deploy, eventually, is_alive, make_project
from modelmon.deploying import procedure, progress
from modelmon.deploying.nuctl_process import run
from modelmon.deploying.procedure import Prepared, prepare
from modelmon.deploying.there import FunctionThere, is_not_there, read_functions
from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.wheel import pack_wheel
from nuctl_stand_in import SERVERS

pytestmark = pytest.mark.slow  # starts processes

SOME = ["modelmon-writer", "modelmon-stream", "modelmon-controller"]
OURS, NOBODYS = FunctionThere("a"), FunctionThere()


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return nuctl_stand_in.install(tmp_path / "nuctl", monkeypatch)


@pytest.fixture
def ends(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose nuctl hangs takes too long."""
    nuctl_stand_in.end_when_hanging(notes, monkeypatch)


def prepared(folder: Path, project: str = "flights", names: Sequence[str] = SOME) -> Prepared:
    settings = Settings(project=project, **SERVERS)
    return prepare(settings, folder / project, platform="local", names=names, wheel=pack_wheel(folder))


def deployed(notes: Path) -> list[str]:
    return [call[1] for call in nuctl_stand_in.calls(notes) if call[0] == "deploy"]


class TestNamespace:
    def test_a_function_of_another_project_is_not_replaced(self, notes: Path, tmp_path: Path) -> None:
        procedure.deploy(prepared(tmp_path, "flights"), lambda what: None)
        before = deployed(notes)
        with pytest.raises(ConfigError) as refused:
            procedure.deploy(prepared(tmp_path, "trains"), lambda what: None)
        assert "modelmon-writer: the namespace 'nuclio' has a function of this name" in str(refused.value)
        assert "belongs to Nuclio's project 'flights', not to 'trains'" in str(refused.value)
        assert "a namespace of its own (nuclio_namespace, --namespace)" in str(refused.value)
        assert deployed(notes) == before

    def test_not_even_the_last_of_them(self, notes: Path, tmp_path: Path) -> None:
        nuctl_stand_in.put(notes, "modelmon-controller", "trains")
        with pytest.raises(ConfigError, match="modelmon-controller: the namespace"):
            procedure.deploy(prepared(tmp_path), lambda what: None)
        assert nuctl_stand_in.calls(notes) == []

    def test_our_own_are_deployed_anew(self, notes: Path, tmp_path: Path) -> None:
        for _ in range(2):
            procedure.deploy(prepared(tmp_path, names=["modelmon-writer"]), lambda what: None)
        assert deployed(notes) == ["modelmon-writer", "modelmon-writer"]

    def test_a_function_of_another_project_is_not_deleted(self, notes: Path) -> None:
        settings = Settings().changed(project="flights", platform="local", **SERVERS)
        nuctl_stand_in.put(notes, "rows", "trains")
        procedure.delete_function(settings, "rows", lambda what: None)
        assert nuctl_stand_in.calls(notes) == []
        nuctl_stand_in.put(notes, "rows", "flights")
        procedure.delete_function(settings, "rows", lambda what: None)
        assert [call[:3] for call in nuctl_stand_in.calls(notes)] == [["delete", "function", "rows"]]

    @pytest.mark.parametrize(
        ("answer", "found"),
        [
            ('{"metadata": {"name": "w", "labels": {"nuclio.io/project-name": "a"}}}', {"w": OURS}),
            ('26.11 nuctl (D) [x]\n[{"metadata": {"name": "w"}}, 3]\nmore', {"w": NOBODYS, "None": NOBODYS}),
            ("[not json\n{}", {"None": NOBODYS}),
            ('{"metadata": {"name": "w", "labels": null}, "status": []}', {"w": NOBODYS}),
            ("No functions found", None),
            ("[" * 100_000, None),
        ],
        ids=["one", "list", "no-json", "no-label", "none", "deep"],
    )  # fmt: skip
    def test_functions_are_found_in_what_nuctl_prints(self, answer: str, found: Any) -> None:
        assert read_functions(answer) == found

    @pytest.mark.parametrize(
        ("said", "is_so"),
        [
            ("No functions found", True),
            ('functions.nuclio.io "web" not found', True),
            ('exec: "docker": executable file not found in $PATH', False),
            ("/bin/sh: docker: command not found", False),
            ("/bin/sh: 1: docker: not found", False),
        ],
        ids=["local", "kube", "path", "bash", "sh"],
    )
    def test_without_docker_nothing_is_taken_for_deleted(self, said: str, is_so: bool) -> None:
        assert is_not_there(said) is is_so

    def test_an_answer_that_can_not_be_read_is_said(self, notes: Path, tmp_path: Path) -> None:
        (notes / "answer").write_text("something new")
        told: list[str] = []
        procedure.deploy(prepared(tmp_path), told.append)
        assert "modelmon-controller: whose they are can't be read from nuctl's answer; they are t" in told[0]

    def test_a_nuctl_that_does_not_answer_is_not_waited_for_long(self, notes: Path, ends: None) -> None:
        (notes / "silent").touch()
        settings = Settings().changed(project="flights", platform="local", **SERVERS)
        with pytest.raises(UnavailableError, match=r"took longer than 60 s and was ended: it said nothing"):
            procedure.address(settings, "web")


class TestBeingDeployed:
    """Nuclio takes nothing for a function that is being deployed, nor for one whose deployer has vanished."""

    FREE = "nuctl delete function modelmon-stream --platform local --namespace nuclio --force"

    @pytest.mark.parametrize("state", ["building", "waitingForResourceConfiguration"])
    def test_by_somebody_else_it_is_refused_before_anything_is_done(
        self, notes: Path, tmp_path: Path, state: str
    ) -> None:
        nuctl_stand_in.put(notes, "modelmon-stream", "flights", state)
        with pytest.raises(UnavailableError) as refused:
            procedure.deploy(prepared(tmp_path), lambda what: None)
        said = str(refused.value)
        assert f"modelmon-stream: Nuclio says that it is being deployed (state {state!r})" in said
        assert self.FREE in said
        assert nuctl_stand_in.calls(notes) == []

    def test_it_is_not_deleted_either(self, notes: Path, tmp_path: Path) -> None:
        nuctl_stand_in.put(notes, "modelmon-stream", "flights", "building")
        settings = Settings().changed(
            project="flights", platform="local", project_dir=str(tmp_path), **SERVERS
        )
        with pytest.raises(UnavailableError, match=r"free it by\n  nuctl delete function modelmon-stream"):
            procedure.delete_function(settings, "modelmon-stream", lambda what: None)
        assert nuctl_stand_in.calls(notes) == []

    def test_after_a_deployment_that_took_too_long_it_is_freed(
        self, notes: Path, tmp_path: Path, ends: None
    ) -> None:
        ready = took_too_long(notes, tmp_path)
        assert nuctl_stand_in.state(notes, "web") == "building"
        told: list[str] = []
        procedure.deploy(ready, told.append)
        free = "nuctl delete function web --platform local --namespace nuclio --force"
        assert f"  its last deployment was interrupted and Nuclio still holds it; freed by: {free}" in told
        assert nuctl_stand_in.state(notes, "web") == "ready"

    def test_it_is_freed_to_be_deleted_too(self, notes: Path, tmp_path: Path, ends: None) -> None:
        took_too_long(notes, tmp_path)
        procedure.delete_function(Settings.load(tmp_path), "web", lambda what: None)
        assert nuctl_stand_in.state(notes, "web") == ""

    def test_what_failed_by_itself_is_not_taken_for_interrupted(self, notes: Path, tmp_path: Path) -> None:
        (notes / "fail-web").touch()
        ready = prepared_in_project(tmp_path)
        with pytest.raises(UnavailableError):
            procedure.deploy(ready, lambda what: None)
        nuctl_stand_in.put(notes, "web", "flights", "building")  # by somebody else, since
        with pytest.raises(UnavailableError, match="being deployed"):
            procedure.deploy(ready, lambda what: None)


def prepared_in_project(folder: Path) -> Prepared:
    make_project(folder, **SERVERS | {"project": "flights", "platform": "local"})
    deploy(folder, "web", "handler = print", {"http": HTTP})
    return prepare(Settings.load(folder), folder / "bundle", wheel=pack_wheel(folder))


def took_too_long(notes: Path, folder: Path) -> Prepared:
    """A project whose function web was being deployed when the time was over."""
    (notes / "hang-web").touch()
    ready = prepared_in_project(folder)
    with pytest.raises(UnavailableError, match=r"took longer than 7 s and was ended \(deploy --timeout\)"):
        procedure.deploy(ready, lambda what: None, timeout_seconds=7)
    (notes / "hang-web").unlink()
    return ready


class TestHanging:
    def test_a_nuctl_that_hangs_is_ended_and_named(self, notes: Path, tmp_path: Path, ends: None) -> None:
        (notes / "hang-modelmon-stream").touch()
        told: list[str] = []
        with pytest.raises(UnavailableError) as failed:
            procedure.deploy(prepared(tmp_path), told.append, timeout_seconds=7)
        said = str(failed.value)
        assert "`nuctl deploy modelmon-stream --project-name " in said
        assert "took longer than 7 s and was ended" in said
        assert "deployed: modelmon-writer; not deployed: modelmon-stream, modelmon-controller" in said
        assert deployed(notes) == ["modelmon-writer", "modelmon-stream"]
        pids = [int(pid) for pid in (notes / "hung").read_text().split()]
        eventually(lambda: not any(map(is_alive, pids)))

    def test_what_nuctl_does_is_told_before_it_ends_and_its_log_has_no_secrets(
        self, notes: Path, tmp_path: Path, ends: None
    ) -> None:
        (notes / "hang-modelmon-writer").touch()
        told: list[str] = []
        with pytest.raises(UnavailableError) as failed:
            procedure.deploy(prepared(tmp_path), told.append, timeout_seconds=7)
        assert told[:4] == [
            "deploying modelmon-writer (1 of 3) …",
            "  preparing its files",
            "  pulling registry.example/nuclio/uhttpc:0.0.1-amd64",
            "  building its image",
        ]
        log = (tmp_path / "flights" / "modelmon-writer.deploy.log").read_text()
        assert log.startswith("nuctl deploy modelmon-writer --project-name flights")
        assert '--env MODELMON_RECORDS_URL="$MODELMON_RECORDS_URL"' in log
        assert "Building docker image" in log
        assert "hunter2" not in str(told) + log + str(failed.value)

    def test_of_a_function_that_never_gets_ready_the_container_says_why(
        self, notes: Path, tmp_path: Path, ends: None
    ) -> None:
        (notes / "wait-modelmon-writer").touch()
        nuctl_stand_in.install_docker(notes, nuctl_stand_in.NO_SKLEARN)
        with pytest.raises(UnavailableError) as failed:
            procedure.deploy(prepared(tmp_path), lambda what: None, timeout_seconds=7)
        said = str(failed.value)
        assert said.startswith("modelmon-writer: ModuleNotFoundError: No module named 'sklearn'")
        assert "its log ends (docker logs nuclio-nuclio-modelmon-writer):" in said
        assert "took longer than 7 s and was ended (deploy --timeout)" in said

    def test_without_a_known_reason_the_time_and_the_step_are_named_and_no_warning(
        self, notes: Path, tmp_path: Path, ends: None
    ) -> None:
        (notes / "wait-modelmon-writer").touch()
        nuctl_stand_in.install_docker(notes, "26.11.29 22:31:26.262 (W) processor No metric sinks configured")
        with pytest.raises(UnavailableError) as failed:
            procedure.deploy(prepared(tmp_path), lambda what: None, timeout_seconds=7)
        first, *more = str(failed.value).splitlines()
        assert first == ("modelmon-writer: took longer than 7 s, its last step: waiting until it is ready")
        assert "  No metric sinks configured" in more

    def test_a_docker_that_does_not_answer_is_named(self, notes: Path, tmp_path: Path) -> None:
        (notes / "no-docker").touch()
        with pytest.raises(UnavailableError) as failed:
            procedure.deploy(prepared(tmp_path), lambda what: None)
        assert str(failed.value).endswith(f"failed (exit code 1): {nuctl_stand_in.NO_DOCKER}")

    def test_an_image_that_is_not_built_has_no_container_that_could_say_why(
        self, notes: Path, tmp_path: Path
    ) -> None:
        (notes / "fail-modelmon-writer").touch()
        nuctl_stand_in.install_docker(notes, nuctl_stand_in.NO_SKLEARN)  # of the one before
        with pytest.raises(UnavailableError, match=r"^modelmon-writer: No matching distribution found"):
            procedure.deploy(prepared(tmp_path), lambda what: None)
        assert not (notes / "asked").exists()

    def test_a_step_that_goes_on_is_told_again(
        self, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []
        again = "  still building its image, for "
        monkeypatch.setattr(progress, "REMIND_SECONDS", 0.1)
        nuctl_stand_in.end_when_hanging(
            notes, monkeypatch, until=lambda: any(each.startswith(again) for each in told)
        )
        (notes / "hang-modelmon-writer").touch()
        with pytest.raises(UnavailableError):
            procedure.deploy(prepared(tmp_path), told.append, timeout_seconds=7)
        assert told.index("  building its image") < told.index(f"{again}0 s")

    def test_nothing_is_left_of_it_where_it_was_called(
        self, notes: Path, tmp_path: Path, ends: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, temporary = tmp_path / "here", tmp_path / "temporary"
        here.mkdir()
        temporary.mkdir()
        monkeypatch.chdir(here)
        monkeypatch.setenv("TMPDIR", str(temporary))
        monkeypatch.setattr(tempfile, "tempdir", None)
        (notes / "hang-modelmon-writer").touch()
        with pytest.raises(UnavailableError):
            procedure.deploy(prepared(tmp_path), lambda what: None, timeout_seconds=7)
        assert list(here.iterdir()) == []
        assert [path.name for path in temporary.iterdir() if "nuctl" in path.name] == []

    def test_what_it_has_started_ends_with_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        program = (
            "import os, sys, time\n"
            "child = os.fork()\n"
            "print(child or '', flush=True) if child else None\n"
            "time.sleep(60)\n"
        )
        told: list[str] = []
        monkeypatch.setattr(
            "modelmon.deploying.nuctl_process._wait", lambda *_: eventually(lambda: told) and None
        )
        ended = run([sys.executable, "-c", program], 1, told.append)
        assert ended.code is None
        eventually(lambda: not is_alive(int(told[0])))

    def test_signals_that_somebody_handles_stay_his(self) -> None:
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            assert run([sys.executable, "-c", ""], 60, lambda line: None).code == 0
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
        finally:
            signal.signal(signal.SIGTERM, before)
