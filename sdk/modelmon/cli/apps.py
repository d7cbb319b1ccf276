"""`modelmon app`: monitoring apps of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import console
from modelmon.errors import ConfigError
from modelmon.function_spec.folders import find_project, template
from modelmon.function_spec.own_apps import OWN_APPS
from modelmon.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Monitoring apps of your own.")


@app.callback()
def _apps() -> None:
    """Keeps `new` a sub-command while it is the only one."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Letters, digits, '_' and '-'.")],
    folder: Annotated[Path, typer.Option("--in", help="Where to put the app's folder.")] = Path(
        "functions/apps"
    ),
) -> None:
    """Begin an app: copies a small working one to functions/apps/NAME.

    Example:

      modelmon app new slow-answers
    """
    from modelmon.project.names import check_app_name

    made = folder / check_app_name(name)
    _refuse_taken(name)
    if made.exists():
        raise ConfigError(f"{made} is there already; choose another name")
    copy_whole(template("apps/_template"), made)
    console.print(
        f"Made {escape(str(made))}. Edit its main.py, then deploy it, by a script of your own:",
        highlight=False,
    )
    console.print(
        f'  project.set_model_monitoring_function("{name}", func="{made}/main.py").deploy()',
        highlight=False,
        markup=False,
        soft_wrap=True,  # to be copied
    )
    console.print("`modelmon up` runs it from then on.", highlight=False)


def copy_whole(source: Path, made: Path) -> None:
    """All of it or nothing: half a folder would be in the way of the next try."""
    fresh = made.with_name(f".{made.name}~new")  # no name of ours has a ~
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        shutil.copytree(source, fresh, ignore=shutil.ignore_patterns("__pycache__"))
        fresh.rename(made)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _refuse_taken(name: str) -> None:
    """ConfigError for the name of a function that ModelMon brings, or that the project here has."""
    from modelmon.ledger.registry import get_function
    from modelmon.model_monitoring.locating import opened

    if name in OWN_APPS:
        raise ConfigError(f"name: {name!r} is an app that comes with ModelMon; choose another name")
    try:
        settings = Settings.load(find_project(Path.cwd()))
    except ConfigError:
        return  # a folder without a project: what the app is for is not known yet
    with opened(settings) as database, database.read() as connection:
        known = get_function(connection, name)
    if known is not None:
        what = "an app" if known.kind == "app" else "a serving function"
        raise ConfigError(f"name: {name!r} is {what} of project {settings.project}; choose another name")
