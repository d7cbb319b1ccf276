"""After an upgrade, the functions that ModelMon brought run with the code of the installed version."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from modelmon.deploying.renewing import MARK, in_words, mark, renew
from modelmon.function_spec.folders import template
from modelmon.project import Project
from project_support import again, make

OLD_STREAM = '''"""The stream function, as ModelMon wrote it before its steps were functions."""

from modelmon.nuclio import message_handlers
from modelmon.stages.stream import Columns, Commit, Decode, Parts, SamplesTarget, StreamStage, WriteSeries

init_context, handler = message_handlers(StreamStage)
'''
STREAM, DRIFT = "modelmon-stream", "histogram-data-drift"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make(tmp_path)
    project.enable_model_monitoring()
    return project


def folder_of(project: Project, name: str) -> Path:
    return project.context / ".modelmon" / "functions" / name


def age(folder: Path) -> None:
    """Make it what a version from before the mark has left."""
    (folder / MARK).unlink()
    (folder / "main.py").write_text(OLD_STREAM)


def test_a_main_of_an_older_version_is_renewed_and_runs(project: Project) -> None:
    folder = folder_of(project, STREAM)
    age(folder)
    with pytest.raises(ImportError):
        runpy.run_path(str(folder / "main.py"))
    assert renew(project.settings) == [STREAM]
    assert (folder / "main.py").read_bytes() == (template("stream") / "main.py").read_bytes()
    assert callable(runpy.run_path(str(folder / "main.py"))["handler"])
    assert renew(project.settings) == []


def test_the_settings_in_its_function_yaml_and_its_requirements_stay(project: Project) -> None:
    folder = folder_of(project, STREAM)
    age(folder)
    mine = (folder / "function.yaml").read_text().replace("${stream_workers}", "7")
    (folder / "function.yaml").write_text(mine)
    (folder / "requirements.txt").write_text("river==0.21.0\n")
    renew(project.settings)
    assert (folder / "function.yaml").read_text() == mine
    assert (folder / "requirements.txt").read_text() == "river==0.21.0\n"


def test_enabling_again_renews_and_says_so_in_one_line(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    age(folder_of(project, STREAM))
    capsys.readouterr()
    again(project).enable_model_monitoring()
    assert capsys.readouterr().err.splitlines() == [in_words([STREAM])]


def test_a_main_that_somebody_has_changed_is_left(project: Project) -> None:
    for name in (STREAM, DRIFT):
        (folder_of(project, name) / "main.py").write_text("# mine\n")
    (folder_of(project, DRIFT) / MARK).unlink()  # older than the mark
    assert renew(project.settings) == []


def test_what_a_template_of_the_projects_own_has_made_is_left(project: Project) -> None:
    folder = folder_of(project, STREAM)
    age(folder)
    own = project.context / "functions" / "stream"
    own.mkdir(parents=True)
    (own / "function.yaml").write_bytes((folder / "function.yaml").read_bytes())
    assert renew(project.settings) == []


def test_the_drift_app_of_another_version_is_renewed_where_nobody_has_changed_it(project: Project) -> None:
    folder = folder_of(project, DRIFT)
    (folder / "main.py").write_text("# of another version\n")
    mark(folder)
    assert renew(project.settings) == [DRIFT]


def test_only_those_that_are_named_are_renewed(project: Project) -> None:
    age(folder_of(project, STREAM))
    assert renew(project.settings, ["modelmon-writer"]) == []
