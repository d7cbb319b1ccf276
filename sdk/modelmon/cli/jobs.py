"""`modelmon job …`: jobs of one's own, and their runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.cli.records import opened_records
from modelmon.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Jobs that retrain models: begin one, run it, list its runs.")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and '-'.")],
    folder: Annotated[Path, typer.Option("--in", help="Where to put the job's folder.")] = Path(
        "functions/jobs"
    ),
) -> None:
    """Begin a job: copies one that refits a scikit-learn champion to functions/jobs/NAME.

    Example:

      modelmon job new retrain
    """
    from modelmon.cli.apps import copy_whole
    from modelmon.function_spec.folders import template
    from modelmon.project.names import check_function_name

    made = folder / check_function_name(name)
    if made.exists():
        raise ConfigError(f"{made} is there already; choose another name")
    copy_whole(template("jobs/_template"), made)
    _say(f"Made {made}. Edit its main.py, then deploy it, by a script of your own:")
    _say(f'  project.set_job("{name}", "{made}").deploy()')
    _say("`modelmon up` runs what is asked for from then on.")


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Of a job that is deployed.")],
    endpoint: Annotated[str, typer.Option(help="Name or id of the endpoint that it is for.")],
    start: Annotated[
        str | None, typer.Option("--from", help="A UTC time or day: rows from here on; by default all.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Rows up to here; by default all.")] = None,
    project_dir: ProjectDir = None,
) -> None:
    """Ask for a run; it begins at once where the job runs.

    Example:

      modelmon job run retrain --endpoint churn
    """
    from modelmon.cli.spans import given_span
    from modelmon.project.jobs import ask_run

    first, last = given_span(start, end)
    run_id = ask_run(load_settings(project_dir), name, endpoint, first, last)
    _say(f"Asked for the run {run_id}: modelmon job list")


@app.command("list")
def list_(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """List the newest runs, and the challengers that they logged.

    Example:

      modelmon job list
    """
    from modelmon.views.challengers import list_runs
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    with opened_records(settings) as records, records.read() as connection:
        runs = list_runs(connection, settings)
    if as_json:
        print_json(to_json(runs))
        return
    rows = [
        (each.run_id[:8], escape(each.job), escape(each.endpoint_name), f"{each.made:%Y-%m-%d %H:%M}",
         each.state, f"{each.challenger or ''}", escape(each.why))
        for each in runs
    ]  # fmt: skip
    if rows:
        columns = ["run", "job", "endpoint", "=asked for (UTC)", "state", "#challenger", "why"]
        print_table("Runs of jobs", columns, rows)
    else:
        _say("No run was asked for.")


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
