"""`modelmon dashboard`: the page and the REST API on this machine, whether the project is up or not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from socket import socket
from typing import Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import ProjectDir, errors, load_settings
from modelmon.errors import ConfigError
from modelmon.ledger.access_settings import LOOPBACK
from modelmon.settings import FILE_NAME, Settings

PORT = 8050


def dashboard(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes any free one.")] = PORT,
    host: Annotated[
        str, typer.Option(help="Address to serve at; others than this machine need `auth`.")
    ] = LOOPBACK[0],
    every: Annotated[
        bool, typer.Option("--all", help="Every project in the folder and below it, on one page.")
    ] = False,
    project_dir: ProjectDir = None,
) -> None:
    """Serve the page of a project until Ctrl-C.

    It reads what is stored: the functions need not run. A project that can't
    be read says why on its own page; the others go on.

    Examples:

      modelmon dashboard

      modelmon dashboard --port 0

      modelmon dashboard --all --project-dir ~/projects
    """
    from modelmon.api.access import check_address
    from modelmon.api.server import reserve

    found = projects_below(Path(project_dir or ".")) if every else [load_settings(project_dir)]
    for settings in found:
        check_address(host, settings)
    show(found, reserve(host, port))


def show(found: Sequence[Settings], place: socket) -> None:
    """Serve the page of these projects at a reserved port until Ctrl-C or SIGTERM."""
    from modelmon.api.application import make_application
    from modelmon.api.server import serve

    names = ", ".join(settings.project for settings in found)

    def announce(address: str) -> None:
        verb = "is" if len(found) == 1 else "are"
        errors.print(
            f"[bold]{escape(names)}[/bold] {verb} shown at {address} ; Ctrl-C ends it", soft_wrap=True
        )

    serve(make_application(found), place, announce)


def projects_below(folder: Path) -> list[Settings]:
    """Those whose modelmon.yaml lies in the folder or below it, hidden folders aside, by name.

    One whose settings are wrong is told and left out. Raises ConfigError where there is none, and for two
    of the same name.
    """
    found: dict[str, Settings] = {}
    for place in _folders(folder.absolute()):
        try:
            settings = Settings.load(place)
        except ConfigError as error:
            errors.print(f"{escape(str(place))} is left out: {escape(str(error))}", style="yellow")
            continue
        before = found.setdefault(settings.project, settings)
        if before is not settings:
            raise ConfigError(
                f"project {settings.project!r} is in {before.project_dir} and in {place}: a page can't show "
                "both under one name; give --project-dir a folder that holds one of them"
            )
    if not found:
        raise ConfigError(
            f"no {FILE_NAME} in {folder.absolute()} or below it: `modelmon init` makes a project"
        )
    return [found[name] for name in sorted(found)]


def _folders(folder: Path) -> Iterator[Path]:
    for place, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if FILE_NAME in files:
            yield Path(place)
