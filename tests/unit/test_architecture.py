"""What the layout promises, beyond what import-linter sees (it sees the package, not `functions/`)."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from modelmon.function_spec.folders import functions_folder
from modelmon.function_spec.own_apps import OWN_APPS

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.parent for path in ROOT.glob("functions/**/function.yaml"))
MAINS = [folder / "main.py" for folder in FUNCTIONS]
SOURCES = sorted((ROOT / "sdk").rglob("*.py")) + MAINS


BLOCKS = ("body", "handlers", "orelse", "finalbody", "cases")
"""Where a statement holds others; expressions, most of a tree, hold none."""


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Every statement of a source, and every `except` and `case`, read once."""
    found: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    for node in found:
        found += [inner for block in BLOCKS for inner in getattr(node, block, ())]
    return found


@pytest.fixture(scope="module", autouse=True)
def _no_tree_is_left() -> Iterator[None]:
    yield
    nodes.cache_clear()  # hundreds of thousands of objects


def imported(path: Path) -> set[str]:
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(node.module or "")
    return names


def test_every_function_folder_is_whole() -> None:
    names = {str(folder.relative_to(ROOT / "functions")) for folder in FUNCTIONS}
    assert names == {
        "stream",
        "controller",
        "writer",
        "serving",
        "api",
        "exporter",
        "notifier",
        "apps/concept_drift",
        "apps/model_performance",
        "apps/_template",
        "jobs/_template",
        *(app.folder for app in OWN_APPS.values()),
    }
    for folder in FUNCTIONS:
        assert {path.name for path in folder.iterdir()} >= {"function.yaml", "main.py", "README.md"}, folder


@pytest.mark.parametrize("main", MAINS, ids=lambda path: path.parent.name)
def test_a_handler_is_short_and_uses_the_package_alone(main: Path) -> None:
    assert len(main.read_text(encoding="utf-8").splitlines()) <= 60
    allowed = {"modelmon", "storey", "nuclio_sdk", "__future__", "typing", "collections", "logging"}
    assert {name.split(".")[0] for name in imported(main)} <= allowed


@pytest.mark.parametrize("folder", FUNCTIONS, ids=lambda path: path.name)
def test_a_function_yaml_names_its_handler_and_python(folder: Path) -> None:
    spec = yaml.safe_load((folder / "function.yaml").read_text(encoding="utf-8"))["spec"]
    assert spec["handler"] == "main:handler"
    assert re.fullmatch(r"python:3\.1[12]", spec["runtime"])
    for trigger in spec["triggers"].values():
        assert trigger["kind"] in {"http", "cron", "kafka-cluster"}
        if trigger["kind"] == "kafka-cluster":
            assert trigger["explicitAckMode"] == "explicitOnly"
            assert trigger["attributes"]["workerAllocationMode"] == "static"
            assert trigger["attributes"]["initialOffset"] == "earliest"
            assert "eventTimeout" not in spec


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first, last = function.body[0], function.body[-1]
    if ast.get_docstring(function) is not None:
        first = function.body[1] if len(function.body) > 1 else last
    return (last.end_lineno or last.lineno) - first.lineno + 1


def test_no_file_and_no_function_holds_a_second_idea() -> None:
    long_files = [path for path in SOURCES if len(path.read_text(encoding="utf-8").splitlines()) > 400]
    assert long_files == [], "a file has at most 400 lines: split it by idea"
    long_functions = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > 40
    ]
    assert long_functions == [], "a function's body has at most 40 lines beside its docstring"


def test_exceptions_are_caught_whole_only_in_the_seams() -> None:
    seams = {"nuclio", "local"}
    for path in SOURCES:
        if seams & set(re.split(r"[/.]", str(path.relative_to(ROOT)))):
            continue
        for node in nodes(path):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
            ):
                reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                said = "seam" in path.read_text(encoding="utf-8").splitlines()[node.lineno - 1]
                assert reraises or said, (
                    f"{path.relative_to(ROOT)}:{node.lineno} catches everything and says no reason"
                )


def test_columns_have_types_that_keep_what_was_written_on_every_database() -> None:
    lossy = {"String", "Text", "Float", "LargeBinary", "Unicode", "UnicodeText", "BigInteger"}
    for path in SOURCES:
        if path.parts[-2:] == ("sql", "types.py"):
            continue
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy":
                found = lossy & {alias.name for alias in node.names}
                assert not found, f"{path.relative_to(ROOT)}: {found}; take the types of sql/types.py"


SHOWING = ("api", "charts", "cli", "client", "demo", "export", "model_monitoring", "pages", "project")


def test_whoever_shows_something_reads_it_through_views_and_the_ledgers_readers() -> None:
    package = ROOT / "sdk" / "modelmon"
    for path in [each for room in SHOWING for each in (package / room).rglob("*.py")]:
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                names = {alias.name for alias in node.names}
                if node.module.startswith("sqlalchemy"):
                    assert names == {"Connection"}, f"{path} words SQL of its own: {names}"
                tables = [each for each in (node.module, *names) if each.endswith("schema")]
                assert not tables, f"{path} knows tables: {tables}"


def test_names_say_what_they_are() -> None:
    for path in SOURCES:
        words = set(re.split(r"[/._]", str(path.relative_to(ROOT))))
        assert not words & {"utils", "helpers", "common", "manager"}, path


OTHER_DATABASES = {"sqlalchemy.dialects.mysql", "sqlalchemy.dialects.postgresql", "psycopg", "pymysql"}
IMPORT_BUDGETS = [
    ("modelmon.serving", {"pandas", "pyarrow", "scipy", "storey", "sqlalchemy"}),
    ("modelmon.stages.writer", {"pandas", "pyarrow", "scipy", "storey", *OTHER_DATABASES}),
    ("modelmon.stages.controller", {"pandas", "pyarrow", "scipy", "storey", *OTHER_DATABASES}),
    ("modelmon.apps", {"pandas", "pyarrow", "scipy", "storey"}),
    ("modelmon.deploying.procedure", {"pandas", "pyarrow", "scipy", "storey", "sqlalchemy", "numpy"}),
    ("modelmon.cli", {"pandas", "pyarrow", "scipy", "storey", "sqlalchemy", "numpy"}),
]


@pytest.mark.parametrize(
    ("module", "forbidden"), IMPORT_BUDGETS, ids=[module for module, _ in IMPORT_BUDGETS]
)
@pytest.mark.slow
def test_a_light_user_pays_for_nothing_heavy(module: str, forbidden: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & {forbidden!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.slow
def test_status_pays_for_nothing_that_it_does_not_show(tmp_path: Path) -> None:
    forbidden = {
        "kafka", "modelmon.local.worker", "numpy", "nuclio_sdk", "packaging", "pandas", "pyarrow", "pydantic",
        "scipy", "storey", "urllib.request", *OTHER_DATABASES,
    }  # fmt: skip
    (tmp_path / "modelmon.yaml").write_text("project: flights\n", encoding="utf-8")
    shutil.copytree(ROOT / "functions" / "writer", functions_folder(tmp_path) / "writer")
    code = f"""
import sys
from modelmon.cli import app
try:
    app()
finally:
    print(*sorted(set(sys.modules) & {forbidden!r}), file=sys.stderr)
"""
    status = [sys.executable, "-c", code, "status", "--project-dir", str(tmp_path)]
    done = subprocess.run(status, capture_output=True, text=True, check=True)
    assert "Not running: " in done.stdout
    assert done.stderr.split() == []
