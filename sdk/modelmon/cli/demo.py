"""`modelmon demo`: a year of flights through the whole chain."""

from __future__ import annotations

from pathlib import Path
from socket import socket
from typing import Annotated

import typer

from modelmon.cli.dashboard import PORT, show
from modelmon.cli.output import load_settings
from modelmon.ledger.access_settings import LOOPBACK


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where its project goes; made anew each time.", show_default="modelmon-demo"),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Stay up at the end, and serve the page until Ctrl-C.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port for --serve; 0 takes any free one.")
    ] = PORT,
    retrain: Annotated[
        bool,
        typer.Option("--retrain", help="Train the model that drifted anew, and judge it on what follows."),
    ] = False,
    months: Annotated[int, typer.Option(min=1, max=12, help="So much of the year, from January on.")] = 12,
) -> None:
    """Monitor a year of real flights through two models: which drifts, and why.

    Takes about a minute and a half, and ends by saying what to look at next. With --serve
    it stays up instead, and serves the page of what it has made.

    Examples:

      modelmon demo

      modelmon demo --serve --port 0

      modelmon demo --retrain
    """
    from modelmon.demo import FOLDER, run

    place = _reserve(port) if serve else None  # before the work, so that nobody waits for a port in vain
    code = run(folder or FOLDER, months=months, goes_on=serve, retrain=retrain)
    if place is not None:
        show([load_settings(folder or FOLDER)], place)
    raise typer.Exit(code)


def _reserve(port: int) -> socket:
    from modelmon.api.server import reserve

    return reserve(LOOPBACK[0], port)
