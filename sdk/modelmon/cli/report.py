"""`modelmon report`: a window of an endpoint as one HTML file."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import ProjectDir, console, load_settings


def report(
    name: Annotated[str, typer.Argument(help="Name or id of an endpoint.", metavar="ENDPOINT")],
    window: Annotated[
        str, typer.Option(help="The window that holds this UTC time.", show_default=False)
    ] = "",
    output: Annotated[
        str, typer.Option(help="File to write; - is standard output.", show_default=False)
    ] = "",
    project_dir: ProjectDir = None,
) -> None:
    """Write what is known of one window as one HTML file, to send or to print.

    The file loads nothing: it opens without a network, years later, too.
    Without --window it is of the newest window that was judged whole,
    without --output it lies here under the endpoint's name. A report that
    is there already is replaced; any other file stays.

    Examples:

      modelmon report churn

      modelmon report churn --window "2026-11-30 01:40" --output churn.html

      modelmon report churn --output - > churn.html
    """
    from modelmon.model_monitoring.reporting import read_report

    found = read_report(load_settings(project_dir), name, window or None)
    if output == "-":
        sys.stdout.write(found.html)
        return
    place = found.save(output)
    console.print(f"{escape(str(place))} is written", highlight=False, soft_wrap=True)
