"""`modelmon functions`: what is deployed here, and what could be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, load_settings, print_json, print_table
from modelmon.errors import ConfigError
from modelmon.settings import Settings


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
            escape(function["error"]) or _states(function["workers"]),
        )
        for function in found
    ]
    print_table(f"Functions of project {settings.project}", ["name", "triggers", "address", "workers"], rows)


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
    from modelmon.local.folders import address_file
    from modelmon.local.function_yaml import read_function

    error = running.get("error", "")
    triggers: list[dict[str, str]] = []
    try:
        read = read_function(folder, settings)
        triggers = [{"name": trigger.name, "kind": trigger.kind} for trigger in read.triggers]
    except ConfigError as problem:
        error = error or str(problem)
    address = address_file(Path(settings.project_dir), folder.name)
    return {
        "name": folder.name,
        "folder": str(folder),
        "triggers": triggers,
        "address": address.read_text(encoding="utf-8") if running and address.is_file() else None,
        "workers": running.get("workers", []),
        "error": error,
    }


def _states(workers: list[dict[str, Any]]) -> str:
    if not workers:
        return "not running"
    restarts = sum(worker["restarts"] for worker in workers)
    states = ", ".join(worker["state"] for worker in workers)
    return f"{states}; {restarts} restarts" if restarts else states
