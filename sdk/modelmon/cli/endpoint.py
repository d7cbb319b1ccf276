"""`modelmon endpoint`: one endpoint, its history, its features before and after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, Any

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.cli.showing import COLOURS, print_findings, print_waiting
from modelmon.counting import count
from modelmon.errors import ConfigError, no_such
from modelmon.settings import Settings

SHOWN = 8


def endpoint(
    name: Annotated[str, typer.Argument(help="Its name or id.")],
    windows: Annotated[int, typer.Option(min=1, help="How many windows back, of each app.")] = 50,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one endpoint: history, features before and after, windows, alerts.

    Before is what the model was trained on, now is the newest window.

    Examples:

      modelmon endpoint churn

      modelmon endpoint churn --windows 200 --json
    """
    settings = load_settings(project_dir)
    found = read_endpoint(settings, name, windows)
    if as_json:
        print_json({"project": settings.project, **found})
    else:
        _show(found)


def read_endpoint(settings: Settings, name: str, windows: int) -> dict[str, Any]:
    """What `endpoint --json` prints. Raises ConfigError for a name that nothing or several things have."""
    from modelmon.ledger.records import open_records
    from modelmon.stores.series import open_series
    from modelmon.views.one_endpoint import one_endpoint
    from modelmon.views.status import read_endpoints
    from modelmon.wire import write_moment

    now_us = time.time_ns() // 1000
    with ExitStack() as stack:
        records, series = open_records(settings), open_series(settings)
        stack.callback(records.close)
        stack.callback(series.close)
        with records.read() as connection:
            entries = read_endpoints(connection, now_us, settings)
        found = one_endpoint(records, series, _chosen(entries, name), settings, windows)
    return {"now": write_moment(now_us), **found}


def _chosen(entries: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    matching = [entry for entry in entries if name in (entry["endpoint_id"], entry["endpoint_name"])]
    if not matching:
        names = (entry["endpoint_name"] for entry in entries)
        raise no_such(f"endpoint: there is no {name!r}", name, names)
    if len(matching) > 1:
        ids = ", ".join(
            f"{entry['endpoint_id']} ({entry['function_name'] or 'of no function'})" for entry in matching
        )
        raise ConfigError(f"endpoint: {len(matching)} are called {name!r}; give the id of one: {ids}")
    return matching[0]


def _show(found: dict[str, Any]) -> None:
    from modelmon.cli.features import print_features, print_history

    entry = found["endpoint"]
    _print_head(entry)
    print_waiting([entry], found["now"])
    print_history(found["history"])
    print_features(found["features"])
    _print_windows(found["windows"])
    print_findings(found["alerts"], [entry])


def _print_head(entry: dict[str, Any]) -> None:
    colour = COLOURS.get(entry["state"], "dim")
    said = f"[{colour}]{entry['state']}[/], {escape(entry['why'])}"
    console.print(f"[bold]{escape(entry['endpoint_name'])}[/bold]: {said}", highlight=False, soft_wrap=True)
    served = f"function {entry['function_name']}, " if entry["function_name"] else ""
    model = f"model {entry['model_uri']}, " if entry["model_uri"] else ""
    console.print(
        f"{escape(served + model)}id {entry['endpoint_id']}", style="dim", highlight=False, soft_wrap=True
    )
    counts = ", ".join(
        count(entry[name], "error") if name == "errors" else f"{entry[name]:,} {name}"
        for name in ("stored", "errors", "rejected", "late", "missing")
    )
    last = f"; last request {entry['last_request'][:19]} UTC" if entry["last_request"] else ""
    console.print(f"{count(entry['received'], 'row')} received: {counts}{last}", highlight=False)
    if entry["last_error"]:
        at = f" at {entry['last_error_time'][:19]} UTC" if entry["last_error_time"] else ""
        console.print(f"last error{at}: {escape(entry['last_error'])}", highlight=False, soft_wrap=True)


def _print_windows(windows: Sequence[dict[str, Any]]) -> None:
    from modelmon.views.overview import first_line

    rows = []
    for window in windows[:SHOWN]:
        span = _span(window["start_infer_time"], window["end_infer_time"])
        said = ", ".join([window["state"], *window["states"]])
        error = f": {first_line(window['error'])}" if window["error"] and window["state"] != "done" else ""
        cells = (window["application_name"], span, said + error)
        counted = f"{window['rows']:,}" if window["state"] == "done" else ""
        rows.append((*map(escape, cells), counted, f"{window['late']:,}"))
    console.print()
    title = (
        f"Windows, the newest {len(rows)} of {len(windows)} read" if len(windows) > len(rows) else "Windows"
    )
    print_table(title, ["app", "from (UTC)", "state", "#rows", "#late"], rows)


def _span(start: str, end: str) -> str:
    """The days of a window that begins and ends at midnight, else day and time."""
    if start[11:16] == end[11:16] == "00:00":
        return f"{start[:10]} to {end[:10]}"
    return f"{start[:16]} to {end[:16] if end[:10] != start[:10] else end[11:16]}"
