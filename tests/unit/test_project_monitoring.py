"""A project folder, and its monitoring turned on, off and to another period."""

from __future__ import annotations

import json
import logging
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import modelmon
from modelmon.deploying.bundling import functions_to_bundle
from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.function_yaml import read_function
from modelmon.ledger import endpoints, registry
from modelmon.ledger.exporting import backlog, note_judged
from modelmon.ledger.records import open_records
from modelmon.ledger.window_ledger import project_period
from modelmon.model import Endpoint, WindowKey
from modelmon.model_monitoring.locating import opened
from modelmon.project import Project, get_or_create_project, load_project
from modelmon.project.monitoring import settle_optional
from modelmon.project.opening import edited
from modelmon.streams import open_stream
from project_support import DEFAULT_APPS, again, deployed, make

INFRASTRUCTURE = {"modelmon-stream", "modelmon-controller", "modelmon-writer", "modelmon-notifier"}
DRIFT = "histogram-data-drift"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path)


def period(project: Project) -> int:
    records = open_records(project.settings)
    with records.read() as connection:
        minutes = project_period(connection, project.settings.base_period)
    records.close()
    return minutes


def active_apps(project: Project) -> list[str]:
    records = open_records(project.settings)
    with records.read() as connection:
        names = [app.name for app in registry.active_apps(connection)]
    records.close()
    return names


# --- the folder -------------------------------------------------------------------------------------------


def test_a_project_is_made_with_its_settings_and_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "flights"
    made = modelmon.get_or_create_project("flights", context=folder, base_period=60, grace_seconds=5)
    assert yaml.safe_load((folder / "modelmon.yaml").read_text()) == {
        "project": "flights",
        "base_period": 60,
        "grace_seconds": 5,
    }
    assert (folder / ".modelmon" / ".gitignore").read_text() == "*\n"
    found = get_or_create_project("flights", context=str(folder))
    assert (found.name, found.context) == (made.name, made.context) == ("flights", folder)
    assert load_project(folder).settings.base_period == 60


def test_settings_are_changed_in_place_and_other_lines_stay(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "modelmon.yaml"
    path.write_text("# mine\nproject: flights\nbase_period: 10  # minutes\n\n# end")
    get_or_create_project("flights", context=tmp_path, base_period=20, grace_seconds=1.5)
    assert path.read_text() == ("# mine\nproject: flights\nbase_period: 20\n\n# end\ngrace_seconds: 1.5\n")


def test_editing_an_empty_file_writes_the_setting() -> None:
    assert edited("", {"project": "p"}) == "project: p\n"


def test_a_setting_whose_name_stands_in_quotes_is_changed_and_not_given_twice() -> None:
    assert edited('"base_period": 5\n', {"base_period": 20}) == "base_period: 20\n"


def test_a_user_project_carries_the_users_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "Ada.L")
    assert get_or_create_project("flights", context=tmp_path, user_project=True).name == "flights-ada-l"


@pytest.mark.parametrize("name", ["", "Flights", "a_b", "-a", "a" * 64, 5])
def test_a_project_name_that_can_not_be_makes_nothing(tmp_path: Path, name: Any) -> None:
    with pytest.raises(ConfigError, match="project"):
        get_or_create_project(name, context=tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_wrong_setting_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="base_period: must be a number of at least 1, got 0"):
        get_or_create_project("flights", context=tmp_path / "folder", base_period=0)
    assert not (tmp_path / "folder").exists()


def test_a_folder_of_another_project_a_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(ConfigError, match="holds project 'flights', not 'trains'"):
        get_or_create_project("trains", context=tmp_path)
    with pytest.raises(ConfigError, match="is a file"):
        get_or_create_project("flights", context=tmp_path / "modelmon.yaml")
    with pytest.raises(ConfigError, match=r"no modelmon\.yaml"):
        load_project(tmp_path / ".modelmon")


# --- enable, update, disable ------------------------------------------------------------------------------


def test_enabling_deploys_the_functions_and_creates_their_streams(project: Project) -> None:
    project.enable_model_monitoring()
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS}
    settings = project.settings
    for name in deployed(project):
        folder = project.context / ".modelmon" / "functions" / name
        assert read_function(folder, settings).triggers
        assert (folder / "main.py").is_file()
        assert not (folder / "__pycache__").exists()
    for url, partitions in (
        (settings.events_url, settings.events_partitions),
        (settings.writer_url, settings.writer_partitions),
        *((settings.app_url(name), settings.app_partitions) for name in DEFAULT_APPS),
    ):
        stream = open_stream(url, partitions + 1)
        assert stream.partitions == partitions
        stream.close()
    assert active_apps(project) == sorted(DEFAULT_APPS)
    listed = [app.name for app in again(project).list_model_monitoring_functions()]
    assert listed == sorted(DEFAULT_APPS)


def test_the_page_is_a_function_where_it_is_served(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELMON_DASHBOARD", "serve")
    again(project).enable_model_monitoring()
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS, "modelmon-api"}
    monkeypatch.setenv("MODELMON_DASHBOARD", "none")
    settle_optional(again(project).settings)
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS}
    monkeypatch.setenv("MODELMON_DASHBOARD", "serve")
    settle_optional(again(project).settings)
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS, "modelmon-api"}, (
        "a project from before gets it"
    )


def test_the_page_goes_to_nuclio_only_where_somebody_said_who_may_see_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELMON_DASHBOARD", "serve")
    again(project).enable_model_monitoring()
    settings = again(project).settings
    assert "modelmon-api" not in functions_to_bundle(settings)
    assert "modelmon-api" in functions_to_bundle(settings.changed(auth="token"))


def test_the_exporter_is_a_function_where_there_is_a_collector(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELMON_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    again(project).enable_model_monitoring(otlp_enabled=True)
    settings = again(project).settings
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS, "modelmon-exporter"}
    assert "modelmon-exporter" in functions_to_bundle(settings)
    with pytest.raises(ConfigError, match="otlp_enabled=False is not supported"):
        again(project).set_model_monitoring_function("mine", otlp_enabled=False)
    with opened(settings) as records, records.write() as connection:
        note_judged(connection, [(WindowKey("e", DRIFT, 0), 1)])
    monkeypatch.delenv("MODELMON_OTLP_ENDPOINT")
    assert "modelmon-exporter" not in functions_to_bundle(again(project).settings)
    settle_optional(again(project).settings)
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS}
    with opened(settings) as records, records.read() as connection:
        assert backlog(connection).windows == 0


def test_enabling_without_the_histogram_app_deploys_the_others(project: Project) -> None:
    project.enable_model_monitoring(deploy_histogram_data_drift_app=False)
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS} - {DRIFT}
    assert active_apps(project) == sorted(DEFAULT_APPS - {DRIFT})


def test_a_second_enabling_names_the_method_that_is_meant(project: Project) -> None:
    project.enable_model_monitoring()
    with pytest.raises(ConfigError, match="update_model_monitoring_controller"):
        again(project).enable_model_monitoring(base_period=20)


def test_the_period_is_what_was_given_else_the_setting(tmp_path: Path) -> None:
    project = make(tmp_path, base_period=60)
    project.enable_model_monitoring()
    assert period(project) == 60
    get_or_create_project("flights", context=tmp_path, base_period=90)
    assert period(project) == 90  # nobody gave one to enable_model_monitoring
    project.update_model_monitoring_controller(base_period=20)
    assert period(again(project)) == 20
    project.disable_model_monitoring()
    project.enable_model_monitoring()
    assert period(project) == 90
    project.disable_model_monitoring()
    project.enable_model_monitoring(base_period=30)
    assert period(project) == 30


@pytest.mark.parametrize("base_period", [0, -1, 1.5, "10", True])
def test_a_base_period_that_can_not_be_deploys_nothing(project: Project, base_period: Any) -> None:
    with pytest.raises(ConfigError, match=r"base_period: must be a whole number of minutes .* got "):
        project.enable_model_monitoring(base_period=base_period)
    assert deployed(project) == set()
    project.enable_model_monitoring()
    with pytest.raises(ConfigError, match="base_period"):
        project.update_model_monitoring_controller(base_period=base_period)


def test_a_short_period_is_allowed_and_advised_against(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "modelmon"):
        project.enable_model_monitoring(base_period=9)
        assert "9 minutes is short: 10 or more" in caplog.text
        caplog.clear()
        project.update_model_monitoring_controller()
    assert caplog.text == ""
    assert period(project) == 10


def test_updating_what_is_not_enabled_says_so(project: Project) -> None:
    with pytest.raises(ConfigError, match="enable_model_monitoring first"):
        project.update_model_monitoring_controller(base_period=20)


def test_updating_writes_the_controller_anew(project: Project) -> None:
    project.enable_model_monitoring()
    main = project.context / ".modelmon/functions/modelmon-controller/main.py"
    original = main.read_text()
    main.write_text("broken")
    project.update_model_monitoring_controller()
    assert main.read_text() == original


def test_disabling_stops_controller_and_drift_app_not_the_writer(project: Project) -> None:
    project.enable_model_monitoring()
    project.disable_model_monitoring()
    assert deployed(project) == {"modelmon-stream", "modelmon-writer", "modelmon-notifier"}
    assert active_apps(project) == []
    again(project).enable_model_monitoring()
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS}
    assert active_apps(project) == sorted(DEFAULT_APPS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"delete_resources": False}, {*INFRASTRUCTURE, *DEFAULT_APPS, "rows", "other"} - {DRIFT}),
        ({"delete_stream_function": True}, {"modelmon-writer", "modelmon-notifier", "rows", "other"}),
        (
            {"delete_histogram_data_drift_app": False},
            {"modelmon-stream", "modelmon-writer", "modelmon-notifier", DRIFT, "rows", "other"},
        ),
        ({"delete_user_applications": True}, {"modelmon-stream", "modelmon-writer", "modelmon-notifier"}),
        (
            {"delete_user_applications": True, "user_application_list": ["rows"]},
            {"modelmon-stream", "modelmon-writer", "modelmon-notifier", "other"},
        ),
    ],
)
def test_disabling_stops_what_its_options_say(
    project: Project, options: dict[str, Any], left: set[str]
) -> None:
    project.enable_model_monitoring()
    for name in ("rows", "other"):
        project.set_model_monitoring_function(name, "rows_app.py").deploy()
    project.disable_model_monitoring(**options)
    assert deployed(project) == left
    assert set(active_apps(project)) == left - INFRASTRUCTURE
    assert {"rows", "other"} <= {app.name for app in project.list_model_monitoring_functions()}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"user_application_list": ["rows"]}, "delete_user_applications=True"),
        ({"delete_user_applications": True, "user_application_list": ["nobody"]}, "no app 'nobody'"),
        ({"delete_user_applications": True, "user_application_list": "rows"}, "a list of names"),
        ({"delete_resources": "yes"}, "delete_resources: must be True or False, got 'yes'"),
    ],
)
def test_wrong_options_stop_nothing(project: Project, options: dict[str, Any], reason: str) -> None:
    project.enable_model_monitoring()
    with pytest.raises(ConfigError, match=reason):
        project.disable_model_monitoring(**options)
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS}


@pytest.mark.parametrize("option", ["lag_threshold", "lag_event_cooldown", "otlp_enabled"])
def test_what_this_platform_does_not_have_is_refused(project: Project, option: str) -> None:
    with pytest.raises(ConfigError, match=f"{option}=5 is not supported"):
        project.enable_model_monitoring(**{option: 5})
    assert deployed(project) == set()


def test_waiting_for_functions_that_nobody_runs_says_what_runs_them(project: Project) -> None:
    with pytest.raises(UnavailableError, match="start `modelmon up`"):
        project.enable_model_monitoring(wait_for_deployment=True)


def test_a_function_folder_of_the_projects_own_comes_before_ours(project: Project) -> None:
    project.enable_model_monitoring()
    own = project.context / "functions" / "controller"
    own.mkdir(parents=True)
    ours = project.context / ".modelmon/functions/modelmon-controller"
    for name in ("function.yaml", "main.py"):
        (own / name).write_text((ours / name).read_text() + "# mine\n")
    project.update_model_monitoring_controller()
    assert (ours / "main.py").read_text().endswith("# mine\n")


def test_a_deployment_that_was_killed_half_way_is_made_good(project: Project) -> None:
    project.enable_model_monitoring()
    functions = project.context / ".modelmon/functions"
    (functions / "modelmon-controller").rename(functions / ".modelmon-controller~old")
    (functions / ".modelmon-controller~new").mkdir()
    project.enable_model_monitoring()
    assert deployed(project) == {*INFRASTRUCTURE, *DEFAULT_APPS}
    assert not list(functions.glob(".*~*"))


# --- credentials ------------------------------------------------------------------------------------------


def test_credentials_are_the_owners_alone_used_and_never_shown(project: Project) -> None:
    secret = f"sqlite:///{project.context}/s3cret.db"
    project.set_model_monitoring_credentials(
        access_key="s3cret-key",
        endpoint_store_connection=secret,
        stream_path=f"sqlite:///{project.context}/s3cret-streams",
    )
    path = project.context / ".modelmon" / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settings = again(project).settings
    assert settings.records_url == secret
    project.enable_model_monitoring()
    assert (project.context / "s3cret.db").is_file()
    assert (project.context / "s3cret-streams" / "events").is_dir()
    assert not (project.context / ".modelmon" / "records.db").exists()
    assert "s3cret" not in repr(settings) + repr(project) + str(vars(project))


def test_credentials_win_over_the_file_and_lose_to_the_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_or_create_project("flights", context=project.context, records_url="sqlite:////a.db")
    project.set_model_monitoring_credentials(endpoint_store_connection="sqlite:////b.db")
    assert project.settings.records_url == "sqlite:////b.db"
    monkeypatch.setenv("MODELMON_RECORDS_URL", "sqlite:////c.db")
    assert project.settings.records_url == "sqlite:////c.db"


def test_other_credentials_need_replace_creds_and_the_rest_stays(project: Project) -> None:
    project.set_model_monitoring_credentials(access_key="one", tsdb_connection="sqlite:////a.db")
    project.set_model_monitoring_credentials(access_key="one")
    with pytest.raises(ConfigError, match=r"access_key is set already.*replace_creds=True") as caught:
        project.set_model_monitoring_credentials(access_key="two")
    assert "two" not in str(caught.value)
    project.set_model_monitoring_credentials(access_key="two", replace_creds=True)
    stored = json.loads((project.context / ".modelmon" / "credentials.json").read_text())
    assert stored == {"access_key": "two", "series_url": "sqlite:////a.db"}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "give at least one"),
        ({"stream_path": "kafka9://user:s3cret@host"}, "stream_path: .* got the scheme 'kafka9'"),
        ({"stream_path": "s3cret"}, "stream_path: must be a URL"),
        ({"tsdb_connection": "taosws://root:s3cret@host"}, "tsdb_connection: .* got the scheme 'taosws'"),
        ({"endpoint_store_connection": "http://[s3cret"}, "endpoint_store_connection"),
        ({"access_key": 5}, "access_key: must be a text, got a int"),
        ({"access_key": ""}, "access_key"),
        ({"tsdb_profile_name": "p"}, "no datastore profile 'p' was registered"),
    ],
)  # fmt: skip
def test_wrong_credentials_are_refused_without_being_shown(
    project: Project, given: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        project.set_model_monitoring_credentials(**given)
    assert "s3cret" not in str(caught.value)
    assert not (project.context / ".modelmon" / "credentials.json").exists()


def test_credentials_come_before_monitoring(project: Project) -> None:
    project.enable_model_monitoring()
    with pytest.raises(ConfigError, match="come before monitoring"):
        project.set_model_monitoring_credentials(access_key="one")
    project.disable_model_monitoring()
    project.set_model_monitoring_credentials(access_key="one")


def test_a_broken_file_of_credentials_is_an_error_that_does_not_show_it(project: Project) -> None:
    path = project.context / ".modelmon" / "credentials.json"
    path.write_text('{"access_key": "s3cret')
    with pytest.raises(ConfigError, match=r"credentials\.json can't be read") as caught:
        _ = project.settings
    assert "s3cret" not in str(caught.value)


# --- two processes ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_process_sees_what_was_deployed(project: Project) -> None:
    project.enable_model_monitoring()
    serving = project.set_function("model.py", name="serving")
    serving.add_model("delay:v1", class_name="Free")
    serving.set_tracking(sampling_percentage=50)
    project.deploy_function("serving")
    code = (
        "import modelmon\n"
        f"project = modelmon.get_or_create_project('flights', context={str(project.context)!r})\n"
        "print([app.name for app in project.list_model_monitoring_functions()])\n"
        "print([endpoint.name for endpoint in project.list_model_endpoints()])\n"
        "print(project.get_function('serving').spec.tracking.sampling_percentage)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(sorted(DEFAULT_APPS)), "['delay:v1']", "50.0"]


def test_an_endpoint_is_deleted_by_name_and_function_or_by_id(project: Project) -> None:
    records = open_records(project.settings)
    with records.write() as connection:
        for endpoint_id, function_name in (("a", "one"), ("b", "two"), ("c", "two")):
            made = Endpoint(endpoint_id, project.name, "churn:v1", function_name=function_name)
            endpoints.put(connection, made, 1)
    for wrong in ({"name": "other"}, {"name": "churn:v1"}, {"name": "other", "endpoint_id": "a"}):
        with pytest.raises(ConfigError, match="endpoint"):
            project.delete_model_endpoint(**wrong)
    project.delete_model_endpoint("churn:v1", "one")
    project.delete_model_endpoint("churn:v1", endpoint_id="c")
    assert [each.endpoint_id for each in project.list_model_endpoints()] == ["b"]
    records.close()
