"""`modelmon contract …`: what a model's columns have to be like, suggested, checked, set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from modelmon.checked_yaml.given import given_text
from modelmon.cli.found import print_findings
from modelmon.cli.kept_versions import print_history, print_version
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, write_or_print
from modelmon.counting import count
from modelmon.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True, help="What a model's columns have to be like: suggested, checked, set."
)
Of = Annotated[str, typer.Argument(metavar="MODEL|ENDPOINT", help="Key of a logged model, or an endpoint.")]
File = Annotated[Path, typer.Argument(help="A contract.")]


@app.command()
def suggest(
    of: Of,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")] = None,
    project_dir: ProjectDir = None,
) -> None:
    """Print the contract that a training set suggests, as YAML to read and edit.

    Private columns are left out. With --output a file that is there already is not written over.

    Examples:

      modelmon contract suggest churn

      modelmon contract suggest churn -o churn.yaml
    """
    from modelmon.model_monitoring.contracts import suggested_text

    text = suggested_text(load_settings(project_dir), of)
    write_or_print(text, output)


@app.command()
def check(
    file: File,
    of: Annotated[
        str | None, typer.Option("--of", help="A model or endpoint: which of its columns are named wrongly?")
    ] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Find mistakes in a contract: the line, the value, the mend. Exit code 1 when there is an error.

    Examples:

      modelmon contract check churn.yaml

      modelmon contract check churn.yaml --of churn
    """
    from modelmon.contracts.reading import check_contract
    from modelmon.model_monitoring.contracts import check_text

    text = given_text(file, "contract")
    read = check_contract(text) if of is None else check_text(load_settings(project_dir), text, of)
    print_findings(file, read.findings, as_json)


@app.command("set")
def set_(
    of: Of,
    file: Annotated[Path | None, typer.Argument(help="A contract; without it --back is needed.")] = None,
    back: Annotated[
        bool, typer.Option("--back", help="Take back what was set: the training set counts.")
    ] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Set the contract of a model or of one endpoint: windows are judged by it from now on.

    Every version stays on record, with who set it. That of an endpoint goes before that of its model.

    Examples:

      modelmon contract set churn churn.yaml

      modelmon contract set churn --back
    """
    from modelmon.model_monitoring import contracts

    if (file is None) == (not back):
        raise ConfigError("contract set: give a file, or --back")
    settings = load_settings(project_dir)
    made = (
        contracts.take_back(settings, of)
        if file is None
        else contracts.set_contract(settings, of, given_text(file, "contract"))
    )
    if as_json:
        print_json(made)
    else:
        done = "is taken back, its training set counts" if back else "counts from now on"
        told = f"Version {made.version} of the contract of {escape(made.of)} {done}."
        console.print(told, highlight=False, soft_wrap=True)


@app.command()
def show(
    of: Of,
    version: Annotated[int | None, typer.Option(help="This version instead of the newest.", min=1)] = None,
    history: Annotated[bool, typer.Option("--history", help="List the versions instead.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the contract that was set, or list its versions.

    Examples:

      modelmon contract show churn > churn.yaml

      modelmon contract show churn --history
    """
    from modelmon.model_monitoring.contracts import contract_versions

    found = contract_versions(load_settings(project_dir), of)
    if history:
        print_history(found, f"Contract of {escape(of)}", _what, as_json=as_json)
        return
    sets = f"is set for {of!r}: its training set counts, see `modelmon contract suggest`"
    print_version(found, version, lambda which: f"no contract {which}{sets}", as_json=as_json)


def _what(text: str) -> str:
    from modelmon.contracts.reading import check_contract

    contract = check_contract(text).contract
    return "can't be read" if contract is None else f"{count(sum(1 for _ in contract.rules()), 'rule')}"
