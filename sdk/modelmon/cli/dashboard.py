"""`modelmon dashboard`: the page and the REST API on this machine, whether the project is up or not."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import ProjectDir, errors, load_settings
from modelmon.ledger.access_settings import LOOPBACK


def dashboard(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes any free one.")] = 8050,
    host: Annotated[
        str, typer.Option(help="Address to serve at; others than this machine need `auth`.")
    ] = LOOPBACK[0],
    project_dir: ProjectDir = None,
) -> None:
    """Serve the page of a project until Ctrl-C.

    It reads what is stored: the functions need not run.

    Examples:

      modelmon dashboard

      modelmon dashboard --port 0
    """
    from modelmon.api.access import check_address
    from modelmon.api.application import make_application
    from modelmon.api.server import serve

    settings = load_settings(project_dir)
    check_address(host, settings)

    def announce(address: str) -> None:
        errors.print(f"[bold]{escape(settings.project)}[/bold] is shown at {address} ; Ctrl-C ends it")

    serve(make_application([settings]), host, port, announce)
