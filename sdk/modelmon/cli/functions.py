"""`modelmon functions`: what is deployed here, and what could be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.errors import ConfigError
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.local.environments import Environment


def functions(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """List the project's functions, their triggers and their workers.

    Example:

      modelmon functions --json
    """
    settings = load_settings(project_dir)
    found = deployed_functions(settings)
    if as_json:
        print_json({"functions": found})
        return
    rows = [
        (
            function["name"],
            ", ".join(f"{trigger['name']} ({trigger['kind']})" for trigger in function["triggers"]),
            function["address"] or "",
            _environment(function["environment"]),
            escape(function["error"]) or _states(function),
        )
        for function in found
    ]
    columns = ["name", "triggers", "address", "environment", "workers"]
    print_table(f"Functions of project {settings.project}", columns, rows)
    _print_environments([function["environment"] for function in found if function["environment"]])


def deployed_functions(settings: Settings) -> list[dict[str, Any]]:
    """Every deployed function, with what the runner says of it if it is up."""
    from modelmon.local.deployment import deployed
    from modelmon.local.folders import functions_folder
    from modelmon.local.running import read_report

    project = Path(settings.project_dir)
    running = {function["name"]: function for function in read_report(project)["functions"]}
    return [
        _described(settings, folder, running.get(name, {}))
        for name, folder in deployed(functions_folder(project)).items()
    ]


def _described(settings: Settings, folder: Path, running: dict[str, Any]) -> dict[str, Any]:
    from modelmon.local.environments import environment_of
    from modelmon.local.folders import address_file
    from modelmon.local.function_yaml import read_function
    from modelmon.local.needs import needs_of

    error = running.get("error", "")
    triggers: list[dict[str, str]] = []
    environment: dict[str, Any] | None = None
    try:
        read = read_function(folder, settings)
        triggers = [{"name": trigger.name, "kind": trigger.kind} for trigger in read.triggers]
        if settings.platform == "embedded":
            environment = _described_environment(environment_of(needs_of(read, settings)))
    except ConfigError as problem:
        error = error or str(problem)
    address = address_file(Path(settings.project_dir), folder.name)
    return {
        "name": folder.name,
        "folder": str(folder),
        "triggers": triggers,
        "address": address.read_text(encoding="utf-8") if running and address.is_file() else None,
        "environment": environment,
        "preparing": running.get("preparing", False),
        "workers": running.get("workers", []),
        "error": error,
    }


def _described_environment(found: Environment) -> dict[str, Any]:
    return {
        "python": found.python,
        "own": found.folder is not None,
        "made": found.is_made,
        "requirements": [*found.needs.own, *found.needs.drivers],
    }


def _environment(found: dict[str, Any] | None) -> str:
    """In a word: the Python that runs this command, or the short name of another."""
    if found is None:
        return ""
    return _short(found) if found["own"] else "this Python"


def _short(found: dict[str, Any]) -> str:
    return Path(found["python"]).parents[1].name


def _print_environments(found: list[dict[str, Any]]) -> None:
    """Where the environments of functions' own are, and what they were made for."""
    for each in {_short(each): each for each in found if each["own"]}.values():
        made = "" if each["made"] else ", not made yet: `modelmon up` does"
        wanted = ", ".join(each["requirements"]) or "what ModelMon itself needs there"
        console.print(
            f"{_short(each)}: {each['python']}\n  for {wanted}{made}", highlight=False, markup=False
        )


def _states(function: dict[str, Any]) -> str:
    workers = function["workers"]
    if not workers:
        return "its environment is being made" if function["preparing"] else "not running"
    restarts = sum(worker["restarts"] for worker in workers)
    states = ", ".join(worker["state"] for worker in workers)
    return f"{states}; {restarts} restarts" if restarts else states
