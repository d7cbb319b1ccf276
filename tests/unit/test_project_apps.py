"""Monitoring apps of a project: where their code may come from, and what deploying them does."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from modelmon.apps import HistogramDataDriftApplication
from modelmon.errors import ConfigError
from modelmon.function_spec.function_yaml import read_function
from modelmon.ledger import answers, heartbeats, outbox, registry
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.records import open_records
from modelmon.ledger.reports import AppReport
from modelmon.model import Answer, Heartbeat, WindowKey, WorkerState
from modelmon.model_monitoring.locating import opened
from modelmon.nuclio.kept import kept
from modelmon.project import Project
from modelmon.streams import open_stream
from project_support import APP, again, deployed, make, write


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


@pytest.mark.parametrize(
    "name", ["no.such.Class", "modelmon.nowhere.Class", "json.decoder.below.Class", "Rows.", "json..Class"]
)
def test_a_class_of_a_package_that_nothing_brings_is_refused(project: Project, name: str) -> None:
    with pytest.raises(ConfigError, match=f"application_class: '{name}' can't be found, there is no module "):
        project.set_model_monitoring_function("rows", application_class=name)
    assert project.list_model_monitoring_functions() == []


@pytest.mark.parametrize(
    "given",
    [
        {"application_class": "no.such.Class", "requirements": ["no-such"]},
        {"application_class": "no.such.Class", "image": "mine:1"},
        {"application_class": "rows_app.Rows", "func": "rows_app.py"},
        {"application_class": "modelmon.apps.HistogramDataDriftApplication"},
        {"application_class": "json.decoder.JSONDecoder", "func": "rows_app.py"},
    ],
)
def test_a_class_that_may_be_there_when_the_app_runs_is_taken(
    project: Project, given: dict[str, str]
) -> None:
    app = project.set_model_monitoring_function("rows", **given)
    assert app.spec.class_name == given["application_class"]


def folder_of(project: Project, name: str) -> Path:
    return project.context / ".modelmon" / "functions" / name


def registered(project: Project) -> dict[str, int | None]:
    records = open_records(project.settings)
    with records.read() as connection:
        found = {app.name: app.base_period for app in registry.active_apps(connection)}
    records.close()
    return found


def started_app(project: Project, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The app object that the deployed folder's main.py makes, as its worker would."""
    folder = folder_of(project, name)
    monkeypatch.setenv("MODELMON_PROJECT_DIR", str(project.context))
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location(f"main_of_{name.replace('-', '_')}", folder / "main.py")
    assert spec is not None
    assert spec.loader is not None
    main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(main)
    context = types.SimpleNamespace(
        user_data=types.SimpleNamespace(),
        logger=types.SimpleNamespace(),
        worker_id="0",
        trigger=types.SimpleNamespace(kind="kafka-cluster", name="windows"),
        platform=types.SimpleNamespace(
            set_drain_callback=lambda callback: None, set_termination_callback=lambda callback: None
        ),
    )

    async def start() -> Any:
        await main.init_context(context)
        stage = await kept(context).stage()
        await stage.close()
        return stage._app

    try:
        return asyncio.run(start())
    finally:
        for module in [key for key, value in sys.modules.items() if is_in(folder, value)]:
            del sys.modules[module]


def is_in(folder: Path, module: Any) -> bool:
    return str(getattr(module, "__file__", None)).startswith(f"{folder}/")


def test_an_app_of_one_file_is_deployed_with_its_arguments(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = project.set_model_monitoring_function(
        name="rows", func="rows_app.py", application_class="Rows", image="any", base_period=60, factor=3
    )
    assert deployed(project) == set()
    assert registered(project) == {}
    again(project).deploy_function("rows")
    assert deployed(project) == {"rows"}
    assert registered(project) == {"rows": 60}
    trigger = read_function(folder_of(project, "rows"), project.settings).triggers[0]
    assert trigger.topics == ("app-rows",)  # type: ignore[union-attr]
    assert trigger.group == "modelmon-app-rows"  # type: ignore[union-attr]
    open_stream(project.settings.app_url("rows")).close()
    running = started_app(project, "rows", monkeypatch)
    assert (type(running).__name__, running.factor) == ("Rows", 3)
    assert app.spec == again(project).get_function("rows").spec


def test_the_one_class_that_judges_is_found(project: Project) -> None:
    assert project.create_model_monitoring_function("rows", "rows_app.py").spec.class_name == "Rows"


def test_a_class_object_brings_its_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(project.context))
    module = importlib.import_module("rows_app")
    try:
        app = project.set_model_monitoring_function("rows", application_class=module.Rows)
    finally:
        del sys.modules["rows_app"]
    assert app.spec.source == str(project.context / "rows_app.py")
    app.deploy()
    assert (folder_of(project, "rows") / "rows_app.py").is_file()


def test_an_installed_class_needs_no_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    app = project.set_model_monitoring_function(
        "drift-2", application_class=HistogramDataDriftApplication, produce_json_artifact=True
    )
    app.deploy()
    running = started_app(project, "drift-2", monkeypatch)
    assert isinstance(running, HistogramDataDriftApplication)


def test_a_folder_of_code_goes_along_whole(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project.context / "judge" / "thresholds.py", "LIMIT = 7\n")
    write(
        project.context / "judge" / "app.py",
        "import thresholds\n" + APP.replace("    from", "from").replace("\n    ", "\n")
        .replace("self.factor = factor", "self.factor = thresholds.LIMIT"),
    )  # fmt: skip
    project.set_model_monitoring_function("rows", func="judge").deploy()
    assert started_app(project, "rows", monkeypatch).factor == 7


def test_what_modelmon_app_new_makes_is_deployed_as_it_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelmon.cli import app as cli

    made = project.context / "functions" / "apps"
    assert CliRunner().invoke(cli, ["app", "new", "slow", "--in", str(made)]).exit_code == 0
    project.set_model_monitoring_function("slow", func=made / "slow" / "main.py").deploy()
    for path in (made / "slow").iterdir():
        assert (folder_of(project, "slow") / path.name).read_bytes() == path.read_bytes()
    assert type(started_app(project, "slow", monkeypatch)).__name__ == "SlowAnswers"
    with pytest.raises(ConfigError, match=r"give limit_ms there, in its app_handlers"):
        project.set_model_monitoring_function("slow", func=made / "slow", limit_ms=5)


def test_a_file_that_is_a_handler_itself_becomes_main(project: Project) -> None:
    text = "from modelmon.nuclio import app_handlers\nfrom modelmon.apps import *\n"
    text += "init_context, handler = app_handlers(HistogramDataDriftApplication)\n"
    write(project.context / "my-app.py", text)
    project.set_model_monitoring_function("mine", func="my-app.py").deploy()
    assert (folder_of(project, "mine") / "main.py").read_text() == text


def test_a_file_that_could_not_be_imported_by_name_is_renamed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("main.py", "my-rows.py"):
        write(project.context / file, APP)
        project.set_model_monitoring_function("rows", func=file, application_class="Rows").deploy()
        assert json.loads((folder_of(project, "rows") / "app.json").read_text())["source"] == "app.py"
        assert type(started_app(project, "rows", monkeypatch)).__name__ == "Rows"


def test_setting_an_app_again_changes_it_and_creating_one_records_nothing(project: Project) -> None:
    project.set_model_monitoring_function("rows", "rows_app.py", factor=1)
    project.set_model_monitoring_function("rows", "rows_app.py", factor=2)
    made = project.create_model_monitoring_function("other", "rows_app.py")
    apps = again(project).list_model_monitoring_functions()
    assert [(app.name, app.spec.arguments) for app in apps] == [("rows", {"factor": 2})]
    assert project.list_model_monitoring_functions(name="other") == []
    project.deploy_function(made)
    assert [app.name for app in project.list_model_monitoring_functions()] == ["other", "rows"]
    assert registered(project) == {"other": None}


def test_an_app_that_a_newer_modelmon_has_recorded_is_told_with_what_is_new(project: Project) -> None:
    with opened(project.settings) as database, database.write() as connection:
        spec = {"name": "rows", "horizon": 7}
        registry.put_function(connection, "rows", "app", spec, deployed=False, now_us=1)
    with pytest.raises(ConfigError, match="the app 'rows' was recorded by a newer ModelMon, with horizon"):
        project.list_model_monitoring_functions()


def test_deploying_again_replaces_the_code(project: Project) -> None:
    project.set_model_monitoring_function("rows", "rows_app.py").deploy()
    write(project.context / "rows_app.py", APP + "\n\n    EXTRA = 1\n")
    project.deploy_function("rows", env={"LIMIT": 5, "TEXT": 'a "b" ${c}'[:6]})
    assert "EXTRA" in (folder_of(project, "rows") / "rows_app.py").read_text()
    environment = read_function(folder_of(project, "rows"), project.settings).environment
    assert (environment["LIMIT"], environment["TEXT"]) == ("5", 'a "b" ')


def test_removing_an_app_removes_it_from_project_and_store(project: Project) -> None:
    for name in ("one", "two", "three"):
        project.set_model_monitoring_function(name, "rows_app.py").deploy()
    project.remove_model_monitoring_function("one")
    project.delete_model_monitoring_function(["two"])
    assert deployed(project) == {"three"}
    assert registered(project) == {"three": None}
    assert [app.name for app in again(project).list_model_monitoring_functions()] == ["three"]
    with pytest.raises(ConfigError, match="no app 'one' in project flights; there are: three"):
        project.remove_model_monitoring_function(["three", "one"])
    assert deployed(project) == {"three"}
    with pytest.raises(ConfigError, match="name: must be an app's name or a list of names, got 3"):
        project.remove_model_monitoring_function(3)  # type: ignore[arg-type]


def test_what_an_app_last_said_is_forgotten_when_it_is_removed(project: Project) -> None:
    project.set_model_monitoring_function("one", "rows_app.py").deploy()
    records = open_records(project.settings)
    with records.write() as connection:
        beat = Heartbeat("one", "host/1", "windows", WorkerState.FAILED, "it stops", 0, 1, 2)
        heartbeats.put(connection, beat)
    project.remove_model_monitoring_function("one")
    with records.read() as connection:
        assert not heartbeats.by_function(connection)
    records.close()


def test_the_incidents_of_an_app_that_is_removed_do_not_stay_open(project: Project) -> None:
    for name in ("one", "two"):
        project.set_model_monitoring_function(name, "rows_app.py").deploy()
    records = open_records(project.settings)
    with records.write() as connection:
        for name in ("one", "two"):
            report = AppReport(
                WindowKey("e", name, 0), "m", 60_000_000, 1, answer=Answer("failed", "it broke")
            )
            answers.apply(connection, report, 1, 3)
    project.remove_model_monitoring_function("one")
    with records.read() as connection:
        found = {each.application_name: each.reason for each in connection.execute(select(incidents))}
        (fact,) = [entry.fact for entry in outbox.read(connection, "me", 9)]
    records.close()
    assert found == {"one": "app gone", "two": ""}
    assert (fact.kind, fact.body["reason"]) == ("incident-resolved", "app gone")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"name": None}, "name: an app's name has only letters"),
        ({"name": "my app"}, "got 'my app'"),
        ({"name": "mlrun-infra"}, "'mlrun-infra' is reserved"),
        ({"name": "modelmon-writer"}, "'modelmon-writer' is reserved"),
        ({"name": "rows-batch"}, "does not end in '-batch'"),
        ({"name": "r" * 64}, "at most 63"),
        ({"name": "serving"}, "a function of kind serving already"),
        ({"func": None}, "func .* is needed"),
        ({"func": None, "application_class": "Rows"}, "needs func"),
        ({"func": "nowhere.py"}, "func: 'nowhere.py' does not exist"),
        ({"func": "hub://drift"}, "must be a local path"),
        ({"func": 5}, "func: must be the path"),
        ({"func": "broken.py"}, "is no Python file"),
        ({"func": "model.py"}, "has 0 classes with do_tracking"),
        ({"application_class": "Nobody"}, "no class 'Nobody' in .* there are: Rows, Helper"),
        ({"application_class": object()}, "application_class: must be the class or its name"),
        ({"base_period": 0}, "base_period: must be a whole number"),
        ({"base_period": "10"}, "base_period"),
        ({"factor": object()}, "'factor' must be a JSON value .*, got object"),
        ({"handler": "main:h"}, "handler='main:h' is not supported"),
        ({"with_repo": True}, "with_repo=True is not supported"),
    ],
)
def test_a_wrong_app_is_refused_and_nothing_recorded(
    project: Project, arguments: dict[str, Any], reason: str
) -> None:
    project.set_function("model.py", name="serving")
    write(project.context / "broken.py", "class Rows(")
    with pytest.raises(ConfigError, match=reason):
        project.set_model_monitoring_function(**{"name": "rows", "func": "rows_app.py", **arguments})
    assert project.list_model_monitoring_functions() == []


def test_a_class_of_the_running_script_is_refused(project: Project) -> None:
    found = type("Rows", (), {"__module__": "__main__"})
    with pytest.raises(ConfigError, match="put it into a file of its own"):
        project.set_model_monitoring_function("rows", application_class=found)


def test_deploying_what_is_unknown_or_of_another_project_is_refused(project: Project) -> None:
    project.set_model_monitoring_function("rows", "rows_app.py")
    with pytest.raises(ConfigError, match="no function 'nobody' in project flights; there are: rows"):
        project.deploy_function("nobody")
    with pytest.raises(ConfigError, match="must be a function of this project"):
        project.deploy_function(5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="of project 'flights', not 'trains'"):
        project.get_function("rows").deploy(project="trains")
    with pytest.raises(ConfigError, match="only a serving function has models, rows is none"):
        project.deploy_function("rows", models=[{"key": "m"}])
    with pytest.raises(ConfigError, match="env: '1A' can't name"):
        project.deploy_function("rows", env={"1A": "x"})
    assert deployed(project) == set()
