"""The apps that come with ModelMon: which run, which are refused, and what a second call adds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelmon.api.rest.monitoring import Enabling
from modelmon.apps import ModelMonitoringApplicationBase
from modelmon.cli import app as command
from modelmon.deploying.bundling import NAMES
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import template_names
from modelmon.function_spec.own_apps import HISTOGRAM_DRIFT, NONE, OWN_APPS, OwnApp, chosen_apps
from modelmon.ledger.requirements import ACTUALS_OR_SCORES, requiring
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project
from modelmon.serving.loading import load_class
from project_support import DEFAULT_APPS, again, deployed, make

INFRASTRUCTURE = {"modelmon-stream", "modelmon-controller", "modelmon-writer", "modelmon-notifier"}
SDK_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "sdk.md"
EXTRA = OwnApp("extra", "apps/histogram_drift", "modelmon.apps.HistogramDataDriftApplication")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> str:
    """An app more that comes with ModelMon, as a newer version brings one."""
    monkeypatch.setitem(OWN_APPS, EXTRA.name, EXTRA)
    return EXTRA.name


def main_of(project: Project, name: str) -> Path:
    return project.context / ".modelmon" / "functions" / name / "main.py"


@pytest.mark.parametrize("own", OWN_APPS.values(), ids=lambda own: own.name)
def test_each_has_a_folder_a_class_a_bundle_and_a_row_in_the_docs(own: OwnApp) -> None:
    assert own.folder in template_names()
    assert NAMES[own.folder] == own.name
    loaded = load_class(own.class_name, Path(), "")
    assert issubclass(loaded, ModelMonitoringApplicationBase)
    assert own.requires == frozenset(loaded.requires)
    said = "yes" if own.by_default else "no"
    assert f"\n| `{own.name}` | {said} |" in SDK_PAGE.read_text(encoding="utf-8")


def test_every_folder_of_an_app_comes_with_modelmon() -> None:
    folders = {name for name in template_names() if re.fullmatch(r"apps/[a-z]\w*", name)}
    assert folders == {own.folder for own in OWN_APPS.values()}


def test_by_default_five_run_of_which_one_sleeps() -> None:
    assert set(chosen_apps(None)) == DEFAULT_APPS
    assert [name for name in chosen_apps(None) if "actuals or scores" in OWN_APPS[name].requires] == [
        "model-performance"
    ]


def test_a_project_of_before_gets_those_that_it_lacks_in_one_line(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.enable_model_monitoring(apps=[HISTOGRAM_DRIFT])
    capsys.readouterr()
    again(project).enable_model_monitoring()
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS}
    assert capsys.readouterr().err.splitlines()[0] == (
        "Deployed the apps drift, data-quality, service, model-performance: "
        "they judge the windows that are due from now on."
    )


def test_what_an_app_requires_is_known_before_it_starts(project: Project) -> None:
    project.enable_model_monitoring(apps=["model-performance"])
    with opened(project.settings) as database, database.read() as connection:
        assert requiring(connection, ACTUALS_OR_SCORES) == {"model-performance"}


def test_those_that_are_named_run_and_no_other(project: Project, extra: str) -> None:
    project.enable_model_monitoring(apps=[extra])
    assert deployed(project) == {*INFRASTRUCTURE, extra}


@pytest.mark.parametrize("apps", [[], [NONE]])
def test_no_app_is_a_choice_too(project: Project, apps: list[str]) -> None:
    project.enable_model_monitoring(apps=apps)
    assert deployed(project) == INFRASTRUCTURE


def test_a_second_call_adds_what_is_missing_and_leaves_the_rest(
    project: Project, extra: str, capsys: pytest.CaptureFixture[str]
) -> None:
    project.enable_model_monitoring()
    main_of(project, HISTOGRAM_DRIFT).write_text("mine")
    capsys.readouterr()
    again(project).enable_model_monitoring(apps=[extra])
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS, extra}
    assert main_of(project, HISTOGRAM_DRIFT).read_text() == "mine"
    assert f"{HISTOGRAM_DRIFT} is deployed too, without having been asked for" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("apps", "told"),
    [
        (["histogram-drift"], "apps: 'histogram-drift' does not come .*; did you mean histogram-data-drift"),
        (["x"], "there are: .*histogram-data-drift"),
        ([NONE, HISTOGRAM_DRIFT], "apps: 'none' does not come with ModelMon"),
        ("histogram-data-drift", "apps: must be a list of names, got 'histogram-data-drift'"),
        ([5], r"apps: must be a list of names, got \[5\]"),
        (5, "apps: must be a list of names, got 5"),
    ],
)
def test_what_does_not_come_with_modelmon_is_refused_and_deploys_nothing(
    project: Project, apps: Any, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        project.enable_model_monitoring(apps=apps)
    assert deployed(project) == set()


def test_an_app_is_not_asked_for_and_left_out_at_once(project: Project) -> None:
    with pytest.raises(ConfigError, match="give one of the two"):
        project.enable_model_monitoring(apps=[HISTOGRAM_DRIFT], deploy_histogram_data_drift_app=False)


def test_the_order_and_repetitions_of_names_mean_nothing(extra: str) -> None:
    assert chosen_apps([extra, HISTOGRAM_DRIFT, extra]) == [HISTOGRAM_DRIFT, extra]


def test_arguments_reach_the_class_and_stay_for_the_next_enabling(project: Project, extra: str) -> None:
    project.set_model_monitoring_function(extra, potential_threshold=0.1)
    again(project).enable_model_monitoring(apps=[extra])
    spec = json.loads(main_of(project, extra).with_name("app.json").read_text())
    assert (spec["class_name"], spec["arguments"]) == (EXTRA.class_name, {"potential_threshold": 0.1})


def test_an_app_of_the_users_that_is_called_so_stays_theirs(project: Project, extra: str) -> None:
    project.set_model_monitoring_function(extra, "rows_app.py", "Rows").deploy()
    again(project).enable_model_monitoring(apps=[extra])
    assert (main_of(project, extra).parent / "rows_app.py").is_file()
    project.disable_model_monitoring()
    assert extra in deployed(project)


def test_disabling_stops_them_with_the_controller(project: Project, extra: str) -> None:
    project.enable_model_monitoring(apps=[HISTOGRAM_DRIFT, extra])
    project.disable_model_monitoring(delete_resources=False, delete_histogram_data_drift_app=False)
    assert deployed(project) == {*INFRASTRUCTURE, HISTOGRAM_DRIFT, extra}
    project.disable_model_monitoring()
    assert deployed(project) == {"modelmon-stream", "modelmon-writer", "modelmon-notifier"}


def test_the_command_enables_them(project: Project, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.context)
    done = CliRunner().invoke(command, ["enable", "--app", extra, "--base-period", "30"])
    assert done.exit_code == 0, done.output
    assert deployed(project) == {*INFRASTRUCTURE, extra}


def test_a_request_names_apps_none_and_those_by_default() -> None:
    assert Enabling().apps == ()
    assert Enabling(apps=(NONE,)).apps == (NONE,)
