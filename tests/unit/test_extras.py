"""What is said when a package is missing that an extra brings."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from deploying import HTTP, deploy, eventually, log_of, make_project
from modelmon import extras
from modelmon.local import Runner

pytestmark = pytest.mark.slow  # starts processes

COMMANDS = (
    ["status"], ["up"], ["health"], ["demo"], ["functions"], ["deadletters", "list"], ["check"],
    ["app", "new", "mine"], ["endpoint", "m"], ["bundle"], ["publish", "-"],
    ["dashboard", "--port", "0"], ["report", "m"], ["token", "list"], ["incidents", "list"],
)  # fmt: skip
CORE_ALONE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""
MODULES = ("sqlalchemy", "pyarrow", "fsspec", "pandas", "scipy", "storey", "uvicorn", "httptools", "kafka",
           "starlette", "jinja2", "httpx")  # fmt: skip


def run_with_the_core_alone(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = CORE_ALONE.format(missing=MODULES) + code
    return subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "modelmon.yaml").write_text("project: p\n")
    return tmp_path


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_with_the_core_alone_a_command_works_or_says_in_one_line_what_to_install(
    arguments: list[str], project: Path
) -> None:
    code = f"sys.argv = ['modelmon', *{arguments}]\nfrom modelmon.cli import main\nmain()"
    done = run_with_the_core_alone(code, project)
    if done.returncode != 0:
        assert "which is not installed: pip install " in done.stderr, done.stderr
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


@pytest.mark.parametrize("more", ["", ', url="http://127.0.0.1:9"'], ids=["here", "elsewhere"])
def test_with_the_core_alone_the_project_sdk_says_what_to_install(project: Path, more: str) -> None:
    code = f"""
import modelmon
try:
    modelmon.get_or_create_project("p"{more})
except modelmon.ConfigError as error:
    print(error)
"""
    done = run_with_the_core_alone(code, project)
    assert "which is not installed: pip install " in done.stdout, done.stderr


@pytest.mark.e2e
def test_a_worker_that_lacks_one_says_so_too(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    lacking = "raise ModuleNotFoundError(\"No module named 'uvicorn'\", name='uvicorn')"
    deploy(project, "web", lacking, {"http": HTTP})
    with Runner(project):
        said = eventually(lambda: log_of(project, "web"), lambda log: "pip install" in log)
    assert "this needs uvicorn, which is not installed: pip install " in said


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An installation of a folder that is there; tests change what is recorded of it."""
    found = metadata.distribution("modelmon")
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"url": tmp_path.as_uri(), "dir_info": {}}))

    class Recorded:
        requires = found.requires

        def read_text(self, name: str) -> str | None:
            return record.read_text() or None

    monkeypatch.setattr(metadata, "distribution", lambda name: Recorded())
    return record


def test_the_hint_names_the_checkout_that_modelmon_came_from(installed: Path) -> None:
    assert extras.install("kafka") == f"pip install '{installed.parent}[kafka]'"


@pytest.mark.parametrize("recorded", ["", json.dumps({"url": "file:///gone/away"})], ids=["index", "moved"])
def test_without_one_it_names_the_packages_which_every_index_has(installed: Path, recorded: str) -> None:
    installed.write_text(recorded)
    hint = extras.install("demo")
    assert {"'scikit-learn>=1.5'", "'pandas>=2.1'"} <= set(hint.split()), hint
    assert "modelmon" not in hint


def test_every_module_that_is_spoken_of_comes_with_the_extra_that_is_advised() -> None:
    called = {
        "kafka": "kafka-python", "sklearn": "scikit-learn", "joblib": "scikit-learn", "google": "protobuf",
        "markupsafe": "jinja2",
    }  # fmt: skip
    for module, extra in extras._MODULES.items():
        assert called.get(module, module) in " ".join(extras._packages(extra)), (module, extra)


def test_every_module_that_is_imported_is_of_the_core_or_spoken_of() -> None:
    called = {"yaml": "pyyaml", "nuclio_sdk": "nuclio-sdk"}
    needed = metadata.requires("modelmon") or []
    core = {re.split(r"[^\w.-]", each)[0] for each in needed if "extra ==" not in each}
    places = [*Path(extras.__file__).parent.rglob("*.py")]
    found = {name.partition(".")[0] for place in places for name in imported(place)}
    ours = found - sys.stdlib_module_names - {"modelmon"} - set(extras._MODULES)
    assert {each for each in ours if called.get(each, each) not in core} == set()


def imported(place: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(place.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_a_module_that_no_extra_brings_is_not_spoken_of() -> None:
    assert extras.missing(ModuleNotFoundError("No module named 'mine'", name="mine")) is None


def test_public_names_are_offered_before_they_are_imported() -> None:
    import modelmon.apps

    assert set(modelmon.apps.__all__) <= set(dir(modelmon.apps))
    assert set(modelmon.__all__) <= set(dir(modelmon))
