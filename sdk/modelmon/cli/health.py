"""`modelmon health`: what state each function is in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.cli.streams import streams_of_chain
from modelmon.counting import count
from modelmon.model import wall_clock_us
from modelmon.settings import Settings

if TYPE_CHECKING:
    from modelmon.ledger.channel_states import ChannelState
    from modelmon.views.challengers import Challenger
    from modelmon.views.health import FunctionHealth
    from modelmon.views.held_streams import HeldStream
    from modelmon.views.silence import Silence

COLORS = {"ready": "green", "behind": "yellow", "starting": "yellow"}


def health(
    names: Annotated[list[str] | None, typer.Argument(help="Functions; without any, all of them.")] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what state each function is in, and how far behind.

    Ready, behind, starting, waiting (for what is down), not committing (its
    acknowledgements do not arrive) or not running. A consumer group that keeps a
    stream from losing old messages is named, and how many actuals wait for their
    prediction. Works wherever the records can be reached.

    The exit code is 1 when a function does not do its work. It is 1, too, when none
    of several endpoints that are expected is heard. So it is when a channel gave up
    a message and has taken none since. And it is when a challenger that was decided
    on is not deployed: a try failed, or nobody tried for a quarter of an hour.

    Examples:

      modelmon health

      modelmon health modelmon-stream --json
    """
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    found = read_health(settings, names or [])
    held, unavailable = read_held(settings)
    waiting, silence, broken = _beside(settings)
    left = read_left(settings)
    stuck = [each for each in left if each.is_stuck(datetime.now(UTC))]
    if as_json:
        told = {"functions": found, "held": held, "unavailable": unavailable, "waiting_actuals": waiting}
        told |= {"silence": silence, "channels": broken, "challengers": left}
        print_json(to_json(told))
    else:
        _print_functions(found)
        _print_held(held, unavailable)
        for each in broken:
            _print_broken(each)
        for one in left:
            _print_left(one, is_stuck=one in stuck)
        _print_beside(waiting, silence)
    if silence or broken or stuck or not found or not all(function.healthy for function in found):
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


def _beside(settings: Settings) -> tuple[int, Silence | None, Sequence[ChannelState]]:
    """How many actuals wait, whether nobody is heard, and the channels that take no messages."""
    from modelmon.ledger.channel_states import broken_channels
    from modelmon.ledger.records import open_records
    from modelmon.views.actuals import count_waiting
    from modelmon.views.silence import read_silence

    with closing(open_records(settings)) as records, records.read() as connection:
        broken = broken_channels(connection, wall_clock_us())
        return count_waiting(connection), read_silence(connection), broken


def read_left(settings: Settings) -> Sequence[Challenger]:
    """Challengers that are decided on and not deployed yet."""
    from modelmon.ledger.challengers import unsettled
    from modelmon.ledger.records import open_records

    with closing(open_records(settings)) as records, records.read() as connection:
        if not unsettled(connection, 1):
            return ()
        from modelmon.views.challengers import list_left  # brings NumPy

        return list_left(connection, settings)


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


def _print_broken(channel: ChannelState) -> None:
    console.print(
        f"[red]channel {escape(channel.channel)}[/red] did not take {count(channel.failed, 'message')}, "
        f"and none since: {escape(channel.problem)}. `modelmon alerts messages --failed` lists them, "
        "`modelmon alerts retry` sends one again.",
        soft_wrap=True,
        highlight=False,
    )


def _print_left(challenger: Challenger, *, is_stuck: bool) -> None:
    from modelmon.views.challenger_words import left

    named = f"challenger {challenger.number}, {escape(challenger.model)}"
    console.print(
        f"[{'red' if is_stuck else 'yellow'}]{named}[/] is {challenger.state}. {escape(left(challenger))}",
        soft_wrap=True,
        highlight=False,
    )


def _print_functions(found: Sequence[FunctionHealth]) -> None:
    columns = ["function", "state", "#behind", "#for", "why"]
    print_table("Functions", columns, map(_row, found))
    if not found:
        console.print("No function is deployed here; `modelmon up` or `modelmon deploy` brings some.")


def _print_beside(waiting: int, silence: Silence | None) -> None:
    if waiting:
        console.print(f"{count(waiting, 'actual')} without a prediction yet: `modelmon status` says of whom.")
    if silence:
        words = f"{silence.words[:1].upper()}{silence.words[1:]}."
        console.print(words, style="red", markup=False, soft_wrap=True, highlight=False)


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
