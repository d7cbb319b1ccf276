"""CONTRIBUTING is true: its layers are the import contract's, and each row of its table leads somewhere."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sdk" / "modelmon"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ((?:add|change|know|keep)[^|]*) \|([^|]*)\|([^|]*)\|$", TEXT, re.MULTILINE)
PLACES = (PACKAGE, ROOT, ROOT / "tests" / "unit")


def named_in(cell: str) -> Iterator[str]:
    """What a cell of the table names as code; of a path, `<tech>` stands for any name."""
    for word in re.findall(r"`([^`]+)`", cell):
        yield re.sub(r"<\w+>", "*", word)


def found(name: str, beside: Path) -> Path | None:
    """The file, folder or module; `beside` is where the one that was named before it lies."""
    places = (place.glob(end) for place in (*PLACES, beside) for end in (name, f"{name}.py"))
    return next((path for paths in places for path in paths), None)


def names_a_file(word: str) -> bool:
    return " " not in word and ("/" in word or word.endswith((".py", ".md")))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_file_that_a_row_names_is_there(row: tuple[str, str, str]) -> None:
    beside = ROOT  # `deploying/checking/rules.py` or `trigger_rules.py`: the second is where the first is
    for word in [each for cell in row[1:] for each in named_in(cell) if names_a_file(each)]:
        path = found(word, beside)
        assert path is not None, f"{word} is nowhere"
        beside = path if path.is_dir() else path.parent


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_command_that_a_row_names_exists(row: tuple[str, str, str]) -> None:
    from typer.main import get_command

    from modelmon.cli import app

    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for word in [each for cell in row[1:] for each in named_in(cell)]:
        if word.startswith("modelmon "):
            assert word.split()[1] in commands, word
        if word.startswith("make "):
            assert word.removeprefix("make ") in targets, word


def test_there_are_rows_to_follow() -> None:
    assert len(ROWS) == TEXT.partition("## One obvious place")[2].count("\n| ") - 1, "each begins with a verb"


def test_the_layers_are_those_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (checked,) = [each["layers"] for each in contracts if each["type"] == "layers"]
    told = TEXT.partition("## Layers\n")[2].partition("\n## ")[0]
    layers = [line[2:].replace("`", "") for line in told.splitlines() if line.startswith("- ")]
    assert layers == ["functions", *(layer.replace(" | ", ", ") for layer in checked)]


def functions_in(path: Path) -> dict[str, list[str]]:
    """A module's own functions with the names of their arguments."""
    return {
        node.name: [each.arg for each in node.args.args]
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }


def public_functions(module: ModuleType, arguments: list[str]) -> set[str]:
    """Those that take these arguments."""
    named = functions_in(Path(module.__file__ or "")).items()
    return {name for name, found in named if found == arguments and not name.startswith("_")}


@pytest.mark.parametrize("room", ["streams", "stores.series"])
def test_every_back_end_has_its_line_in_the_registry(room: str) -> None:
    registry = import_module(f"modelmon.{room}").BACKENDS
    modules = {entry[0] if isinstance(entry, tuple) else entry for entry in registry.values()}
    # The tests have an own one in Kafka's place, which closes what they open.
    registered = {module.rpartition(".")[2].removesuffix("_recording") for module in modules}
    files = (PACKAGE / room.replace(".", "/")).glob("*.py")
    assert registered == {path.stem for path in files if "open" in functions_in(path)}


def test_every_file_that_declares_settings_has_its_line_in_the_registry() -> None:
    from modelmon.settings.technologies import TECHNOLOGIES

    files = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.glob("*/*_settings.py")]
    assert {".".join(path.parts) for path in files} == set(TECHNOLOGIES)


def declared_in(path: Path, name: str) -> bool:
    """Whether a module has this name itself."""
    found = ast.parse(path.read_text(encoding="utf-8")).body
    targets = [each for node in found for each in (node.targets if isinstance(node, ast.Assign) else [])]
    targets += [node.target for node in found if isinstance(node, ast.AnnAssign)]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def test_every_module_with_routes_is_in_the_list() -> None:
    from modelmon.api.routes import MODULES

    files = [path for room in ("screens", "rest") for path in (PACKAGE / "api" / room).rglob("*.py")]
    with_routes = {path for path in files if declared_in(path, "ROUTES")}
    names = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in with_routes}
    assert names == set(MODULES)


def test_every_chart_has_its_line() -> None:
    from modelmon import charts

    for path in (PACKAGE / "charts").glob("*.py"):
        if path.stem in functions_in(path):
            assert path.stem in charts.__all__, path


def test_tables_are_where_the_row_says() -> None:
    from modelmon.ledger.migrations import SCHEMA
    from modelmon.stores.series import schema as series

    (row,) = [each for each in ROWS if each[0].strip() == "change a table"]
    words = [word for word in named_in(row[1]) if word.startswith(("ledger", "stores"))]
    text = "".join((PACKAGE / word).read_text("utf-8") for word in words)
    told = set(re.findall(r"^\w+ = (?:Table\((?: +#.*)?\s+|file_table\()\"(\w+)\"", text, re.MULTILINE))
    assert told == {*SCHEMA.metadata.tables, *series.metadata.tables}


def test_every_name_of_mlruns_is_on_the_page_that_its_row_names() -> None:
    from modelmon.from_mlrun.missing import NOT_HERE
    from modelmon.from_mlrun.where import MODULES

    (row,) = [each for each in ROWS if "MLRun" in each[0]]
    pages = [path for word in named_in(row[2]) if (path := found(word, ROOT))]
    told = set(re.findall(r"`([\w.]+)`", "".join(path.read_text("utf-8") for path in pages)))
    assert told >= {name for names in (*MODULES.values(), *NOT_HERE.values()) for name in names}
    assert told >= {f"modelmon.{module}" for module, names in MODULES.items() if names}


def test_every_distance_has_its_line_in_the_registry() -> None:
    from modelmon.stats import distances

    assert public_functions(distances, ["reference", "sample"]) == set(distances.DISTANCES)


@pytest.mark.parametrize("name", ["rules", "trigger_rules", "image_rules", "platform_rules"])
def test_every_rule_for_function_yaml_is_among_those_that_are_checked(name: str) -> None:
    module = import_module(f"modelmon.deploying.checking.{name}")
    (checked,) = [value for key, value in vars(module).items() if key.endswith("_RULES") and key.isupper()]
    assert public_functions(module, ["document", "target"]) == {rule.__name__ for rule in checked}


def test_every_measurement_can_be_measured() -> None:
    for path in (ROOT / "tests" / "bench").glob("bench_*.py"):
        assert "measure" in functions_in(path), path
