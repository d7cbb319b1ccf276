"""`modelmon judge`: an app is asked for windows again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json
from modelmon.counting import count

if TYPE_CHECKING:
    from modelmon.model_monitoring.judging import Asked


def judge(
    app: Annotated[str, typer.Option(help="Name of the app.")],
    start: Annotated[str, typer.Option("--from", help="A UTC time or day: windows from here on …")],
    end: Annotated[str | None, typer.Option("--to", help="… up to here; now, if it is left out.")] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(help="Name or id of an endpoint, may be given several times; without it all are meant."),
    ] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask an app for windows again: past ones of a new app, failed ones after a fix.

    Every window that has rows and reaches into the time is judged as a whole,
    once, and its verdict replaces the one before it. The controller sends the
    windows with its next ticks. At most 10,000 windows at once.

    Examples:

      modelmon judge --app daily-accuracy --from 2026-11-01 --to 2026-11-29

      modelmon judge --app drift --endpoint churn --from 2026-11-29T20:00
    """
    from modelmon.cli.spans import given_span
    from modelmon.model import from_us, wall_clock_us
    from modelmon.model_monitoring.judging import judge_windows
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    first, last = given_span(start, end)
    assert first is not None, "it is no option that may be left out"
    asked = judge_windows(settings, app, first, last or from_us(wall_clock_us()), endpoint)
    if as_json:
        print_json(to_json(asked))
    else:
        _show(asked)


def _show(asked: Asked) -> None:
    name = escape(asked.application_name)
    if asked.first and asked.last:
        counted = f"{count(asked.windows, 'window')} of {count(asked.endpoints, 'endpoint')}"
        span = f"from {asked.first:%Y-%m-%d %H:%M} to {asked.last:%Y-%m-%d %H:%M} UTC"
        new = f", {asked.new:,} of them for the first time" if asked.new else ""
        console.print(f"{name} is asked for {counted}, {span}{new}.", highlight=False, soft_wrap=True)
        console.print("`modelmon status` shows what comes of them.", highlight=False)
    else:
        console.print(f"Nothing to ask {name} for: no rows in that time.", highlight=False)
    if asked.without_rows:
        console.print(
            f"Left as judged, because the rows are kept no longer (retention_days): "
            f"{count(asked.without_rows, 'window')}.",
            highlight=False,
            soft_wrap=True,
        )
