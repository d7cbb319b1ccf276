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
) -> None:
    """Monitor a year of real flights through two models: which drifts, and why.

    Takes about two minutes, and ends by saying what to look at next.
    """
    from modelmon.demo import FOLDER, run

    raise typer.Exit(run(folder or FOLDER))
