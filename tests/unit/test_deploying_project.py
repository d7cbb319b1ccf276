"""The project SDK on Nuclio: what it deploys, what it says meanwhile, and that it can be called again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

import nuctl_stand_in
import project_support
from deploying import eventually, is_alive
from modelmon.cli.deployed import deployed_functions
from modelmon.deploying.procedure import prepare
from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.folders import port_file
from modelmon.project import load_project
from nuctl_stand_in import NO_SKLEARN, ORDER

pytestmark = pytest.mark.slow  # each starts the stand-in for nuctl many times

CONTROLLER = "modelmon-controller"
DRIFT = "histogram-data-drift"
PATIENCE_SECONDS = 120.0
STEPS = [
    "  preparing its files",
    "  pulling registry.example/nuclio/uhttpc:0.0.1-amd64",
    "  building its image",
    "  its image is built",
    "  waiting until it is ready",
]
"""What is said while nuctl deploys a function, in order."""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return nuctl_stand_in.install(tmp_path / "nuctl", monkeypatch)


@pytest.fixture
def project(tmp_path: Path, notes: Path) -> Any:
    return project_support.make(
        tmp_path / "flights",
        platform="local",
        nuclio_brokers="kafka:9092",
    )


def deployed(notes: Path) -> list[str]:
    return [call[1] for call in nuctl_stand_in.calls(notes) if call[0] == "deploy"]


def deleted(notes: Path) -> list[list[str]]:
    return [call[2:] for call in nuctl_stand_in.calls(notes) if call[0] == "delete"]


@pytest.fixture
def script(project: Any, notes: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A script of the user's, as `python deploy.py`, that deploys web while the stand-in hangs."""
    (notes / "hang-web").touch()
    temporary = tmp_path / "temporary"  # where a nuctl that is killed leaves what it has
    temporary.mkdir()
    started = subprocess.Popen(
        [sys.executable, "-c", WEB, str(project.context)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    yield started
    started.kill()
    started.communicate()
    if (notes / "hanging").exists():
        for pid in filter(is_alive, hanging(notes)):
            os.kill(pid, signal.SIGKILL)


def test_deploy_function_hands_it_to_nuclio(project: Any, notes: Path) -> None:
    app = project.set_model_monitoring_function("rows", "rows_app.py", "Rows")
    project.deploy_function(app, env={"OWN": "1"})
    create, call = nuctl_stand_in.calls(notes)
    assert (create[2], call[1]) == ("flights", "rows")
    folder = Path(call[call.index("--path") + 1])
    spec = yaml.safe_load((folder / "function.yaml").read_text())["spec"]
    assert {"name": "OWN", "value": "1"} in spec["env"]
    assert (folder / "rows_app.py").is_file()
    assert project_support.deployed(project) == {"rows"}


def test_each_step_is_told_while_it_deploys(
    project: Any, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.set_function("model.py", name="web").add_model("free", class_name="Free").deploy()
    told = capsys.readouterr().err.splitlines()
    begin = told.index("deploying web …")
    assert told[begin + 1 : begin + 6] == STEPS
    assert told[begin + 6].startswith("deployed web in ")
    log = project.context / ".modelmon" / "logs" / "web.deploy.log"
    assert "Building docker image" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_a_module_that_is_missing_in_the_image_is_named_with_the_mend(
    project: Any, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (notes / "crash-web").write_text(NO_SKLEARN)
    serving = project.set_function("model.py", name="web").add_model("free", class_name="Free")
    with pytest.raises(UnavailableError) as failed:
        serving.deploy()
    first, *more = str(failed.value).splitlines()
    assert first.startswith(
        "web: ModuleNotFoundError: No module named 'sklearn'; put the package that has it"
    )
    assert "    import sklearn" in "\n".join(more)
    assert ".go:" not in str(failed.value)
    assert "panic" not in str(failed.value)
    assert "frozen" not in str(failed.value)
    # A function that crashes at once is told of at once, whatever nuctl would have said after it.
    told = capsys.readouterr().err.splitlines()
    steps = told[told.index("deploying web …") + 1 :]
    assert steps == STEPS[: len(steps)]


def test_monitoring_is_enabled_on_nuclio_and_disabled_there(project: Any, notes: Path) -> None:
    project.enable_model_monitoring(base_period=60, wait_for_deployment=True)
    assert sorted(deployed(notes)) == sorted(set(ORDER) - {"modelmon-serving"})
    assert deployed(notes)[-1] == CONTROLLER
    assert interval(project) == "60m"
    project.disable_model_monitoring()
    first, *apps = (each[0] for each in deleted(notes))
    assert (first, sorted(apps)) == (CONTROLLER, sorted(project_support.DEFAULT_APPS))


def interval(project: Any, bundle: str = ".modelmon/bundle") -> str:
    spec = yaml.safe_load((project.context / bundle / CONTROLLER / "function.yaml").read_text())["spec"]
    found: str = spec["triggers"]["tick"]["attributes"]["interval"]
    return found


def test_a_deployment_of_all_keeps_the_period_that_was_recorded(project: Any, notes: Path) -> None:
    project.enable_model_monitoring(base_period=30)
    prepare(project.settings, project.context / "all")
    assert interval(project, "all") == "30m"
    spec = yaml.safe_load((project.context / "all" / CONTROLLER / "function.yaml").read_text())["spec"]
    assert {"name": "MODELMON_BASE_PERIOD", "value": "30"} in spec["env"]


def test_the_controller_ticks_as_often_as_the_shortest_windows_of_an_app_end(
    project: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    project.enable_model_monitoring(base_period=30)
    project.set_model_monitoring_function("rows", "rows_app.py", "Rows", base_period=5).deploy()
    assert "`modelmon deploy --function modelmon-controller` lets it tick" in capsys.readouterr().err
    prepare(project.settings, project.context / "all")
    assert interval(project, "all") == "5m"


def test_records_that_do_not_answer_leave_the_setting_and_a_warning(project: Any, notes: Path) -> None:
    project.enable_model_monitoring(base_period=30)
    lost = replace(project.settings, records_url="sqlite:////proc/no/such/folder/records.db")
    (found,) = prepare(lost, project.context / "all").findings
    assert "modelmon.yaml:1: warning: base_period: 10 the recorded base_period can't be read" in str(found)
    assert interval(project, "all") == "10m"


def test_what_is_enabled_is_left_as_it_is_and_said(
    project: Any, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project.enable_model_monitoring(base_period=60)
    before = nuctl_stand_in.calls(notes)
    capsys.readouterr()
    for given in (60, None):
        load_project(project.context).enable_model_monitoring(base_period=given)
        said = capsys.readouterr().err
        assert "flights is enabled already, in windows of 60 minutes: nothing is deployed anew" in said
    with pytest.raises(
        ConfigError, match=r"60 minutes, not 20: update_model_monitoring_controller\(base_peri"
    ):
        project.enable_model_monitoring(base_period=20)
    assert nuctl_stand_in.calls(notes) == before


@pytest.mark.parametrize("lost", ["deleted", "error"])
def test_what_nuclio_does_not_have_any_more_is_deployed_anew(project: Any, notes: Path, lost: str) -> None:
    project.enable_model_monitoring()
    if lost == "deleted":
        (notes / "functions" / "nuclio" / "modelmon-writer.json").unlink()
    else:
        nuctl_stand_in.put(notes, "modelmon-writer", "flights", "error")
    before = len(deployed(notes))
    project.enable_model_monitoring()
    assert deployed(notes)[before:] == ["modelmon-writer"]


def test_what_nuclio_does_not_take_is_not_deployed_and_can_be_tried_again(project: Any, notes: Path) -> None:
    (notes / f"fail-{CONTROLLER}").touch()
    with pytest.raises(UnavailableError, match=r"nuctl deploy modelmon-controller") as failed:
        project.enable_model_monitoring()
    *_, one, far = str(failed.value).splitlines()
    assert one.startswith("not deployed: modelmon-controller. When that is mended, call it again: ")
    assert far == (
        "Of monitoring: deployed: modelmon-stream, modelmon-writer, histogram-data-drift, drift, "
        "data-quality, service, model-performance, modelmon-notifier; "
        "not deployed: modelmon-controller"
    )
    assert CONTROLLER not in project_support.deployed(project)
    (notes / f"fail-{CONTROLLER}").unlink()
    before = len(deployed(notes))
    project.enable_model_monitoring()
    assert deployed(notes)[before:] == [CONTROLLER]


def test_enabling_that_is_interrupted_says_what_of_monitoring_is_deployed(
    project: Any, notes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nuctl_stand_in.end_when_hanging(notes, monkeypatch, until=_interrupt)
    (notes / f"hang-{DRIFT}").touch()
    with pytest.raises(KeyboardInterrupt):
        project.enable_model_monitoring()
    *_, one, far = capsys.readouterr().err.splitlines()
    assert one.startswith(f"interrupted. not deployed: {DRIFT}. Call it again: ")
    assert far == (
        "Of monitoring: deployed: modelmon-stream, modelmon-writer; "
        f"not deployed: {DRIFT}, drift, data-quality, service, model-performance, modelmon-notifier, "
        "modelmon-controller"
    )


def _interrupt() -> bool:
    raise KeyboardInterrupt


WEB = """
import signal, sys
import modelmon
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
project = modelmon.get_or_create_project("flights", context=sys.argv[1])
project.set_function("model.py", name="web").add_model("free", class_name="Free").deploy()
"""


@pytest.mark.e2e
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_deployment_that_is_interrupted_ends_nuctl_and_can_be_called_again(
    project: Any, notes: Path, script: subprocess.Popen[str], how: signal.Signals
) -> None:
    pids = hanging(notes)
    script.send_signal(how)
    _, said = script.communicate(timeout=PATIENCE_SECONDS)
    eventually(lambda: not any(map(is_alive, pids)), within=PATIENCE_SECONDS)
    assert "interrupted. not deployed: web. Call it again" in said
    assert project_support.deployed(project) == set()
    assert nuctl_stand_in.state(notes, "web") == "building"
    goes_on(project, notes)


@pytest.mark.e2e
def test_a_deployment_that_is_killed_goes_on_until_its_nuctl_is_gone(
    project: Any, notes: Path, script: subprocess.Popen[str]
) -> None:
    pids = hanging(notes)
    lives = f"web is being deployed by process {script.pid}: wait until that has ended"
    with pytest.raises(UnavailableError, match=lives):
        project.get_function("web").deploy()
    script.kill()
    script.communicate(timeout=PATIENCE_SECONDS)
    with pytest.raises(UnavailableError, match=f"web is being deployed by process {pids[0]}: wait until"):
        project.get_function("web").deploy()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, pids)), within=PATIENCE_SECONDS)
    goes_on(project, notes)


def hanging(notes: Path) -> list[int]:
    """The process ids of the nuctl that hangs and of its docker, once it does."""
    eventually((notes / "hanging").exists, within=PATIENCE_SECONDS)
    return [int(pid) for pid in (notes / "hanging").read_text().split()]


def goes_on(project: Any, notes: Path) -> None:
    """The same again frees the function and deploys it."""
    (notes / "hang-web").unlink()
    project.get_function("web").deploy()
    assert deleted(notes) == [["web", "--platform", "local", "--namespace", "nuclio", "--force"]]
    assert nuctl_stand_in.state(notes, "web") == "ready"


def test_enabling_goes_on_where_it_was_interrupted(
    project: Any, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nuctl_stand_in.end_when_hanging(notes, monkeypatch)
    (notes / "hang-modelmon-controller").touch()
    with pytest.raises(UnavailableError, match="was ended"):
        project.enable_model_monitoring()
    assert CONTROLLER not in project_support.deployed(project)
    (notes / "hang-modelmon-controller").unlink()
    before = len(deployed(notes))
    project.enable_model_monitoring()
    assert deployed(notes)[before:] == [CONTROLLER]
    assert [each[0] for each in deleted(notes)] == [CONTROLLER]
    assert nuctl_stand_in.state(notes, CONTROLLER) == "ready"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"path": "%s"}' % self.path.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that says which path it was asked for."""
    server = HTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_function_on_nuclio_is_called_at_the_port_that_nuctl_tells(
    project: Any, notes: Path, port: int
) -> None:
    serving = project.set_function("model.py", name="web").add_model("free", class_name="Free")
    with pytest.raises(UnavailableError, match="'web' is not on Nuclio, in namespace 'nuclio': deploy it"):
        serving.invoke("/v2/models")
    nuctl_stand_in.put(notes, "web", "flights", port=port)
    assert serving.invoke("/v2/models") == {"path": "/v2/models"}


@pytest.mark.parametrize("state", ["building", "error"])
def test_while_it_is_deployed_anew_and_when_that_has_failed_the_old_container_is_called(
    project: Any, notes: Path, port: int, state: str
) -> None:
    serving = project.set_function("model.py", name="web").add_model("free", class_name="Free")
    serving.deploy()
    nuctl_stand_in.put(notes, "web", "flights", state)  # Nuclio tells no address then
    port_file(project.context, "web").write_text(str(port))
    assert serving.invoke("/v2/models") == {"path": "/v2/models"}
    (web,) = deployed_functions(project.settings, ask_nuctl=True)
    assert (web.address, web.state) == (f"127.0.0.1:{port}", state)


def test_a_function_without_a_published_port_is_said(project: Any, notes: Path) -> None:
    serving = project.set_function("model.py", name="web")
    nuctl_stand_in.put(notes, "web", "flights")
    with pytest.raises(UnavailableError) as said:
        serving.invoke("/v2/models")
    assert "no HTTP trigger that can be reached from here (state 'ready')" in str(said.value)
    assert "`nuctl get function web --platform local --namespace nuclio" in str(said.value)


def test_an_address_that_was_given_up_is_asked_for_again(project: Any, notes: Path, port: int) -> None:
    serving = project.set_function("model.py", name="web")
    nuctl_stand_in.put(notes, "web", "flights", port=1)
    with pytest.raises(UnavailableError, match="does not answer at 127"):
        serving.invoke("/v2/models")
    nuctl_stand_in.put(notes, "web", "flights", port=port)
    assert serving.invoke("/v2/models") == {"path": "/v2/models"}
