"""`modelmon demo`: a year of flights through the whole chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where its project goes; made anew each time.", show_default="modelmon-demo"),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Stay up at the end, and serve the page until Ctrl-C.")
    ] = False,
) -> None:
    """Monitor a year of real flights through two models: which drifts, and why.

    Takes about two minutes, and ends by saying what to look at next.
    """
    from modelmon.demo import FOLDER, run

    code = run(folder or FOLDER)
    if serve:
        from modelmon.cli.dashboard import dashboard

        dashboard(port=0, project_dir=folder or FOLDER)
    raise typer.Exit(code)
