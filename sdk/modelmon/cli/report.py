"""`modelmon report`: a window of an endpoint as one HTML file."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import ProjectDir, console, load_settings
from modelmon.errors import ConfigError
from modelmon.model import from_us, wall_clock_us
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.pages.report import Report


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
    without --output it lies here under the endpoint's name.

    Examples:

      modelmon report churn

      modelmon report churn --window "2026-11-30 01:40" --output churn.html

      modelmon report churn --output - > churn.html
    """
    found = read_report(load_settings(project_dir), name, window)
    if output == "-":
        sys.stdout.write(found.html)
        return
    place = Path(output or found.file_name)
    try:
        place.write_text(found.html, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"--output: {place} can't be written: {error.strerror}; name a file that can"
        ) from None
    console.print(f"{escape(str(place))} is written", highlight=False, soft_wrap=True)


def read_report(settings: Settings, name: str, window: str) -> Report:
    """Raises ConfigError for a name that nothing or several things have, and for a window that is none."""
    from modelmon.ledger.records import open_records
    from modelmon.model_monitoring.written_times import moment_us
    from modelmon.pages.report import make_report
    from modelmon.stores.series import open_series
    from modelmon.views.endpoint_facts import Looking

    moment = from_us(moment_us(window, "--window", 0)) if window else None
    with ExitStack() as stack:
        records, series = open_records(settings), open_series(settings)
        stack.callback(records.close)
        stack.callback(series.close)
        return make_report(records, series, Looking(wall_clock_us(), settings), name, moment)
