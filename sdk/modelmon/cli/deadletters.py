"""`modelmon deadletters`: messages that could not be read, kept with the reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, errors, load_settings, print_json, print_table
from modelmon.errors import ConfigError
from modelmon.model import UNKNOWN_ENDPOINT, DeadLetter

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.stores.database import Database

app = typer.Typer(
    no_args_is_help=True,
    help="""Messages that could not be read: list them, show one, send it again.

They were set aside with the reason and their place; nothing waits for them.
Their ids look like [bold]3fa2b1c4.0.128.1[/bold]: stream, partition, offset and item of the
message (-1: the whole message).
""",
)
Letter = Annotated[str, typer.Argument(metavar="ID", help="As `deadletters list` shows it.")]


@app.command("list")
def list_letters(
    endpoint: Annotated[str, typer.Option(help="Only of this endpoint id.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Those sent again, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """List what was set aside, newest first.

    Example:

      modelmon deadletters list --endpoint 25b301f850456b8dfea41938e728c4bc
    """
    from modelmon.stores import deadletters

    with _records(load_settings(project_dir)) as records, records.read() as connection:
        letters = deadletters.find(
            connection, endpoint_id=endpoint or None, resent=None if everything else False, limit=limit
        )
    if as_json:
        print_json({"dead_letters": [_described(letter) for letter in letters]})
        return
    rows = [
        (
            letter_id(letter), f"{letter.created:%Y-%m-%d %H:%M:%S}", letter.endpoint_id, letter.field,
            escape(letter.reason), f"{letter.resent:%Y-%m-%d %H:%M:%S}" if letter.resent else "",
        )
        for letter in letters
    ]  # fmt: skip
    print_table(
        "Dead letters", ["id", "set aside (UTC)", "endpoint", "field", "reason", "sent again (UTC)"], rows
    )


@app.command()
def show(letter: Letter, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Show one with its body.

    Example:

      modelmon deadletters show 3fa2b1c4.0.128.1
    """
    with _records(load_settings(project_dir)) as records:
        found = _find(records, letter)
    described = _described(found)
    if as_json:
        print_json(described)
        return
    for name, value in described.items():
        console.print(f"[dim]{name:12}[/dim] {escape(str(value))}", highlight=False, soft_wrap=True)


@app.command()
def resend(
    letters: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which ones.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not sent again yet.")] = False,
    endpoint: Annotated[str, typer.Option(help="With --all: only of this endpoint id.")] = "",
    body: Annotated[
        Path | None, typer.Option(help="A file with the mended message, to be sent instead of the one kept.")
    ] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Put them back on the stream they came from, as they are or mended.

    Examples:

      modelmon deadletters resend --all

      modelmon deadletters resend 3fa2b1c4.0.128.1 --body mended.json
    """
    if bool(letters) == everything or (body and len(letters or []) != 1):
        raise ConfigError("name the ids to send again, or --all; --body goes with one id")
    settings = load_settings(project_dir)
    with _records(settings) as records:
        chosen = [_find(records, letter) for letter in letters or []] or _unsent(records, endpoint)
        _resend(settings, records, chosen, body.read_bytes() if body else None)
    if as_json:
        print_json({"resent": [letter_id(letter) for letter in chosen]})
    else:
        console.print(f"{len(chosen):,} sent again")


def letter_id(letter: DeadLetter) -> str:
    """Short name of a dead letter, as the commands take it."""
    return f"{letter.stream_id[:8]}.{letter.partition}.{letter.offset}.{letter.item}"


@contextmanager
def _records(settings: Settings) -> Iterator[Database]:
    from modelmon.stores.records import open_records

    records = open_records(settings)
    try:
        yield records
    finally:
        records.close()


def _unsent(records: Database, endpoint: str) -> list[DeadLetter]:
    from modelmon.stores import deadletters

    with records.read() as connection:
        found = deadletters.find(connection, endpoint_id=endpoint or None, resent=False)
    return found[::-1]  # the oldest first, as they came


def _find(records: Database, letter: str) -> DeadLetter:
    from modelmon.stores import deadletters

    with records.read() as connection:
        for found in deadletters.find(connection):
            if letter_id(found) == letter:
                return found
    raise ConfigError(f"no dead letter {letter!r}; `modelmon deadletters list --all` shows all ids")


def _resend(settings: Settings, records: Database, letters: list[DeadLetter], body: bytes | None) -> None:
    """Publish first, note it after: a crash between the two sends one twice rather than never."""
    from rich.progress import track

    from modelmon.local.topics import open_topic
    from modelmon.stores import deadletters

    streams = {letter.stream: open_topic(settings, letter.stream) for letter in letters}
    try:
        for letter in track(letters, "sending again", console=errors, transient=True):
            key = "" if letter.endpoint_id == UNKNOWN_ENDPOINT else letter.endpoint_id
            streams[letter.stream].publish([(key, letter.body if body is None else body)])
            with records.write() as connection:
                deadletters.mark_resent(connection, letter, time.time_ns() // 1000)
    finally:
        for stream in streams.values():
            stream.close()


def _described(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter_id(letter),
        "stream": letter.stream,
        "stream_id": letter.stream_id,
        "partition": letter.partition,
        "offset": letter.offset,
        "item": letter.item,
        "endpoint_id": letter.endpoint_id,
        "field": letter.field,
        "reason": letter.reason,
        "created": letter.created.isoformat(),
        "resent": letter.resent.isoformat() if letter.resent else None,
        "body": letter.body.decode(errors="backslashreplace"),
    }
