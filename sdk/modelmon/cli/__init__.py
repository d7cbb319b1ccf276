"""The command `modelmon`. Each command's own imports stay in its function: `--help` has to be quick."""

from __future__ import annotations

import os
import shutil
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from modelmon import __version__
from modelmon.cli import (
    actuals,
    alert_files,
    alert_rules,
    alerts,
    apps,
    bundle,
    challengers,
    check,
    contract,
    dashboard,
    deadletters,
    demo,
    deploy,
    disk,
    drift,
    enable,
    endpoint,
    erase,
    functions,
    health,
    incidents,
    init,
    jobs,
    judge,
    publish,
    reference,
    report,
    status,
    token,
    up,
)
from modelmon.cli.output import errors
from modelmon.errors import ConfigError, ModelMonError
from modelmon.extras import missing

app = typer.Typer(
    name="modelmon",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    help="""Model monitoring on this machine.

A project is a folder with a [bold]modelmon.yaml[/bold]; its state is under [bold].modelmon/[/bold].
Commands find it from the folder they are called in, or by --project-dir. Begin with:

  modelmon demo                         see a year of real traffic monitored
  modelmon init && modelmon up          make a project here and run its functions
  modelmon publish recorded.jsonl       feed it events, one JSON value a line
  modelmon status                       see what came of them
""",
)
app.command()(init.init)
app.command()(enable.enable)
app.command()(up.up)
app.command()(status.status)
app.command()(endpoint.endpoint)
app.command()(report.report)
app.add_typer(incidents.app, name="incidents")
alerts.app.command()(alert_files.init)
alerts.app.command()(alert_rules.rules)
alerts.app.command()(alert_rules.replay)
alerts.app.command()(alert_files.digest)
app.add_typer(alerts.app, name="alerts")
app.command()(health.health)
app.command()(dashboard.dashboard)
app.add_typer(token.app, name="token")
app.command()(disk.disk)
app.command()(judge.judge)
app.command()(erase.erase)
app.command()(publish.publish)
app.command()(actuals.actuals)
app.add_typer(deadletters.app, name="deadletters")
app.command()(demo.demo)
app.add_typer(apps.app, name="app")
app.command()(functions.functions)
app.command()(check.check)
app.add_typer(contract.app, name="contract")
app.add_typer(drift.app, name="drift")
app.add_typer(reference.app, name="reference")
app.add_typer(jobs.app, name="job")
app.add_typer(challengers.app, name="challenger")
app.command()(bundle.bundle)
app.command()(deploy.deploy)


def main() -> None:
    """Run the command line; our and files' errors are one line on stderr, exit code 2 (settings) or 1."""
    try:
        _print_any_character()
        _check_folder()
        app()
    except (ModelMonError, OSError, ModuleNotFoundError) as error:
        told = missing(error) if isinstance(error, ModuleNotFoundError) else error
        if told is None or os.environ.get("MODELMON_DEBUG") == "1":
            raise
        errors.print(f"[red]error:[/red] {escape(_told(told))}", soft_wrap=True)
        sys.exit(2 if isinstance(told, ConfigError) else 1)


def _print_any_character() -> None:
    # Names are in any language, a console may know ASCII alone: it shows what it lacks as an escape.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _check_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the folder that this was called in is not there any more: cd to another") from None


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"modelmon {__version__}")
        raise typer.Exit


@app.callback()
def _modelmon(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end.")
    ] = False,
) -> None:
    """Options of the command itself."""


def _told(error: ModelMonError | OSError) -> str:
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        _, target, reason = error.args[0][0]  # of a folder that was copied: each file has its own
        return f"{target} can't be written: {reason}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
