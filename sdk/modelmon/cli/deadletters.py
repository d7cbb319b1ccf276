"""`modelmon deadletters`: messages that could not be read, kept with the reason."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, errors, load_settings, print_json, print_table
from modelmon.errors import ConfigError
from modelmon.model import UNKNOWN_ENDPOINT, DeadLetter

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modelmon.settings import Settings
    from modelmon.sql.database import Database

app = typer.Typer(
    no_args_is_help=True,
    help="""Messages that could not be read: list them, show one, send it again.

They were set aside with the reason and their place; nothing waits for them.
Their ids look like [bold]3fa2b1c4.0.128.1[/bold]: stream, partition, offset and item of the
message (-1: the whole message).
""",
)
Reason = Annotated[str, typer.Option(help="Only those with this text in their reason.")]
Letter = Annotated[str, typer.Argument(metavar="ID", help="As `deadletters list` shows it.")]


@app.command("list")
def list_letters(
    endpoint: Annotated[str, typer.Option(help="Only of this endpoint id.")] = "",
    reason: Reason = "",
    everything: Annotated[bool, typer.Option("--all", help="Those sent again, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """List what was set aside, newest first.

    Example:

      modelmon deadletters list --endpoint 25b301f850456b8dfea41938e728c4bc

      modelmon deadletters list --reason 'in the future'
    """
    from modelmon.ledger import dead_letters

    resent = None if everything else False
    with _records(load_settings(project_dir)) as records, records.read() as connection:
        letters = dead_letters.find(
            connection, endpoint_id=endpoint or None, reason=reason or None, resent=resent, limit=limit
        )
        names = _names(connection, letters)
    if as_json:
        print_json({"dead_letters": [_described(letter, names) for letter in letters]})
        return
    rows = [
        (
            letter_id(letter), f"{letter.created:%Y-%m-%d %H:%M:%S}", escape(names[letter.endpoint_id]),
            escape(letter.field), escape(letter.reason),
            f"{letter.resent:%Y-%m-%d %H:%M:%S}" if letter.resent else "",
        )
        for letter in letters
    ]  # fmt: skip
    print_table(
        "Dead letters",
        ["id", "=set aside (UTC)", "=endpoint", "+field", "+reason", "=sent again (UTC)"],
        rows,
    )


@app.command()
def show(letter: Letter, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Show one with its body.

    Example:

      modelmon deadletters show 3fa2b1c4.0.128.1
    """
    with _records(load_settings(project_dir)) as records, records.read() as connection:
        found = _find(connection, letter)
        described = _described(found, _names(connection, [found]))
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
    reason: Annotated[str, typer.Option(help="With --all: only those with this text in their reason.")] = "",
    body: Annotated[
        Path | None, typer.Option(help="A file with the mended message, to be sent instead of the one kept.")
    ] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Put them back on the stream they came from, as they are or mended.

    A mended message has to be JSON: what nobody can read is not sent.

    Examples:

      modelmon deadletters resend --all

      modelmon deadletters resend --all --reason 'in the future'

      modelmon deadletters resend 3fa2b1c4.0.128.1 --body mended.json
    """
    if bool(letters) == everything or (body and len(letters or []) != 1):
        raise ConfigError("name the ids to send again, or --all; --body goes with one id")
    settings, mended = load_settings(project_dir), _mended(body) if body else None
    with _records(settings) as records:
        with records.read() as connection:
            chosen = [_find(connection, letter) for letter in letters or []]
            chosen = chosen or _unsent(connection, endpoint, reason)
        _resend(settings, records, chosen, mended)
    if as_json:
        print_json({"resent": [letter_id(letter) for letter in chosen]})
    else:
        console.print(f"{len(chosen):,} sent again")


def _mended(path: Path) -> bytes:
    """The message in this file. Raises ConfigError for what is no JSON object, nor a list of some."""
    from modelmon.errors import RejectedError
    from modelmon.wire.decoding import decode_any

    body = path.read_bytes()
    try:
        value = decode_any(body)
    except RejectedError as error:
        raise ConfigError(f"--body: {path} is no message: {error}") from None
    if not isinstance(value, dict | list):
        raise ConfigError(f"--body: {path} is no message: it has to be a JSON object, got {value!r:.60}")
    return body


def letter_id(letter: DeadLetter) -> str:
    """Short name of a dead letter, as the commands take it."""
    return f"{letter.stream_id[:8]}.{letter.partition}.{letter.offset}.{letter.item}"


@contextmanager
def _records(settings: Settings) -> Iterator[Database]:
    from modelmon.ledger.records import open_records

    records = open_records(settings)
    try:
        yield records
    finally:
        records.close()


def _names(connection: Connection, letters: list[DeadLetter]) -> dict[str, str]:
    """What the letters' endpoints are called; an id stands for one that has no record."""
    from modelmon.ledger import endpoints

    ids = {letter.endpoint_id for letter in letters}
    known = endpoints.get_many(connection, ids)
    return {each: known[each].name if each in known else each for each in ids}


def _unsent(connection: Connection, endpoint: str, reason: str) -> list[DeadLetter]:
    from modelmon.ledger import dead_letters

    found = dead_letters.find(connection, endpoint_id=endpoint or None, reason=reason or None, resent=False)
    return found[::-1]  # the oldest first, as they came


def _find(connection: Connection, letter: str) -> DeadLetter:
    from modelmon.ledger import dead_letters

    for found in dead_letters.find(connection):
        if letter_id(found) == letter:
            return found
    raise ConfigError(f"no dead letter {letter!r}; `modelmon deadletters list --all` shows all ids")


def _resend(settings: Settings, records: Database, letters: list[DeadLetter], body: bytes | None) -> None:
    """Publish first, note it after. What a crash between the two sends twice counts once."""
    from rich.progress import track

    from modelmon.function_spec.topics import open_topic
    from modelmon.ledger import dead_letters

    streams = {letter.stream: open_topic(settings, letter.stream) for letter in letters}
    try:
        for letter in track(letters, "sending again", console=errors, transient=True):
            key = "" if letter.endpoint_id == UNKNOWN_ENDPOINT else letter.endpoint_id
            again = letter.body if body is None else body
            if letter.stream == settings.events_stream:
                again = _numbered(letter, again)
            streams[letter.stream].publish([(key, again)])
            with records.write() as connection:
                dead_letters.mark_resent(connection, letter, time.time_ns() // 1000)
    finally:
        for stream in streams.values():
            stream.close()


def _numbered(letter: DeadLetter, body: bytes) -> bytes:
    """The event under a publisher of this sending: the number it had counts as applied."""
    from modelmon.errors import RejectedError
    from modelmon.wire.numbering import published_by

    if letter.item < 0:  # nobody has read its number
        return body
    sending = f"{letter.stream_id}.{letter.partition}.{letter.offset}.{letter.item}.{letter.resent}"
    try:
        return published_by(body, f"resent-{sha256(sending.encode()).hexdigest()[:32]}", 1)
    except RejectedError:
        return body  # it was not mended: it comes back as it was


def _described(letter: DeadLetter, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": letter_id(letter),
        "stream": letter.stream,
        "stream_id": letter.stream_id,
        "partition": letter.partition,
        "offset": letter.offset,
        "item": letter.item,
        "endpoint_id": letter.endpoint_id,
        "endpoint_name": names[letter.endpoint_id],
        "field": letter.field,
        "reason": letter.reason,
        "created": letter.created.isoformat(),
        "resent": letter.resent.isoformat() if letter.resent else None,
        "body": letter.body.decode(errors="backslashreplace"),
    }
