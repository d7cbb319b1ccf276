"""`modelmon endpoint`: one endpoint, its history, its features before and after."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, confirm, console, load_settings, print_json, print_table
from modelmon.cli.showing import COLOURS, print_incidents, print_waiting
from modelmon.cli.window_features import show_feature, show_window
from modelmon.counting import count
from modelmon.errors import ConfigError
from modelmon.model import wall_clock_us
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.views.endpoint_page import EndpointView
    from modelmon.views.endpoints import EndpointSummary
    from modelmon.views.windows import WindowView

SHOWN = 8
MIDNIGHT = time_of_day()


def endpoint(
    name: Annotated[str, typer.Argument(help="Its name or id.")],
    windows: Annotated[int, typer.Option(min=1, help="How many windows back, of each app.")] = 50,
    window: Annotated[
        str, typer.Option(help="Features in the window that holds this UTC time.", show_default=False)
    ] = "",
    feature: Annotated[str, typer.Option(help="This feature over the windows.", show_default=False)] = "",
    delete: Annotated[bool, typer.Option("--delete", help="Forget it, with all that is of it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --delete: don't ask.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one endpoint: history, features before and after, windows, incidents.

    Before is what the model was trained on, now is the newest window that was
    judged whole, or with --window another one, whose histograms are counted again
    from its samples.

    With --delete it is forgotten: samples, series, windows, incidents, counts,
    its record last, so that a command that was killed can be given again.
    What still comes for it registers it anew,
    without a training set: register it again then.

    Examples:

      modelmon endpoint churn

      modelmon endpoint churn --windows 200 --json

      modelmon endpoint churn --window "2026-11-30 01:40"

      modelmon endpoint churn --feature age --windows 200

      modelmon endpoint churn --delete
    """
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    _check_one(window=window, feature=feature, delete=delete)
    if yes and not delete:
        raise ConfigError("--yes: goes with --delete, which is not given")
    if delete:
        _delete(settings, name, yes, as_json)
        return
    if window:
        show_window(settings, name, window, as_json=as_json)
        return
    if feature:
        show_feature(settings, name, feature, windows, as_json=as_json)
        return
    found = read_endpoint(settings, name, windows)
    if as_json:
        print_json(to_json(found))
    else:
        _show(found)


def _check_one(**options: object) -> None:
    given = [f"--{name}" for name, value in options.items() if value]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} can't be given together: give one of them")


def _delete(settings: Settings, name: str, yes: bool, as_json: bool) -> None:
    from modelmon.model_monitoring.endpoints import called
    from modelmon.model_monitoring.erasing import forget_endpoint
    from modelmon.model_monitoring.locating import opened
    from modelmon.views.encoding import to_json

    with opened(settings) as records, records.read() as connection:
        found = called(connection, name)
    if not yes:
        confirm(f"Forget {found.name} ({found.endpoint_id}) and everything of it, for good?")
    gone = forget_endpoint(settings, found.endpoint_id)
    if as_json:
        print_json({"endpoint_id": found.endpoint_id, "endpoint_name": found.name, "deleted": to_json(gone)})
        return
    console.print(
        f"{escape(found.name)} is forgotten: {count(gone.rows, 'row')} in {count(gone.files, 'file')}, "
        f"{count(gone.windows, 'window')}",
        highlight=False,
    )


def read_endpoint(settings: Settings, name: str, windows: int) -> EndpointView:
    """What `endpoint` shows. Raises ConfigError for a name that nothing or several things have."""
    from modelmon.ledger.records import open_records
    from modelmon.stores.series import open_series
    from modelmon.views import endpoint_page

    with ExitStack() as stack:
        records, series = open_records(settings), open_series(settings)
        stack.callback(records.close)
        stack.callback(series.close)
        now_us = wall_clock_us()
        return endpoint_page.read_endpoint(records, series, settings, name, now_us, windows)


def _show(found: EndpointView) -> None:
    from modelmon.cli.features import print_features, print_history, print_traffic

    _print_head(found.endpoint)
    print_waiting([found.endpoint], found.now)
    print_history(found.history)
    print_traffic(found.traffic)
    print_features(found.features, found.newer)
    _print_windows(found.windows)
    print_incidents(found.incidents, [found.endpoint])


def _print_head(entry: EndpointSummary) -> None:
    colour = COLOURS.get(entry.state, "dim")
    said = f"[{colour}]{entry.state}[/], {escape(entry.why)}"
    console.print(f"[bold]{escape(entry.endpoint_name)}[/bold]: {said}", highlight=False, soft_wrap=True)
    served = f"function {entry.function_name}, " if entry.function_name else ""
    model = f"model {entry.model_uri}, " if entry.model_uri else ""
    console.print(
        f"{escape(served + model)}id {entry.endpoint_id}", style="dim", highlight=False, soft_wrap=True
    )
    counts = (
        f"{entry.stored:,} stored, {count(entry.errors, 'error')}, {entry.rejected:,} rejected, "
        f"{entry.late:,} late, {entry.missing:,} missing"
    )
    last = f"; last request {entry.last_request:%Y-%m-%d %H:%M:%S} UTC" if entry.last_request else ""
    console.print(f"{count(entry.received, 'row')} received: {counts}{last}", highlight=False)
    if entry.last_error:
        at = f" at {entry.last_error_time:%Y-%m-%d %H:%M:%S} UTC" if entry.last_error_time else ""
        console.print(f"last error{at}: {escape(entry.last_error)}", highlight=False, soft_wrap=True)


def _print_windows(windows: Sequence[WindowView]) -> None:
    from modelmon.views.results_in_words import first_line
    from modelmon.windows import WindowState

    apps: dict[tuple[str, ...], list[str]] = {}  # of windows of which the same is told
    for window in windows:
        is_done = window.state is WindowState.DONE
        said = ", ".join([window.state.value, *window.states])
        error = f": {first_line(window.error)}" if window.error and not is_done else ""
        span = _span(window.start_infer_time, window.end_infer_time)
        told = span, said + error, f"{window.rows:,}" if is_done else "", f"{window.late:,}"
        apps.setdefault(told, []).append(window.application_name)
    shown = list(apps.items())[:SHOWN]
    number = sum(len(names) for _, names in shown)
    console.print()
    title = f"Windows, the newest {number} of {len(windows)} read" if len(windows) > number else "Windows"
    rows = [tuple(map(escape, (_joined(names), *told))) for told, names in shown]
    print_table(title, ["app", "from (UTC)", "state", "#rows", "#late"], rows)


def _joined(apps: Sequence[str]) -> str:
    return ", ".join(apps) if len(apps) < 3 else count(len(apps), "app")


def _span(start: datetime, end: datetime) -> str:
    """The days of a window that begins and ends at midnight, else day and time."""
    if start.time() == end.time() == MIDNIGHT:
        return f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {until}"
