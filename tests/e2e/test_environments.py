"""Environments of functions' own, made by uv for real; small packages come from a folder."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from deploying import HTTP, deploy, eventually, log_of, make_project, runner_report
from modelmon.errors import ConfigError, UnavailableError
from modelmon.local import Runner
from modelmon.local.environments import environment_of, hold, remove_unused
from modelmon.local.needs import Needs
from project_support import make, write
from small_wheels import environments as environments
from small_wheels import small_wheel

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("environments")]

VERSIONS = """
    import sys
    import sortedcontainers, thing
    from importlib.metadata import version
    def handler(context, event):
        return {"thing": thing.VERSION, "real": sortedcontainers.__version__,
                "ours": version("modelmon"), "python": sys.executable}
"""
SERVED = """
    import thing
    from modelmon import V2ModelServer

    class Model(V2ModelServer):
        def predict(self, request):
            return [thing.VERSION]
"""
MAKE = """
import sys
from pathlib import Path
from modelmon.local.environments import environment_of, hold
from modelmon.local.needs import Needs
held = hold(environment_of(Needs((), tuple(sys.argv[2:]))), print, Path(sys.argv[1]), lambda: False)
print("python", held.python, flush=True)
"""


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder with two versions of one package."""
    for version in ("1.0", "2.0"):
        small_wheel(tmp_path / "index", "thing", version)
    return tmp_path / "index"


def never() -> bool:
    return False


def deploy_needing(project: Path, name: str, *lines: str) -> None:
    folder = deploy(project, name, VERSIONS, {"http": HTTP})
    written = folder.with_name(f".{name}")
    folder.rename(written)
    (written / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))
    written.rename(folder)


def test_two_functions_run_beside_each_other_with_two_versions_of_a_library(
    tmp_path: Path, index: Path, environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever lies on this Python's path."""
    write(tmp_path / "elsewhere" / "thing.py", "VERSION = 'of another Python'")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    project = make_project(tmp_path / "project")
    links = f"--find-links {index}"
    deploy_needing(project, "one", "thing==1.0", "sortedcontainers==2.3.0", links)
    deploy_needing(project, "two", "thing==2.0", "sortedcontainers==2.4.0", links)
    told: list[tuple[str, str]] = []
    with Runner(project, tell=lambda level, text: told.append((level, text))) as runner:
        runner.wait_until_ready()
        seen = {
            name: httpx.get(f"http://{runner.address(name)}/", timeout=30).json() for name in ("one", "two")
        }
    assert (seen["one"]["thing"], seen["one"]["real"]) == ("1.0", "2.3.0")
    assert (seen["two"]["thing"], seen["two"]["real"]) == ("2.0", "2.4.0")
    for each in seen.values():
        assert Path(each["python"]).parents[2] == environments
        assert each["ours"] == "0.1.0"
    assert seen["one"]["python"] != seen["two"]["python"]
    assert [level for level, text in told if "making an environment for thing==1.0" in text] == ["info"]
    assert "Creating virtual environment" in log_of(project, "one")


def test_a_requirement_that_cannot_be_installed_is_one_line_before_anything_runs(
    tmp_path: Path, index: Path, environments: Path
) -> None:
    project = make_project(tmp_path / "project")
    deploy_needing(project, "one", "thing==3.0", f"--find-links {index}")
    told: list[tuple[str, str]] = []
    with Runner(project, tell=lambda level, text: told.append((level, text))) as runner:
        with pytest.raises(ConfigError, match=r"one does not run: its requirements can't be installed"):
            runner.wait_until_ready()
        (function,) = eventually(lambda: runner_report(project)["functions"], lambda seen: seen[0]["error"])
    assert function["workers"] == []
    (line,) = [text for level, text in told if level == "error"]
    assert "thing==3.0" in line
    assert "\n" not in line
    assert not list(environments.glob("*/"))


def test_deploying_makes_the_environment_or_says_why_it_can_not(
    tmp_path: Path, index: Path, environments: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = make(tmp_path / "project")
    write(project.context / "served.py", SERVED)
    for version, found in (("3.0", None), ("2.0", "2.0")):
        requirements = [f"thing=={version}", f"--find-links {index}"]
        serving = project.set_function("served.py", name="serving", requirements=requirements)
        serving.add_model("m", class_name="Model")
        if found is None:
            with pytest.raises(ConfigError, match=r"its requirements can't be installed: .*thing==3\.0"):
                serving.deploy()
            assert not (project.context / ".modelmon" / "functions" / "serving").exists()
    serving.deploy()
    assert "serving: making an environment for thing==2.0" in capfd.readouterr().err
    (made,) = environments.glob("*/")
    with Runner(project.context) as runner:
        runner.wait_until_ready()
        answer = serving.invoke("/v2/models/m/infer", {"inputs": [[1]]})
    assert answer["outputs"] == ["2.0"]
    assert [made] == list(environments.glob("*/"))


def test_an_import_that_the_environment_has_not_is_told_when_deploying(
    tmp_path: Path, index: Path, environments: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = make(tmp_path / "project")
    write(project.context / "served.py", "import thing, other, json\nimport model\ntry:\n    import third\n"
          "except ImportError:\n    pass\nfrom modelmon import V2ModelServer\n"
          "class Model(V2ModelServer):\n    pass\n")  # fmt: skip
    serving = project.set_function("served.py", name="serving", requirements=[])
    serving.add_model("m", class_name="Model").deploy()
    lines = [record.getMessage() for record in caplog.records if "its code imports" in record.getMessage()]
    assert [line.split(" imports ")[1].split(",")[0] for line in lines] == ["model", "other", "thing"]
    caplog.clear()
    serving.with_requirements(["thing", f"--find-links {index}"]).deploy()
    assert not [record for record in caplog.records if "imports thing" in record.getMessage()]


def test_an_index_that_does_not_answer_is_no_fault_of_the_requirements(
    tmp_path: Path, index: Path, environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    wanted = environment_of(Needs((), ("thing", f"--find-links {index}")))
    with pytest.raises(UnavailableError, match=r"its requirements can't be installed: .*127\.0\.0\.1:9"):
        hold(wanted, lambda text: None, tmp_path / "log", never)
    assert not wanted.is_made


def test_there_is_one_line_where_no_python_fits(tmp_path: Path, environments: Path) -> None:
    wanted = environment_of(Needs(("stream",), python=">=3.5,<3.6"))
    with pytest.raises(ConfigError, match=r"it needs a Python >=3\.5,<3\.6: .*") as raised:
        hold(wanted, lambda text: None, tmp_path / "log", never)
    assert "\n" not in str(raised.value)


def test_two_at_once_make_one_environment(tmp_path: Path, index: Path, environments: Path) -> None:
    command = [sys.executable, "-c", MAKE, str(tmp_path / "log"), "thing", f"--find-links {index}"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=200)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("environment made in" in text for text in said) == 1
    assert len({text.splitlines()[-1] for text in said}) == 1
    assert (tmp_path / "log").read_text().count("Creating virtual environment") == 1


def test_one_that_was_killed_half_way_is_made_again(tmp_path: Path, index: Path, environments: Path) -> None:
    """Also while the uv that the killed one has called still writes."""
    command = [sys.executable, "-c", MAKE, str(tmp_path / "log"), "thing", f"--find-links {index}"]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE)
    eventually(lambda: list(environments.glob("*/bin")), every=0.001)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    python = done.stdout.split()[-1]
    subprocess.run([python, "-c", "import thing, modelmon"], check=True)
    assert "environment made in" in done.stdout


def test_what_is_in_use_is_not_removed(tmp_path: Path, index: Path, environments: Path) -> None:
    wanted = environment_of(Needs((), ("thing", f"--find-links {index}")))
    assert wanted.folder is not None
    held = hold(wanted, lambda text: None, tmp_path / "log", never)
    other = hold(wanted, pytest.fail, tmp_path / "log", never)
    remove_unused(time.time() + 1, days=0)
    held.close()
    remove_unused(time.time() + 1, days=0)
    assert wanted.is_made
    other.close()
    remove_unused(time.time() + 1, days=0)
    assert not wanted.folder.exists()


def test_stopping_ends_what_is_being_made(tmp_path: Path, index: Path, environments: Path) -> None:
    project = make_project(tmp_path / "project")
    deploy_needing(project, "one", "thing", f"--find-links {index}")
    wanted = environment_of(Needs(("api",), ("thing", f"--find-links {index}")))
    assert wanted.folder is not None
    wanted.folder.parent.mkdir(parents=True)
    lock = os.open(f"{wanted.folder}.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)  # as somebody who makes it and does not come to an end
    runner = Runner(project)
    runner.start()
    eventually(lambda: runner_report(project)["functions"], lambda seen: seen and seen[0]["preparing"])
    runner.stop()
    os.close(lock)
    assert not wanted.folder.exists()


def test_a_module_that_is_missing_when_a_worker_starts_is_told_with_the_mend(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    deploy(project, "one", "import no_such_module", {"http": HTTP})
    told: list[tuple[str, str]] = []
    with Runner(project, tell=lambda level, text: told.append((level, text))):
        found = eventually(lambda: [text for level, text in told if level == "error"])
    assert found[0].startswith(
        "one: ModuleNotFoundError: No module named 'no_such_module'; name its package in"
    )
