"""A project opened by the address of its page: the same methods, over a real server; and what goes wrong."""

from __future__ import annotations

import importlib
import inspect
import logging
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import modelmon
from modelmon.client import RemoteProject
from modelmon.client.apps import RemoteApp
from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.folders import template
from modelmon.ledger.access import create_token
from modelmon.ledger.records import open_records
from modelmon.model_monitoring.api import get_or_create_model_endpoint
from modelmon.project import Project
from modelmon.project.applications import AppFunction
from modelmon.stats import profile_from_json
from modelmon.stores.samples import open_samples
from page_server import page_served
from project_support import APP, deployed, frame, make, write
from sample_files import add_file

NOT_HERE = {
    "set_function", "set_job", "set_model_monitoring_credentials", "register_datastore_profile",
    "get_datastore_profile",
    "list_datastore_profiles", "delete_datastore_profile", "log_artifact", "log_dataset", "get_artifact",
}  # fmt: skip
ON_ITS_MACHINE = {"settings", "context", "spec", "artifact_path"}


@dataclass
class There:
    """A project on another machine, and how this one reaches it."""

    project: Project
    url: str
    token: str

    @property
    def remote(self) -> RemoteProject:
        return modelmon.get_or_create_project("flights", url=self.url, token=self.token)


def token_of(project: Project, role: str) -> str:
    records = open_records(project.settings)
    with records.write() as connection:
        token = create_token(connection, role, role, 0, None)
    records.close()
    return token


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    project = make(tmp_path / "there", auth="token", remote_deploy=True)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with page_served(project.settings) as url:
        yield There(project, url, token_of(project, "admin"))


def public(kind: type) -> dict[str, Any]:
    return {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("ours", "remote"), [(Project, RemoteProject), (AppFunction, RemoteApp)])
def test_every_method_is_there_with_the_same_arguments_or_says_why_not(ours: type, remote: type) -> None:
    there = public(remote)
    for name, method in public(ours).items():
        if not inspect.isfunction(method):
            assert name in there or name in ("context", "spec", "name"), name
        elif name not in NOT_HERE:
            theirs, mine = (inspect.signature(each).parameters for each in (method, there[name]))
            assert [(each.name, each.kind, each.default) for each in mine.values()] == [
                (each.name, each.kind, each.default) for each in theirs.values()
            ], name


def test_what_its_own_machine_alone_can_do_says_so(there: There) -> None:
    with there.remote as project:
        for name in NOT_HERE:
            with pytest.raises(ConfigError, match=f"^{name}: not from another machine: "):
                getattr(project, name)()
        for name in ON_ITS_MACHINE:
            with pytest.raises(ConfigError, match=f"^{name}: not from another machine: "):
                getattr(project, name)
        with pytest.raises(AttributeError, match="is not there: "):
            project.run_function()
        assert (project.metadata.name, project.save()) == ("flights", project)


@pytest.mark.slow
def test_monitoring_is_turned_on_changed_and_off(there: There, capfd: pytest.CaptureFixture[str]) -> None:
    with there.remote as project:
        project.enable_model_monitoring(base_period=20, deploy_histogram_data_drift_app=False)
        assert "Monitoring of project flights is enabled, in windows of 20 minutes." in capfd.readouterr().err
        project.update_model_monitoring_controller(30)
        assert project.about().base_period == 30
        with pytest.raises(
            ConfigError, match=r"base_period: monitoring of project 'flights' is enabled with 30"
        ):
            project.enable_model_monitoring(base_period=20)
        write(Path("rows_app.py"), APP)
        project.set_model_monitoring_function("rows", "rows_app.py", "Rows").deploy()
        project.disable_model_monitoring(delete_user_applications=True, user_application_list=[])
        assert deployed(there.project) == {"modelmon-stream", "modelmon-writer", "modelmon-notifier", "rows"}
        project.disable_model_monitoring(delete_user_applications=True)
        left = {"modelmon-stream", "modelmon-writer", "modelmon-notifier"}
        assert deployed(there.project) == left
        project.enable_model_monitoring(apps=[])
        assert deployed(there.project) == {*left, "modelmon-controller"}
        project.enable_model_monitoring(apps=["histogram-data-drift"])
        assert "histogram-data-drift" in deployed(there.project)
        with pytest.raises(ConfigError, match="did you mean histogram-data-drift"):
            project.enable_model_monitoring(apps=["histogram-drift"])
        with pytest.raises(ConfigError, match="apps: must be a list of names, got 'drift'"):
            project.enable_model_monitoring(apps="drift")  # type: ignore[arg-type]


@pytest.mark.slow
def test_an_app_is_written_here_and_works_there(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path("rows_app.py"), APP)
    write(Path("requirements.txt"), "")
    with there.remote as project:
        made = project.create_model_monitoring_function(
            "rows", "rows_app.py", "Rows", factor=2, base_period=20
        )
        assert (made.is_deployed(), project.list_model_monitoring_functions()) == (False, [])
        app = project.set_model_monitoring_function("rows", "rows_app.py", "Rows", factor=3, base_period=20)
        assert (app.spec.arguments, app.status.state) == ({"factor": 3}, "created")
        project.deploy_function("rows", env={"LEVEL": 1})
        (found,) = project.list_model_monitoring_functions()
        assert (found.name, found.is_deployed(), found.spec.environment) == ("rows", True, ["LEVEL"])
        (ours,) = there.project.list_model_monitoring_functions()
        assert (ours.spec.class_name, ours.spec.base_period, ours.spec.arguments) == (
            "Rows",
            20,
            {"factor": 3},
        )
        monkeypatch.syspath_prepend(str(Path.cwd()))
        rows = importlib.import_module("rows_app").Rows
        assert (
            project.set_model_monitoring_function("by-class", application_class=rows).spec.class_name
            == "Rows"
        )
        with pytest.raises(ConfigError, match=r"no class 'Nobody' in rows_app\.py"):
            project.set_model_monitoring_function("other", "rows_app.py", "Nobody")
        with pytest.raises(ConfigError, match=r"func: 'nowhere\.py' does not exist"):
            project.set_model_monitoring_function("other", "nowhere.py")
        project.remove_model_monitoring_function(["rows", "by-class"])
        assert there.project.list_model_monitoring_functions() == []
        with pytest.raises(ConfigError, match="there is no app 'rows'"):
            project.get_function("rows")


@pytest.mark.slow
def test_a_function_folder_comes_whole(there: There) -> None:
    shutil.copytree(template("apps/_template"), "mine")
    write(Path("mine/part.py"), "x = 1")
    with there.remote as project:
        for func in ("mine", "mine/main.py"):
            project.set_model_monitoring_function("mine", func).deploy()
            folder = there.project.context / ".modelmon" / "functions" / "mine"
            assert (folder / "part.py").is_file()
            project.remove_model_monitoring_function("mine")
        write(Path("mine/function.yaml"), "spec:\n  handler: main:handler\n")
        with pytest.raises(ConfigError, match=r": mine~\w+/function\.yaml: spec\.runtime: must be text"):
            project.set_model_monitoring_function("mine", "mine").deploy()


@pytest.mark.slow
def test_a_model_is_logged_with_its_statistics_and_no_row(there: There, tmp_path: Path) -> None:
    write(Path("model/weights.txt"), "7")
    write(Path("model/more/words.txt"), "seven")
    with there.remote as project:
        logged = project.log_model(
            "delays", model_dir="model", training_set=frame(), label_column="late", metrics={"auc": 0.9}
        )
        ours = there.project.get_model("delays")
        assert profile_from_json(ours.profile).names == ("a", "b", "late")
        assert (ours.inputs, ours.outputs, ours.metrics) == (("a", "b"), ("late",), {"auc": 0.9})
        assert (logged.uri, logged.feature_stats, logged.inputs) == (
            ours.uri,
            ours.feature_stats,
            ours.inputs,
        )
        assert (logged.files / "more" / "words.txt").read_text() == "seven"
        assert not Path(logged.target_path).is_relative_to(tmp_path)
        project.log_model("bare", body=b"1", model_file="m.bin", inputs=["x"])
        assert [each.key for each in project.list_models()] == ["bare", "delays"]
        (bare,) = project.list_models("bare")
        assert Path(bare.target_path).read_bytes() == b"1"
        with pytest.raises(ConfigError, match="no model 'delay' was logged here; did you mean delays"):
            project.get_model("delay")


@pytest.mark.slow
def test_contracts_are_suggested_set_and_taken_back_from_here(there: There) -> None:
    there.project.log_model("delay", training_set=frame(), label_column="late")
    write(Path("contract.yaml"), "format: 1\ncolumns:\n  a: {range: [0, 10]}\n")
    with there.remote as project:
        assert project.suggest_contract("delay") == there.project.suggest_contract("delay")
        made = project.set_contract("delay", "contract.yaml")
        assert (made.version, made.who, made.text) == (1, "admin", Path("contract.yaml").read_text())
        assert project.list_contracts("delay") == there.project.list_contracts("delay") == (made,)
        with pytest.raises(ConfigError, match=r"line 3: error: columns\.a\.range: has its least value 10"):
            project.set_contract("delay", "format: 1\ncolumns:\n  a: {range: [10, 0]}\n")
        with pytest.raises(ConfigError, match="did you mean delay"):
            project.suggest_contract("dely")
        assert project.set_contract("delay", None).text == ""
    viewer = modelmon.get_or_create_project("flights", url=there.url, token=token_of(there.project, "viewer"))
    with pytest.raises(ConfigError, match="needs the role operator"):
        viewer.set_contract("delay", "contract.yaml")
    assert [each.version for each in viewer.list_contracts("delay")] == [2, 1]


@pytest.mark.slow
def test_a_period_is_made_the_reference_and_taken_back_from_here(there: There) -> None:
    there.project.log_model("delay", training_set=frame(), label_column="late")
    made = get_or_create_model_endpoint(
        there.project, model_endpoint_name="live", function_name="serving", model_path="delay"
    )
    records = open_records(there.project.settings)
    times = [1_700_000_400_000_000 + second * 1_000_000 for second in range(60)]
    columns = {"a": [float(second) for second in range(60)], "b": ["x"] * 60, "late": [0, 1] * 30}
    add_file(records, open_samples(there.project.settings), times, columns, endpoint_id=made.endpoint_id)
    records.close()
    with there.remote as project:
        found = project.set_reference("live", "2023-11-14", "2023-11-15")
        assert (found.version, found.kind, found.rows, found.who) == (2, "period", 60, "admin")
        assert project.list_references("live") == there.project.list_references("live")
        with pytest.raises(ConfigError, match="has 0 stored rows from 2023-11-20 00:00"):
            project.set_reference("live", "2023-11-20", "2023-11-21")
        assert project.undo_reference("live").kind == "training"
    viewer = modelmon.get_or_create_project("flights", url=there.url, token=token_of(there.project, "viewer"))
    assert [each.version for each in viewer.list_references("live")] == [3, 2, 1]
    for change in (lambda: viewer.set_reference("live", "2023-11-14"), lambda: viewer.undo_reference("live")):
        with pytest.raises(ConfigError, match="needs the role operator"):
            change()


def test_who_may_not_is_told(there: There) -> None:
    viewer = modelmon.get_or_create_project("flights", url=there.url, token=token_of(there.project, "viewer"))
    assert viewer.about().role == "viewer"
    with pytest.raises(ConfigError, match="needs the role admin; yours is viewer"):
        viewer.enable_model_monitoring()
    viewer.close()


@pytest.mark.slow
def test_the_environment_says_where_and_who(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELMON_URL", there.url)
    monkeypatch.setenv("MODELMON_TOKEN", there.token)
    project: Any = modelmon.get_or_create_project("flights")
    assert (type(project), project.about().role) == (RemoteProject, "admin")
    assert repr(project) == f"RemoteProject(name='flights', url='{there.url}')"
    project.close()
    with socket.create_server(("127.0.0.1", 0)) as other:  # which must not be sent the token
        other.listen()
        sent = f"http://127.0.0.1:{other.getsockname()[1]}"
        monkeypatch.setattr("modelmon.client.asking.TIMEOUT_SECONDS", 0.01)
        with pytest.raises(UnavailableError, match=r"has not answered in"):
            RemoteProject("flights", sent).server.ask("GET", "/x", dict, within_seconds=0.1)
        monkeypatch.setattr(RemoteProject, "about", lambda self: headers.update(self.server._client.headers))
        headers: dict[str, str] = {}
        modelmon.get_or_create_project("flights", url=sent).close()
        assert "authorization" not in headers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"name": "fligths"}, ConfigError, "there is no project 'fligths'; did you mean flights?"),
        ({"token": "mm_wrong"}, ConfigError, "this token is not known, has expired or was revoked"),
        ({"token": ""}, ConfigError, "needs a login with the role viewer; give token="),
        ({"token": "mm_a b"}, ConfigError, "token: has a character that no token has"),
        ({"base_period": 3}, ConfigError, "base_period: settings are written where the project is"),
        ({"url": "http://127.0.0.1:9"}, UnavailableError, "does not answer .ConnectError."),
        ({"url": "git://x"}, ConfigError, "url='git://x' is not supported here"),
        ({"url": "127.0.0.1:8050"}, ConfigError, "url: write it as http://127.0.0.1:8050"),
        ({"url": None, "token": "mm_x"}, ConfigError, "token: goes together with url="),
    ],
)
def test_what_goes_wrong_is_told_without_the_token(
    there: There, caplog: pytest.LogCaptureFixture, change: dict[str, Any], kind: type[Exception], said: str
) -> None:
    caplog.set_level(logging.DEBUG)
    given: dict[str, Any] = {"name": "flights", "url": there.url, "token": there.token, **change}
    with pytest.raises(kind, match=said) as caught:
        modelmon.get_or_create_project(**given)
    shown = f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"
    assert not given["token"] or given["token"] not in shown


def test_a_server_of_another_version_is_named_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        about = {"name": "p", "version": "9.0", "platform": "embedded", "base_period": 10, "role": "admin"}
        is_about = request.url.path.endswith("/about")
        return httpx.Response(200, json=about | {"remote_deploy": True} if is_about else {"endpoints": 3})

    project = RemoteProject("p", "http://127.0.0.1:1", transport=httpx.MockTransport(answer))
    assert project.about().version == "9.0"
    with pytest.raises(
        ConfigError, match=rf"is ModelMon 9\.0, and this is {modelmon.__version__}; install the same"
    ):
        project.list_model_endpoints()


def test_a_token_that_travels_in_the_clear_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    RemoteProject("p", "http://page.example:8050", "mm_secret").close()
    assert "the token travels in the clear" in caplog.text
    assert "mm_secret" not in caplog.text


@pytest.mark.slow
def test_the_drift_file_is_suggested_set_and_taken_back_from_here_and_segments_follow_it(
    there: There,
) -> None:
    write(Path("drift.yaml"), "format: 1\nendpoints:\n  '*': {segments: [b], ignore: [a]}\n")
    with there.remote as project:
        assert project.suggest_drift_file() == there.project.suggest_drift_file()
        made = project.set_drift_file("drift.yaml")
        assert (made.version, made.who, made.text) == (1, "admin", Path("drift.yaml").read_text())
        assert project.list_drift_files() == there.project.list_drift_files() == (made,)
        with pytest.raises(ConfigError, match=r"line 3: error: endpoints\.a\.floor: 7 must be"):
            project.set_drift_file("format: 1\nendpoints:\n  a: {floor: 7}\n")
        project.log_model("delay", training_set=frame(), label_column="late")
        (of_file,) = profile_from_json(there.project.get_model("delay").profile).segments
        assert of_file.column == "b"
        project.log_model("delay", training_set=frame(), label_column="late", segments=["late"])
        (given,) = profile_from_json(there.project.get_model("delay").profile).segments
        assert given.column == "late"
        assert project.set_drift_file(None).text == ""
    viewer = modelmon.get_or_create_project("flights", url=there.url, token=token_of(there.project, "viewer"))
    with pytest.raises(ConfigError, match="needs the role operator"):
        viewer.set_drift_file("drift.yaml")
    assert [each.version for each in viewer.list_drift_files()] == [2, 1]


@pytest.mark.slow
def test_alerts_and_their_rules_are_set_from_here(there: There) -> None:
    write(Path("alerts.yaml"), "format: 1\n# ours\nrules:\n  - name: a\n")
    with there.remote as project:
        made = project.set_alerts("alerts.yaml")
        assert (made.version, made.who) == (1, "admin")
        assert project.set_alert_rule({"name": "b", "severity": "low"}).severity == "low"
        project.remove_alert_rule("a")
        assert project.list_alert_rules() == there.project.list_alert_rules()
        assert [each.name for each in project.list_alert_rules() if not each.built_in] == ["b"]
        assert "# ours" in project.list_alert_files()[0].text
        with pytest.raises(ConfigError, match="mach: is no key here; did you mean match"):
            project.set_alert_rule({"name": "c", "mach": {}})
        assert project.list_alert_files() == there.project.list_alert_files()
    token = token_of(there.project, "operator")
    operator = modelmon.get_or_create_project("flights", url=there.url, token=token)
    assert operator.set_alert_rule({"name": "c"}).name == "c"
    with pytest.raises(ConfigError, match="needs the role admin"):
        operator.set_alerts("alerts.yaml")
    page, headers = f"{there.url}/projects/flights/rules", {"Authorization": f"Bearer {token}"}
    rules, more = (
        "format: 1\nrules: [{name: c}, {name: d}]\n",
        "channels: {a: {kind: webhook, url: 'http://x'}}\n",
    )
    for text, status in ((rules + more, 403), (rules, 303)):
        assert httpx.post(page, data={"do": "set", "text": text}, headers=headers).status_code == status
    assert there.project.list_alert_files()[0].text == rules
    viewer = modelmon.get_or_create_project("flights", url=there.url, token=token_of(there.project, "viewer"))
    with pytest.raises(ConfigError, match="needs the role operator"):
        viewer.remove_alert_rule("c")
    assert "c" in {each.name for each in viewer.list_alert_rules()}


@pytest.mark.slow
def test_alerts_of_mlruns_are_kept_from_here_and_new_channels_are_an_admins(there: There) -> None:
    entities = {"kind": "model-endpoint-result", "project": "flights", "ids": ["*"]}
    told = {"kind": "webhook", "name": "team", "params": {"url": "https://hooks.example/x"}}
    alert = {
        "name": "drift", "entities": entities, "trigger": {"events": ["data-drift-detected"]},
        "notifications": [{"notification": told}],
    }  # fmt: skip
    token = token_of(there.project, "operator")
    operator = modelmon.get_or_create_project("flights", url=there.url, token=token)
    with pytest.raises(ConfigError, match="the channel 'team' is new, and needs the role admin"):
        operator.store_alert_config(alert)
    assert there.project.list_alert_files() == ()
    with there.remote as project:
        kept = project.store_alert_config(alert)
        assert kept == project.get_alert_config("drift") == there.project.get_alert_config("drift")
        assert project.list_alert_templates() == there.project.list_alert_templates()
        assert len(project.list_alert_activations(name="~x")) == 0
    assert operator.store_alert_config({**alert, "severity": "low"}).severity == "low"
    operator.reset_alert_config(alert_name="drift")
    operator.delete_alert_config(alert_name="drift")
    with pytest.raises(ConfigError, match="there is no alert 'drift'"):
        operator.delete_alert_config(alert_name="drift")
    assert operator.list_alerts_configs() == []
