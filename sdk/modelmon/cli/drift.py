"""`modelmon drift …`: what drift is judged by, as you choose it: suggested, checked, set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelmon.checked_yaml.given import given_text
from modelmon.cli.found import print_findings
from modelmon.cli.kept_versions import print_history, print_version
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, write_or_print
from modelmon.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    help="What drift is judged by: features that count more, less or not, floors, segments, budgets.",
)
File = Annotated[Path, typer.Argument(help="A drift file.")]


@app.command()
def suggest(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it to this file.")] = None,
    project_dir: ProjectDir = None,
) -> None:
    """Print a drift file for the endpoints of the project, as YAML to read and edit.

    Private columns are left out. With --output a file that is there already is not written over.

    Examples:

      modelmon drift suggest

      modelmon drift suggest -o drift.yaml
    """
    from modelmon.model_monitoring.suggested_drift_files import suggested_text

    text = suggested_text(load_settings(project_dir))
    write_or_print(text, output)


@app.command()
def check(file: File, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Find mistakes in a drift file: the line, the value, the mend. Exit code 1 when there is an error.

    Its columns are compared with those of the endpoints that a section is for.

    Examples:

      modelmon drift check drift.yaml
    """
    from modelmon.model_monitoring.drift_files import check_text

    read = check_text(load_settings(project_dir), given_text(file, "drift file"))
    print_findings(file, read.findings, as_json)


@app.command("set")
def set_(
    file: Annotated[Path | None, typer.Argument(help="A drift file; without it --back is needed.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Take back what was set: the settings count.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Set the drift file of the project: windows are judged by it from now on.

    Every version stays on record, with who set it. Windows of before keep their verdicts;
    `modelmon judge` has them judged again.

    Examples:

      modelmon drift set drift.yaml

      modelmon drift set --back
    """
    from modelmon.model_monitoring import drift_files

    if (file is None) == (not back):
        raise ConfigError("drift set: give a file, or --back")
    settings = load_settings(project_dir)
    made = (
        drift_files.take_back(settings)
        if file is None
        else drift_files.set_file(settings, given_text(file, "drift file"))
    )
    if as_json:
        print_json(made)
    else:
        done = "is taken back, the settings count" if back else "counts from now on"
        console.print(f"Version {made.version} of the drift file {done}.", highlight=False, soft_wrap=True)


@app.command()
def show(
    version: Annotated[int | None, typer.Option(help="This version instead of the newest.", min=1)] = None,
    history: Annotated[bool, typer.Option("--history", help="List the versions instead.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the drift file that was set, or list its versions.

    Examples:

      modelmon drift show > drift.yaml

      modelmon drift show --history
    """
    from modelmon.model_monitoring.drift_files import file_versions

    found = file_versions(load_settings(project_dir))
    if history:
        print_history(found, "Drift file", _what, as_json=as_json)
        return
    sets = "is set: the settings count, see `modelmon drift suggest`"
    print_version(found, version, lambda which: f"no drift file {which}{sets}", as_json=as_json)


def _what(text: str) -> str:
    from modelmon.drift_choices.reading import check_drift_file

    file = check_drift_file(text).file
    return "can't be shown" if file is None else ", ".join(section.pattern for section in file.sections)
