"""`modelmon reference …`: what an endpoint is compared with, and a period that is made so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.counting import count

if TYPE_CHECKING:
    from modelmon.model_monitoring.references import ReferenceVersion

app = typer.Typer(
    no_args_is_help=True, help="What an endpoint is compared with: make a period so, list, take back."
)
Endpoint = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Name or id of an endpoint.")]


@app.command("set")
def set_(
    endpoint: Endpoint,
    start: Annotated[str, typer.Option("--from", help="A UTC time or day: rows from here on …")],
    end: Annotated[str | None, typer.Option("--to", help="… up to here; now, if it is left out.")] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a period the reference: windows are compared with its stored rows from now on.

    Open incidents of data drift end, slow drift begins from nothing. Windows of
    before keep their verdict. What was the reference is kept, for `undo`.

    Examples:

      modelmon reference set churn --from 2026-11-01 --to 2026-11-15
    """
    from modelmon.cli.spans import given_span
    from modelmon.model_monitoring.references import set_reference

    first, last = given_span(start, end)
    _tell(set_reference(load_settings(project_dir), endpoint, first, last), as_json)


@app.command()
def undo(endpoint: Endpoint, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Bring back the reference before the newest period; once more goes further back.

    Examples:

      modelmon reference undo churn
    """
    from modelmon.model_monitoring.references import undo_reference

    _tell(undo_reference(load_settings(project_dir), endpoint), as_json)


@app.command()
def show(endpoint: Endpoint, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Say what an endpoint is compared with.

    Examples:

      modelmon reference show churn
    """
    from modelmon.model_monitoring.references import list_references

    now = list_references(load_settings(project_dir), endpoint)[0]
    if as_json:
        print_json(now)
    else:
        _say(f"{now.endpoint} is compared with {_words(now)}{_by(now)}.")


@app.command("list")
def list_(endpoint: Endpoint, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """List what an endpoint is and was compared with, the newest first; the first is what counts.

    Examples:

      modelmon reference list churn
    """
    from modelmon.model_monitoring.references import list_references

    found = list_references(load_settings(project_dir), endpoint)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            f"{each.version or ''}", f"{each.at:%Y-%m-%d %H:%M}" if each.at else "", escape(each.who),
            _words(each),
        )
        for each in found
    ]  # fmt: skip
    print_table(f"References of {escape(endpoint)}", ["#version", "=set (UTC)", "by", "what"], rows)


def _tell(made: ReferenceVersion, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    _say(f"{made.endpoint} is compared with {_words(made)} from now on (version {made.version}).")
    for warning in made.warnings:
        console.print(f"Mind: {warning}.", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _words(version: ReferenceVersion) -> str:
    rows = count(version.rows, "row")
    if version.start is None or version.end is None:
        return f"its training set, {rows}" if version.rows else "nothing: it has no training set"
    return f"{version.start:%Y-%m-%d %H:%M} to {version.end:%Y-%m-%d %H:%M} UTC, {rows}"


def _by(version: ReferenceVersion) -> str:
    return f", as {version.who} said on {version.at:%Y-%m-%d %H:%M}" if version.start and version.at else ""


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
