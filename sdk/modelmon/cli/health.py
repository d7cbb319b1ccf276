"""`modelmon health`: what state each function is in."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.cli.streams import streams_of_chain
from modelmon.counting import count
from modelmon.model import wall_clock_us
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.views.health import FunctionHealth
    from modelmon.views.held_streams import HeldStream

COLORS = {"ready": "green", "behind": "yellow", "starting": "yellow"}


def health(
    names: Annotated[list[str] | None, typer.Argument(help="Functions; without any, all of them.")] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what state each function is in, and how far behind.

    Ready, behind, starting, waiting (for what is down), not committing (its
    acknowledgements do not arrive) or not running. Ends with 1 when one of
    them does not do its work. Works wherever the records can be reached.
    A consumer group that keeps a stream from losing old messages is named.

    Examples:

      modelmon health

      modelmon health modelmon-stream --json
    """
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    found = read_health(settings, names or [])
    held, unavailable = read_held(settings)
    if as_json:
        print_json(to_json({"functions": found, "held": held, "unavailable": unavailable}))
    else:
        columns = ["function", "state", "#behind", "#for", "why"]
        print_table("Functions", columns, map(_row, found))
        _print_held(held, unavailable)
    if not found and not as_json:
        console.print("No function is deployed here; `modelmon up` or `modelmon deploy` brings some.")
    if not found or not all(function.healthy for function in found):
        raise typer.Exit(1)


def read_health(settings: Settings, names: list[str]) -> list[FunctionHealth]:
    """What `health` shows. Raises ConfigError for a function that nobody knows."""
    from modelmon.cli.deployed import beating_functions, is_removed
    from modelmon.errors import ConfigError
    from modelmon.ledger.records import open_records
    from modelmon.views.health import every_health

    records = open_records(settings)
    try:
        found = every_health(records, beating_functions(settings), wall_clock_us())
    finally:
        records.close()
    # One that crashed leaves its last word behind, be it that its folder is removed.
    found = [each for each in found if each.workers or not is_removed(settings, each.function)]
    found = _on_a_full_disk(settings, found)
    known = {each.function: each for each in found}
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no function {name!r}; there are {', '.join(known) or 'none'}")
    return [known[name] for name in names] if names else found


def _on_a_full_disk(settings: Settings, found: list[FunctionHealth]) -> list[FunctionHealth]:
    """Heartbeats can't be written there: a function that is silent and has a process waits for room."""
    from modelmon.cli.deployed import NOT_RUNNING, full_disk, running_names
    from modelmon.model import WorkerState

    reason = full_disk(settings)
    running = running_names(settings) if reason else set()
    waiting, why = WorkerState.WAITING.value, f"{reason}; it goes on once there is room"
    return [
        replace(each, state=waiting, reason=why)
        if each.state == NOT_RUNNING and each.function in running
        else each
        for each in found
    ]


def read_held(settings: Settings) -> tuple[list[HeldStream], dict[str, str]]:
    """The groups that hold a stream back, of the streams that ModelMon deletes from; and those that do not
    answer, with the reason."""
    from modelmon.errors import UnavailableError
    from modelmon.ledger.records import open_records
    from modelmon.upkeep.stream_retention import retention_of
    from modelmon.views.held_streams import held_streams

    now_us = wall_clock_us()
    held: list[HeldStream] = []
    with (
        closing(open_records(settings)) as records,
        streams_of_chain(settings, records, lambda read: bool(retention_of(settings, read))) as streams,
    ):
        unavailable = dict(streams.unavailable)
        for stream, readers in streams.opened:
            try:
                held += held_streams(records, stream, readers, settings, now_us)
            except UnavailableError as error:
                unavailable[stream.url.rpartition("/")[2]] = str(error)
    return held, unavailable


def _print_held(held: list[HeldStream], unavailable: dict[str, str]) -> None:
    for each in held:
        console.print(
            f"[yellow]stream {escape(each.stream)}[/yellow] keeps {count(each.messages, 'message')} that "
            f"should be gone: group {escape(each.group)} has not read them. Start its reader, or delete the "
            "group where it is gone for ever.",
            soft_wrap=True,
            highlight=False,
        )
    for name, reason in unavailable.items():
        console.print(f"[yellow]stream {escape(name)}[/yellow]: {escape(reason)}", soft_wrap=True)


def _row(function: FunctionHealth) -> tuple[str, ...]:
    color = COLORS.get(function.state, "red")
    return (
        escape(function.function),
        f"[{color}]{function.state}[/{color}]",
        f"{function.behind_messages:,}",
        f"{function.behind_seconds:.0f} s",
        escape(function.reason),
    )
