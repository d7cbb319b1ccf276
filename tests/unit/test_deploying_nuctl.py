"""What is asked of nuctl before it deploys, what is seen of it while it does, and when it is ended."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import nuctl_stand_in
from modelmon.deploying import steps
from modelmon.deploying.ownership import project_in
from modelmon.deploying.running import run
from modelmon.deploying.steps import Prepared, prepare
from modelmon.errors import ConfigError, UnavailableError
from modelmon.settings import Settings
from modelmon.wheel import pack_wheel
from nuctl_stand_in import SERVERS, WHEEL


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return nuctl_stand_in.install(tmp_path / "nuctl", monkeypatch)


def prepared(folder: Path, project: str = "flights") -> Prepared:
    pack_wheel(folder)
    settings = Settings(project=project, **SERVERS)
    return prepare(settings, folder / project, platform="local", wheel=folder / WHEEL)


def deployed(notes: Path) -> list[str]:
    return [call[1] for call in nuctl_stand_in.calls(notes) if call[0] == "deploy"]


class TestNamespace:
    def test_a_function_of_another_project_is_not_replaced(self, notes: Path, tmp_path: Path) -> None:
        steps.deploy(prepared(tmp_path, "flights"), lambda what: None)
        before = deployed(notes)
        with pytest.raises(ConfigError) as refused:
            steps.deploy(prepared(tmp_path, "trains"), lambda what: None)
        assert "modelmon-writer: the namespace 'nuclio' has a function of this name" in str(refused.value)
        assert "belongs to Nuclio's project 'flights', not to 'trains'" in str(refused.value)
        assert "a namespace of its own (nuclio_namespace, --namespace)" in str(refused.value)
        assert deployed(notes) == before

    def test_not_even_the_last_of_them(self, notes: Path, tmp_path: Path) -> None:
        (notes / "there-modelmon-serving").write_text("trains")
        with pytest.raises(ConfigError, match="modelmon-serving: the namespace"):
            steps.deploy(prepared(tmp_path), lambda what: None)
        assert nuctl_stand_in.calls(notes) == []

    def test_our_own_are_deployed_anew(self, notes: Path, tmp_path: Path) -> None:
        for _ in range(2):
            steps.deploy(prepared(tmp_path), lambda what: None)
        assert deployed(notes) == [*nuctl_stand_in.ORDER, *nuctl_stand_in.ORDER]

    def test_a_function_of_another_project_is_not_deleted(self, notes: Path) -> None:
        settings = Settings(project="flights", platform="local", **SERVERS)
        (notes / "there-rows").write_text("trains")
        steps.delete_function(settings, "rows")
        assert nuctl_stand_in.calls(notes) == []
        (notes / "there-rows").write_text("flights")
        steps.delete_function(settings, "rows")
        assert [call[:3] for call in nuctl_stand_in.calls(notes)] == [["delete", "function", "rows"]]

    @pytest.mark.parametrize(
        ("answer", "project"),
        [
            ('{"metadata": {"labels": {"nuclio.io/project-name": "a"}}}', "a"),
            ('26.11 nuctl (D) [x]\n[{"metadata": {"labels": {"nuclio.io/project-name": "a"}}}]\nmore', "a"),
            ("[not json\n{}", None),
            ('{"metadata": {"labels": null}}', None),
            ("No functions found", None),
            ("[" * 100_000, None),
        ],
        ids=["one", "list", "no-json", "no-label", "none", "deep"],
    )
    def test_the_project_is_found_in_what_nuctl_prints(self, answer: str, project: str | None) -> None:
        assert project_in(answer) == project


class TestHanging:
    def test_a_nuctl_that_hangs_is_ended_and_named(self, notes: Path, tmp_path: Path) -> None:
        (notes / "hang-modelmon-stream").touch()
        told: list[str] = []
        with pytest.raises(UnavailableError) as failed:
            steps.deploy(prepared(tmp_path), told.append, timeout_seconds=2)
        said = str(failed.value)
        assert "modelmon-stream: `nuctl deploy modelmon-stream --path " in said
        assert "took longer than 2 s and was ended" in said
        assert "deployed: modelmon-writer; not deployed: modelmon-stream, histogram-data-drift" in said
        assert deployed(notes) == ["modelmon-writer", "modelmon-stream"]

    def test_what_nuctl_says_is_told_before_it_ends_and_without_secrets(
        self, notes: Path, tmp_path: Path
    ) -> None:
        (notes / "hang-modelmon-writer").touch()
        told: list[str] = []
        with pytest.raises(UnavailableError):
            steps.deploy(prepared(tmp_path), told.append, timeout_seconds=2)
        command = next(each for each in told if "nuctl deploy modelmon-writer" in each)
        assert '--env MODELMON_RECORDS_URL="$MODELMON_RECORDS_URL"' in command
        (said,) = [each for each in told if each.startswith("  Building deploy modelmon-writer")]
        assert "MODELMON_RECORDS_URL=***" in said
        assert "hunter2" not in str(told)

    def test_what_it_has_started_ends_with_it(self, tmp_path: Path) -> None:
        program = (
            "import os, sys, time\n"
            "child = os.fork()\n"
            "print(child or '', flush=True) if child else None\n"
            "time.sleep(60)\n"
        )
        told: list[str] = []
        ended = run([sys.executable, "-c", program], 1, told.append)
        assert ended.code is None
        status = Path(f"/proc/{told[0]}/stat")  # gone, or dead and not yet fetched by who adopted it
        assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"
