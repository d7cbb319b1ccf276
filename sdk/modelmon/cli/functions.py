"""`modelmon functions`: what is deployed here, and what could be."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from modelmon.cli.deployed import (
    PREPARING,
    DeployedFunction,
    FunctionEnvironment,
    deployed_functions,
    full_disk,
)
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.counting import count


def functions(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """List the project's functions, their triggers and how their workers are.

    What Nuclio runs is known by its heartbeats in the records, and by nuctl
    where that is at hand.

    Example:

      modelmon functions --json
    """
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    found = deployed_functions(settings, ask_nuctl=True)
    if as_json:
        print_json({"functions": to_json(found)})
        return
    rows = [
        (
            function.name,
            ", ".join(f"{trigger.name} ({trigger.kind})" for trigger in function.triggers),
            function.address or "",
            _environment(function.environment),
            escape(_how(function)),
        )
        for function in found
    ]
    columns = ["=name", "+triggers", "=address", "=environment", "+workers"]
    print_table(f"Functions of project {settings.project}", columns, rows)
    full = full_disk(settings)
    if full:
        console.print(f"[red]The functions wait:[/red] {escape(full)}.", highlight=False)
    _print_environments([function.environment for function in found if function.environment])


def _environment(found: FunctionEnvironment | None) -> str:
    """In a word: the Python that runs this command, or the short name of another."""
    if found is None:
        return ""
    return _short(found) if found.own else "this Python"


def _short(found: FunctionEnvironment) -> str:
    return Path(found.python).parents[1].name


def _print_environments(found: list[FunctionEnvironment]) -> None:
    """Where the environments of functions' own are, and what they were made for."""
    for each in {_short(each): each for each in found if each.own}.values():
        made = "" if each.made else ", not made yet: `modelmon up` does"
        wanted = ", ".join(each.requirements) or "what ModelMon itself needs there"
        console.print(f"{_short(each)}: {each.python}\n  for {wanted}{made}", highlight=False, markup=False)


def _how(function: DeployedFunction) -> str:
    if not function.workers:
        return function.error or _states(function)
    return f"{_states(function)}: {function.error}" if function.error else _states(function)


def _states(function: DeployedFunction) -> str:
    if function.state == PREPARING:
        return "its environment is being made"
    restarts = sum(worker.restarts or 0 for worker in function.workers)
    return f"{function.state}; {count(restarts, 'restart')}" if restarts else function.state
