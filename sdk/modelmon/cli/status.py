"""`modelmon status`: how the project stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from modelmon.cli.deployed import NOT_RUNNING, DeployedFunction, deployed_functions, full_disk
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json
from modelmon.cli.showing import (
    print_actuals,
    print_incidents,
    print_last,
    print_lost,
    print_project,
    print_waiting,
)
from modelmon.errors import ConfigError
from modelmon.function_spec.platforms import EMBEDDED
from modelmon.model import wall_clock_us

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.views.clock import ClockState
    from modelmon.views.endpoints import EndpointQuery, Sort
    from modelmon.views.lag import PartitionLag
    from modelmon.views.project_status import ProjectStatus

Names = Annotated[list[str] | None, typer.Option(show_default=False)]


def status(
    state: Names = None,
    endpoint: Names = None,
    app: Names = None,
    function: Names = None,
    limit: Annotated[int, typer.Option(min=1, help="How many endpoints are shown.")] = 100,
    after: Annotated[str, typer.Option(help="Go on after the endpoint of this id.", show_default=False)] = "",
    sort: Annotated[str, typer.Option(help="trouble, name, received or last-request.")] = "trouble",
    since: Annotated[
        datetime | None,
        typer.Option(help="With --json: results of every window that starts at this UTC time or later."),
    ] = None,
    values_after: Annotated[
        str, typer.Option(help="With --since: go on after `totals.values_after`.", show_default=False)
    ] = "",
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the endpoints, one a line, the worst first; incidents, lag, functions that do not run.

    Works whether the project is up or not. Each filter may be given several times; --endpoint takes
    names, ids and patterns like 'churn*'.

    Examples:

      modelmon status

      modelmon status --state detected --state no-data

      modelmon status --json | jq '.results[] | select(.result_status == 2)'
    """
    from modelmon.views.encoding import to_json
    from modelmon.views.endpoints import EndpointQuery

    if values_after and not since:
        raise ConfigError("--values-after goes on with results of --since TIME: give that too")
    settings = load_settings(project_dir)
    query = EndpointQuery(
        [each.replace("-", " ") for each in state or ()], endpoint or (), app or (), function or (),
        _sort(sort), limit, after,
    )  # fmt: skip
    moment = since.replace(tzinfo=UTC) if since else None
    found = read_status(settings, query, moment, values=as_json, values_after=values_after)
    functions = deployed_functions(settings, environments=as_json)
    if as_json:
        print_json({**to_json(found), "functions": to_json(functions)})
    else:
        _show(settings, found, functions)


def read_status(
    settings: Settings,
    query: EndpointQuery | None = None,
    since: datetime | None = None,
    *,
    values: bool = True,
    values_after: str = "",
) -> ProjectStatus:
    """How the project stands now; without `values` no results and metrics: the table needs none."""
    from modelmon.function_spec.project_streams import open_streams
    from modelmon.ledger.records import open_records
    from modelmon.model import to_us
    from modelmon.stores.series import open_series
    from modelmon.views.lag import UnknownLag
    from modelmon.views.project_status import project_status

    with ExitStack() as stack:
        records, series = open_records(settings), open_series(settings)
        stack.callback(records.close)
        stack.callback(series.close)
        streams, unopened = stack.enter_context(open_streams(settings))
        since_us = to_us(since) if since else None
        now_us = wall_clock_us()
        found = project_status(
            records,
            series,
            streams,
            now_us,
            settings,
            query,
            since_us,
            values=values,
            values_after=values_after,
        )
    unknown = (UnknownLag(name, reason) for name, reason in unopened.items())
    return replace(found, unavailable=(*found.unavailable, *unknown))


def _sort(name: str) -> Sort:
    sort: Any = name.replace("-", "_")  # the query says which there are
    return sort  # type: ignore[no-any-return]


def _show(settings: Settings, found: ProjectStatus, functions: list[DeployedFunction]) -> None:
    shown = found.endpoints
    print_project(found)
    print_last(found.last_verdicts, shown)
    print_waiting(shown, found.now)
    print_incidents(found.incidents, shown, complete=found.totals.incidents_complete)
    console.print()
    print_lost(shown)
    print_actuals(found.actuals, shown)
    _print_lag(found.lag)
    for stream in found.unavailable:
        console.print(
            f"Lag of {escape(stream.stream)} is not known: {escape(stream.reason)}", highlight=False
        )
    idle = [function.name for function in functions if function.state == NOT_RUNNING]
    if idle:
        console.print(f"Not running: {', '.join(idle)}. {_mend(settings)}", highlight=False)
    _print_failing(functions)
    full = full_disk(settings)
    if full:
        console.print(f"[red]The functions wait:[/red] {escape(full)}.", highlight=False)
    _print_clock(found.clock)
    if found.dead_letters:
        console.print(f"Dead letters: {found.dead_letters:,}; `modelmon deadletters list` shows them.")
    if not found.totals.endpoints:
        console.print("No endpoint yet: deploy a model, or modelmon publish recorded events.", style="dim")
    if shown:
        console.print("One endpoint with its features: `modelmon endpoint NAME`.", style="dim")


def _print_failing(functions: list[DeployedFunction]) -> None:
    """A line of each function that can't start, with the reason."""
    for function in functions:
        if function.error:
            console.print(
                f"[red]Does not run:[/red] {function.name}: {escape(function.error)}", highlight=False
            )


def _mend(settings: Settings) -> str:
    if settings.platform == EMBEDDED:
        return "`modelmon up` runs them."
    return "`modelmon health` says since when, `modelmon deploy --function NAME` deploys one anew."


def _print_lag(lags: Iterable[PartitionLag]) -> None:
    """One line: what is published and not yet read, by stream and group."""
    summed: Counter[tuple[str, str]] = Counter()
    for each in lags:
        summed[each.stream, each.group] += each.lag
    behind = [f"{stream} {lag:,} ({group})" for (stream, group), lag in summed.items() if lag]
    if summed:
        console.print(f"Lag: {', '.join(behind) or 'none'}.", highlight=False)


def _print_clock(clock: ClockState) -> None:
    if clock.behind_seconds and clock.newest_commit:
        console.print(
            f"The clock went back: events were written at {clock.newest_commit:%Y-%m-%d %H:%M:%S}, which is "
            f"{clock.behind_seconds:,.0f} s from now. Windows wait until it has caught up.",
            highlight=False,
        )
    if clock.set_aside:
        console.print(
            f"{clock.set_aside:,} set aside because their time had not come. Once it has: "
            "`modelmon deadletters resend --all --reason 'in the future'`.",
            highlight=False,
        )
