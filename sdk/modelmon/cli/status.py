"""`modelmon status`: how the project stands."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from modelmon.cli.deployed import NOT_RUNNING, deployed_functions, full_disk
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json
from modelmon.cli.selecting import select
from modelmon.cli.showing import print_findings, print_lost, print_project, print_waiting
from modelmon.function_spec.platforms import EMBEDDED

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.streams import Stream

Names = Annotated[list[str] | None, typer.Option(show_default=False)]


def status(
    state: Names = None,
    endpoint: Names = None,
    app: Names = None,
    function: Names = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="With --json: results of every window that starts at this UTC time or later."),
    ] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the endpoints, one a line, the worst first; alerts, lag, functions that do not run.

    Works whether the project is up or not. Each filter may be given several times; --endpoint takes
    names, ids and patterns like 'churn*'.

    Examples:

      modelmon status

      modelmon status --state detected --state no-data

      modelmon status --json | jq '.results[] | select(.result_status == 2)'
    """
    settings = load_settings(project_dir)
    found = read_status(settings, since.replace(tzinfo=UTC) if since else None, values=as_json)
    selected = select(
        found, states=state or (), endpoints=endpoint or (), apps=app or (), functions=function or ()
    )
    if as_json:
        print_json(selected)
    else:
        _show(settings, selected, len(found["endpoints"]))


def read_status(settings: Settings, since: datetime | None = None, values: bool = True) -> dict[str, Any]:
    """What `status --json` prints; without `values` no `results` and `metrics`: the table needs none."""
    from modelmon.ledger.records import open_records
    from modelmon.model import to_us
    from modelmon.stores.series import open_series
    from modelmon.views import status as reading

    functions = deployed_functions(settings)
    with ExitStack() as stack:
        records, series = open_records(settings), open_series(settings)
        stack.callback(records.close)
        stack.callback(series.close)
        streams, unopened = stack.enter_context(_streams(settings))
        now_us = time.time_ns() // 1000
        since_us, back = to_us(since) if since and values else None, reading.NEWEST if values else 0
        found = reading.status(records, series, streams, now_us, settings, since_us, back)
    found["unavailable"] += [{"stream": name, "reason": reason} for name, reason in unopened.items()]
    return {"project": settings.project, **found, "functions": functions}


@contextmanager
def _streams(settings: Settings) -> Iterator[tuple[dict[str, Stream], dict[str, str]]]:
    """Consumer group to the stream it reads, of every function that is deployed; and the streams that
    can't be opened, with the reason."""
    from modelmon.errors import ConfigError, UnavailableError
    from modelmon.function_spec.topics import open_topic

    streams: dict[str, Stream] = {}
    unopened: dict[str, str] = {}
    down: dict[str, str] = {}  # where streams live, and who did not answer: each would take its time
    with ExitStack() as stack:
        for group, topic in _topics(settings):
            place, _, name = settings.stream_url(topic).rpartition("/")
            try:
                if place in down:
                    raise UnavailableError(f"not asked, because {down[place]} did not answer")
                streams[group] = open_topic(settings, topic, create=False)
                stack.callback(streams[group].close)
            except ConfigError as error:
                unopened[name] = str(error)
            except UnavailableError as error:
                unopened[name] = str(error)
                down.setdefault(place, name)
        yield streams, unopened


def _topics(settings: Settings) -> Iterator[tuple[str, str]]:
    """(consumer group, topic) of every stream trigger that is deployed."""
    from modelmon.errors import ConfigError
    from modelmon.function_spec.folders import deployed, functions_folder
    from modelmon.function_spec.function_yaml import read_function
    from modelmon.function_spec.triggers import StreamTrigger

    for folder in deployed(functions_folder(Path(settings.project_dir))).values():
        try:
            triggers = read_function(folder, settings).triggers
        except ConfigError:
            continue  # `functions` says so
        for trigger in triggers:
            if isinstance(trigger, StreamTrigger):
                yield trigger.group, trigger.topics[0]


def _show(settings: Settings, found: dict[str, Any], endpoints: int) -> None:
    shown = found["endpoints"]
    print_project(settings.project, found["now"], shown, endpoints)
    print_waiting(shown, found["now"])
    print_findings(found["alerts"], shown)
    console.print()
    print_lost(shown)
    _print_lag(found["lag"])
    for stream in found["unavailable"]:
        console.print(
            f"Lag of {escape(stream['stream'])} is not known: {escape(stream['reason'])}", highlight=False
        )
    idle = [function["name"] for function in found["functions"] if function["state"] == NOT_RUNNING]
    if idle:
        console.print(f"Not running: {', '.join(idle)}. {_mend(settings)}", highlight=False)
    _print_failing(found["functions"])
    full = full_disk(settings)
    if full:
        console.print(f"[red]The functions wait:[/red] {escape(full)}.", highlight=False)
    _print_clock(found["clock"])
    if found["dead_letters"]:
        console.print(f"Dead letters: {found['dead_letters']:,}; `modelmon deadletters list` shows them.")
    if not endpoints:
        console.print("No endpoint yet: deploy a model, or modelmon publish recorded events.", style="dim")
    if shown:
        console.print("One endpoint with its features: `modelmon endpoint NAME`.", style="dim")


def _print_failing(functions: list[dict[str, Any]]) -> None:
    """A line of each function that can't start, with the reason."""
    for function in functions:
        if function["error"]:
            console.print(
                f"[red]Does not run:[/red] {function['name']}: {escape(function['error'])}", highlight=False
            )


def _mend(settings: Settings) -> str:
    if settings.platform == EMBEDDED:
        return "`modelmon up` runs them."
    return "`modelmon health` says since when, `modelmon deploy --function NAME` deploys one anew."


def _print_lag(lags: list[dict[str, Any]]) -> None:
    """One line: what is published and not yet read, by stream and group."""
    summed: Counter[tuple[str, str]] = Counter()
    for each in lags:
        summed[each["stream"], each["group"]] += each["lag"]
    behind = [f"{stream} {lag:,} ({group})" for (stream, group), lag in summed.items() if lag]
    if summed:
        console.print(f"Lag: {', '.join(behind) or 'none'}.", highlight=False)


def _print_clock(clock: dict[str, Any]) -> None:
    if clock["behind_seconds"]:
        console.print(
            f"The clock went back: events were written at {clock['newest_commit'][:19]}, which is "
            f"{clock['behind_seconds']:,.0f} s from now. Windows wait until it has caught up.",
            highlight=False,
        )
    if clock["set_aside"]:
        console.print(
            f"{clock['set_aside']:,} set aside because their time had not come. Once it has: "
            "`modelmon deadletters resend --all --reason 'in the future'`.",
            highlight=False,
        )
