"""Bundles and deployments: what Nuclio is given, with a stand-in for nuctl that looks at it."""

from __future__ import annotations

import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import nuctl_stand_in
from deploying import HTTP, deploy, make_project, stream_trigger
from modelmon.cli import main, output
from modelmon.wheel import pack_wheel
from nuctl_stand_in import ORDER, SASL, SERVERS, WHEEL

pytestmark = pytest.mark.slow  # starts processes


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder outside any project, with a wheel."""
    monkeypatch.delenv("MODELMON_PROJECT_DIR", raising=False)
    monkeypatch.setattr(output.console, "width", 200)
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    pack_wheel(folder)
    return folder


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return nuctl_stand_in.install(tmp_path / "nuctl", monkeypatch)


@pytest.fixture
def modelmon(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["modelmon", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


def done(out: str) -> list[str]:
    """The functions that were said to be deployed."""
    return [line.split()[1] for line in out.splitlines() if line.startswith("deployed ")]


def environment(**settings: str) -> dict[str, str]:
    return {f"MODELMON_{name.upper()}": value for name, value in settings.items()}


def test_workers_and_replicas_are_settings_and_need_as_many_partitions(modelmon: Any) -> None:
    sizes = environment(stream_workers="2", stream_replicas="2", events_partitions="4")
    code, _, _ = modelmon("bundle", "--wheel", WHEEL, **sizes)
    spec = yaml.safe_load(Path("dist/functions/modelmon-stream/function.yaml").read_text())["spec"]
    assert (code, spec["minReplicas"], spec["maxReplicas"]) == (0, 2, 2)
    assert spec["triggers"]["events"]["numWorkers"] == 2
    code, _, error = modelmon("bundle", "--wheel", WHEEL, **environment(events_partitions="3"))
    assert code == 2
    assert "2 times 2 replicas makes 4 workers for 3 partitions" in error


def test_all_are_deployed_who_reads_before_who_writes(modelmon: Any, notes: Path) -> None:
    options = (
        "--platform kube --registry r.example/a --run-registry r:5000 --namespace ns --project-name mine"
    )
    code, out, error = modelmon("deploy", "--wheel", WHEEL, *options.split(), **environment(**SERVERS))
    assert (code, done(out)) == (0, ORDER), error
    project, *functions = nuctl_stand_in.calls(notes)
    assert project == ["create", "project", "mine", "--platform", "kube", "--namespace", "ns"]
    assert [call[1] for call in functions] == ORDER
    assert functions[0][2:] == [
        "--project-name", "mine", "--platform", "kube", "--namespace", "ns", "--registry", "r.example/a",
        "--run-registry", "r:5000", "--path", str(Path("dist/functions/modelmon-writer").absolute()),
    ]  # fmt: skip
    assert "hunter2" not in str(functions)  # on Kubernetes it comes from the Secret
    label = yaml.safe_load(Path("dist/functions/modelmon-writer/function.yaml").read_text())
    assert label["metadata"]["labels"]["nuclio.io/project-name"] == "mine"


def test_deploying_again_is_safe(modelmon: Any, notes: Path) -> None:
    for _ in range(2):
        code, _, error = modelmon("deploy", "--platform", "kube", "--wheel", WHEEL, **environment(**SERVERS))
        assert code == 0, error
    assert [call[1] for call in nuctl_stand_in.calls(notes)] == [*["project", *ORDER], *["project", *ORDER]]


def test_single_functions_can_be_deployed(modelmon: Any, notes: Path) -> None:
    chosen = ("--function", "modelmon-serving", "--function", "modelmon-stream")
    code, _, _ = modelmon("deploy", *chosen, "--platform", "kube", "--wheel", WHEEL, **environment(**SERVERS))
    assert (code, [call[1] for call in nuctl_stand_in.calls(notes)]) == (
        0, ["project", "modelmon-stream", "modelmon-serving"],
    )  # fmt: skip
    code, _, error = modelmon("deploy", "--platform", "kube", "--function", "nothing", "--wheel", WHEEL)
    assert (code, "no function 'nothing'; there are: modelmon-writer" in error) == (2, True)


def test_the_page_is_deployed_once_the_settings_say_who_may_see_it(modelmon: Any, notes: Path) -> None:
    page = ("deploy", "--platform", "kube", "--function", "modelmon-api", "--wheel", WHEEL)
    code, _, error = modelmon(*page, **environment(**SERVERS, dashboard="none"))
    assert (code, "no modelmon-api while `dashboard` is none" in error) == (2, True)
    code, _, error = modelmon(*page, **environment(**SERVERS, dashboard="serve"))
    assert (code, "while `auth` is missing" in error, "set `auth: token`" in error) == (2, True, True)
    code, _, error = modelmon(*page, **environment(**SERVERS, dashboard="serve", auth="token"))
    assert code == 0, error
    assert [call[1] for call in nuctl_stand_in.calls(notes)] == ["project", "modelmon-api"]


def test_a_failure_stops_says_how_far_it_got_and_shows_no_secret(modelmon: Any, notes: Path) -> None:
    (notes / "fail-histogram-data-drift").touch()
    code, out, error = modelmon("deploy", "--platform", "local", "--wheel", WHEEL, **environment(**SERVERS))
    assert (code, done(out)) == (1, ["modelmon-writer", "modelmon-stream", "data-quality", "drift"])
    assert error.startswith("error: histogram-data-drift: No matching distribution found for nothing\n")
    assert "`nuctl deploy histogram-data-drift --project-name default --platform local --name" in error
    assert '--env MODELMON_RECORDS_URL="$MODELMON_RECORDS_URL"` failed (exit code 1)\n' in error
    assert "all that nuctl said: dist/functions/histogram-data-drift.deploy.log" in error
    assert ".go:" not in error
    assert (
        "deployed: modelmon-writer, modelmon-stream, data-quality, drift; "
        "not deployed: histogram-data-drift, model-performance, service, modelmon-c" in error
    )
    assert ". When that is mended, call it again: what is deployed is only deployed anew" in error
    log = Path("dist/functions/histogram-data-drift.deploy.log")
    assert "--env MODELMON_RECORDS_URL=***" in log.read_text()
    assert "hunter" not in out + error + log.read_text()
    assert len(nuctl_stand_in.calls(notes)) == 6


def test_on_docker_secrets_go_by_variables_and_by_files_of_the_owner(
    modelmon: Any, notes: Path, place: Path
) -> None:
    (place / "ca.pem").write_text("certificate")
    settings = {**SASL, "kafka_ssl_cafile": str(place / "ca.pem"), "stream_path": "kafka://a:1"}
    make_project(place, **settings)
    deploy(place, "web", "handler = print", {"http": HTTP})
    code, _, error = modelmon("deploy", "--platform", "local", "--wheel", WHEEL)
    assert code == 0, error
    assert "MODELMON_KAFKA_SASL_PASSWORD=hunter3" in nuctl_stand_in.calls(notes)[1]
    secrets = place / ".modelmon" / "secrets"
    files = {path.name: path.read_text() for path in secrets.iterdir()}
    assert files == {"MODELMON_KAFKA_SASL_PASSWORD": "hunter3", "kafka-ca.pem": "certificate"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o600}
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kafka_ssl_cafile": "/nowhere.pem"}, "there is no file '/nowhere.pem'"),
        (
            {**SASL, "kafka_ssl_cafile": "", "kafka_sasl_password": "it's"},
            "MODELMON_KAFKA_SASL_PASSWORD: holds a '",
        ),
        (
            {"stream_path": "v3io:///users/p"},
            "V3IO_ACCESS_KEY: the functions need it, and it is not set here",
        ),
    ],
    ids=["file", "quote", "key"],
)
def test_a_secret_that_can_not_be_handed_over_stops_before_nuctl(
    modelmon: Any, notes: Path, place: Path, settings: dict[str, str], said: str
) -> None:
    make_project(place, **{"stream_path": "kafka://a", **settings})
    deploy(place, "web", "handler = print", {"http": HTTP})
    code, _, error = modelmon("deploy", "--platform", "local", "--wheel", WHEEL)
    assert (code, said in error, nuctl_stand_in.calls(notes)) == (2, True, []), error


def test_secret_files_need_a_project(modelmon: Any, notes: Path, place: Path) -> None:
    settings = environment(**SERVERS, **SASL | {"kafka_ssl_cafile": ""})
    code, _, error = modelmon("deploy", "--platform", "local", "--wheel", WHEEL, **settings)
    assert (code, "by files of a project" in error, nuctl_stand_in.calls(notes)) == (2, True, [])
    assert not (place / ".modelmon").exists()


def test_a_dry_run_prints_commands_that_a_shell_takes_and_runs_none(modelmon: Any, notes: Path) -> None:
    settings = environment(**SERVERS, nuclio_registry="a b")
    code, out, _ = modelmon("deploy", "--platform", "local", "--wheel", WHEEL, "--dry-run", **settings)
    assert (code, nuctl_stand_in.calls(notes)) == (0, [])
    assert "hunter2" not in out
    create, first, *_ = commands = out.splitlines()
    assert len(commands) == 1 + len(ORDER)
    assert create == "nuctl create project default --platform local --namespace nuclio"
    assert shlex.split(first)[-6:] == [
        "--registry",
        "a b",
        "--path",
        "dist/functions/modelmon-writer",
        "--env",
        "MODELMON_RECORDS_URL=$MODELMON_RECORDS_URL",
    ]
    subprocess.run(["sh", "-ec", out], check=True, capture_output=True)
    assert [call[1] for call in nuctl_stand_in.calls(notes)] == ["project", *ORDER]
    assert nuctl_stand_in.calls(notes)[1][-1] == f"MODELMON_RECORDS_URL={SERVERS['records_url']}"


def test_without_nuctl_the_error_says_where_to_get_it(
    modelmon: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(place))
    code, _, error = modelmon("deploy", "--platform", "kube", "--wheel", WHEEL, **environment(**SERVERS))
    assert (code, error.startswith("error: nuctl is not on the PATH")) == (2, True)


def test_deploying_has_to_know_where_to(modelmon: Any, notes: Path) -> None:
    code, _, error = modelmon("deploy", "--wheel", WHEEL, **environment(**SERVERS))
    assert (code, error.startswith("error: --platform: say local"), nuctl_stand_in.calls(notes)) == (
        2,
        True,
        [],
    )


def test_a_project_in_which_nothing_is_deployed_begins_with_its_sdk(
    modelmon: Any, notes: Path, place: Path
) -> None:
    make_project(place, **SERVERS)
    code, _, error = modelmon("deploy", "--platform", "kube", "--wheel", WHEEL)
    assert (code, "enable_model_monitoring() begins with that" in error) == (2, True)
    assert nuctl_stand_in.calls(notes) == []


def test_functions_that_would_find_no_stores_are_not_deployed(modelmon: Any, notes: Path) -> None:
    code, _, error = modelmon("deploy", "--platform", "kube", "--wheel", WHEEL)
    assert (code, "records_url: not set, and on Kubernetes" in error) == (2, True)
    assert nuctl_stand_in.calls(notes) == []


def test_a_wrong_function_yaml_is_neither_bundled_nor_deployed(
    modelmon: Any, notes: Path, place: Path
) -> None:
    make_project(place, nuclio_brokers="kafka:9092")
    deploy(place, "right", "handler = print", {"http": HTTP})
    deploy(place, "wrong", "handler = print", {"events": stream_trigger(numWorkers=1, eventTimeout="5m")})
    code, _, error = modelmon("deploy", "--platform", "local", "--wheel", WHEEL)
    assert code == 2
    assert "wrong/function.yaml" in error
    assert "spec.triggers.events.eventTimeout" in error
    assert not Path("dist").exists()


class TestCheckCommand:
    def test_what_comes_with_modelmon_is_right(self, modelmon: Any) -> None:
        code, out, _ = modelmon("check")
        assert (code, out.splitlines()[-1].startswith("0 errors, 0 warnings in ")) == (0, True), out
        named = [line for line in out.splitlines() if line.startswith("checked ")]
        assert out.splitlines()[-1].endswith(f"in {len(named)} files")
        assert any(line.endswith("stream/function.yaml") for line in named)

    def test_the_settings_of_the_environment_count(self, modelmon: Any) -> None:
        code, out, _ = modelmon("check", MODELMON_STREAM_WORKERS="5")
        assert (code, "5 workers for 2 partitions" in out) == (1, True), out

    def test_a_mistake_is_printed_with_file_and_line_and_ends_with_1(
        self, modelmon: Any, place: Path
    ) -> None:
        make_project(place)
        folder = deploy(place, "web", "handler = print", {"http": HTTP | {"numWorker": 2}})
        code, out, _ = modelmon("check")
        line = (folder / "function.yaml").read_text().splitlines().index("      numWorker: 2") + 1
        said = f"{folder}/function.yaml:{line}: error: spec.triggers.http.numWorker: 2 is no key that Nuclio"
        assert code == 1
        assert said in out
        assert "did you mean numWorkers?" in out

    def test_json_has_every_finding(self, modelmon: Any, place: Path) -> None:
        (place / "function.yaml").write_text("spec: {}\n")
        code, out, _ = modelmon("check", "function.yaml", "--json")
        found = yaml.safe_load(out)
        assert found["files"] == ["function.yaml"]
        assert (code, found["errors"]) == (1, len([f for f in found["findings"] if f["level"] == "error"]))
        assert set(found["findings"][0]) == {"file", "line", "key", "value", "problem", "mend", "level"}

    def test_an_app_that_nuclio_can_not_name_is_said(self, modelmon: Any, place: Path) -> None:
        make_project(place)
        deploy(place, "My_App", "handler = print", {"http": HTTP})
        code, out, _ = modelmon("check", "--platform", "kube")
        assert (code, "'My_App' can't name a function" in out) == (1, True)

    def test_an_unknown_platform_is_refused(self, modelmon: Any) -> None:
        assert modelmon("check", "--platform", "docker")[0] == 2
        assert modelmon("bundle", "--platform", "docker", "--wheel", WHEEL)[0] == 2


@pytest.mark.parametrize("platform", ["local", "kube"])
def test_functions_that_nuclio_runs_are_not_run_here_too(modelmon: Any, place: Path, platform: str) -> None:
    make_project(place, platform=platform, **SERVERS)
    code, _, err = modelmon("up", "--until-idle")
    assert code == 2
    assert f"platform: {platform} means that Nuclio runs" in err
    assert not (place / ".modelmon" / "runner.json").exists()


@pytest.mark.parametrize(
    ("pushed", "pulled", "mend"),
    [
        ("r.example/flights", "registry.svc:5000", "write registry.svc:5000/flights"),
        ("r.example", "registry.svc:5000/flights", "write registry.svc:5000"),
    ],
    ids=["pushed", "pulled"],
)
def test_a_folder_of_only_one_of_the_registries_is_told(
    pushed: str, pulled: str, mend: str, modelmon: Any
) -> None:
    settings = environment(nuclio_registry=pushed, nuclio_run_registry=pulled)
    code, _, error = modelmon("bundle", "--wheel", WHEEL, **settings)
    assert code == 0
    (said,) = [line for line in error.splitlines() if "nuclio_run_registry" in line]
    assert "images are pushed to one place and pulled from another" in said
    assert said.endswith(mend)
    same = environment(nuclio_registry="r/a", nuclio_run_registry="s/a")
    assert "nuclio_run_registry" not in modelmon("bundle", "--wheel", WHEEL, **same)[2]


class TestFolders:
    """Deploying works from any folder, or says in a line what to do."""

    @pytest.fixture
    def project(self, place: Path) -> Path:
        folder = make_project(place / "ä project", platform="local", nuclio_brokers="kafka:9092")
        deploy(folder, "web", "handler = print", {"http": HTTP})
        return folder

    @pytest.mark.parametrize("inside", ["", "sub/deep", ".modelmon/functions", ".modelmon/functions/web"])
    def test_anywhere_in_a_project_the_bundle_is_in_its_folder(
        self, modelmon: Any, notes: Path, project: Path, monkeypatch: pytest.MonkeyPatch, inside: str
    ) -> None:
        (project / inside).mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(project / inside)
        code, out, error = modelmon("deploy")
        assert (code, done(out)) == (0, ["web"]), error
        assert (project / "dist" / "functions" / "web" / "function.yaml").is_file()

    def test_from_elsewhere_too(self, modelmon: Any, notes: Path, project: Path) -> None:
        code, out, error = modelmon("deploy", "--project-dir", str(project))
        assert (code, done(out)) == (0, ["web"]), error
        assert (project / "dist" / "functions" / "web" / "function.yaml").is_file()

    def test_a_folder_that_can_not_be_written_is_named(
        self, modelmon: Any, notes: Path, project: Path
    ) -> None:
        (project / "dist").touch()
        code, _, error = modelmon("deploy", "--project-dir", str(project))
        assert (code, "can't be written (Not a directory): name a folder that can" in error) == (1, True), (
            error
        )
        assert len(error.splitlines()) == 1

    def test_a_folder_that_is_gone_is_said(
        self, modelmon: Any, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = place / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        code, _, error = modelmon("deploy", "--platform", "local")
        assert (code, error.splitlines()[0].split(":")[-1]) == (2, " cd to another")
