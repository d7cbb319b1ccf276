"""`modelmon deadletters`: messages that could not be read, kept with the reason."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.output import (
    AsJson,
    ProjectDir,
    confirm,
    console,
    errors,
    load_settings,
    print_json,
    print_table,
)
from modelmon.cli.records import opened_records
from modelmon.errors import ConfigError
from modelmon.model import HOUR_US, wall_clock_us

if TYPE_CHECKING:
    from modelmon.ledger.dead_letters import Chosen
    from modelmon.sql.database import Database

app = typer.Typer(
    no_args_is_help=True,
    help="""Messages that could not be read: list them, show one, send it again, delete it.

They were set aside with the reason and their place; nothing waits for them.
They are kept for dead_letter_days, and so many as dead_letters_max says.
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
    after: Annotated[str, typer.Option(metavar="ID", help="Go on after this one.", show_default=False)] = "",
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """List what was set aside, newest first.

    Example:

      modelmon deadletters list --endpoint 25b301f850456b8dfea41938e728c4bc

      modelmon deadletters list --reason 'in the future'
    """
    from modelmon.ledger.dead_letters import Chosen
    from modelmon.views.dead_letters import find_dead_letter, letter_id, list_dead_letters, shown_letters
    from modelmon.views.encoding import to_json

    chosen = Chosen(endpoint_id=endpoint or None, reason=reason or None, resent=None if everything else False)
    settings = load_settings(project_dir)
    with opened_records(settings) as records, records.read() as connection:
        page = list_dead_letters(
            connection, chosen, limit, find_dead_letter(connection, after) if after else None
        )
        letters = shown_letters(connection, settings, page.letters)
    following = letter_id(page.after) if page.after else ""
    if as_json:
        print_json({"dead_letters": to_json(letters), "total": page.total, "after": following})
        return
    rows = [
        (
            letter.id, f"{letter.created:%Y-%m-%d %H:%M:%S}", escape(letter.endpoint_name),
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
    if following:
        console.print(
            f"{len(letters):,} of {page.total:,} are shown. The next: `modelmon deadletters list --after "
            f"{following}`.",
            style="dim", highlight=False, soft_wrap=True,
        )  # fmt: skip


@app.command()
def show(letter: Letter, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Show one with its body.

    Example:

      modelmon deadletters show 3fa2b1c4.0.128.1
    """
    from modelmon.views.dead_letters import find_dead_letter, shown_letters
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    with opened_records(settings) as records, records.read() as connection:
        (found,) = shown_letters(connection, settings, [find_dead_letter(connection, letter)])
    described = to_json(found)
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
    from rich.progress import track

    from modelmon.upkeep.resending import resend as resend_letters
    from modelmon.views.dead_letters import find_dead_letter, letter_id, told, unsent_dead_letters

    if bool(letters) == everything or (body and len(letters or []) != 1):
        raise ConfigError("name the ids to send again, or --all; --body goes with one id")
    settings, mended = load_settings(project_dir), _mended(body) if body else None
    with opened_records(settings) as records:
        with records.read() as connection:
            chosen = [find_dead_letter(connection, letter) for letter in letters or []]
            chosen = chosen or unsent_dead_letters(connection, endpoint or None, reason or None)
        cut = [] if body else [letter for letter in chosen if letter.not_kept]
        if cut:
            said = f"{letter_id(cut[0])} is not kept whole: {told(settings, cut[0])}"
            raise ConfigError(f"{said}. Give the message with --body")
        watch = partial(track, description="sending again", console=errors, transient=True)
        resend_letters(settings, records, chosen, wall_clock_us(), mended, watch)
    if as_json:
        print_json({"resent": [letter_id(letter) for letter in chosen]})
    else:
        console.print(f"{len(chosen):,} sent again")


@app.command()
def delete(
    letters: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which ones.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All, or all that the options choose.")] = False,
    endpoint: Annotated[str, typer.Option(help="Only of this endpoint id.")] = "",
    reason: Reason = "",
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Only those set aside so long ago: 12h, 7d.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete them for good. How many rows were rejected stays counted.

    Examples:

      modelmon deadletters delete 3fa2b1c4.0.128.1

      modelmon deadletters delete --older-than 7d --reason 'in the future'

      modelmon deadletters delete --all --yes
    """
    from modelmon.ledger.dead_letters import Chosen

    filters = bool(endpoint or reason or older_than)
    if bool(letters) == (everything or filters):
        raise ConfigError(
            "name the ids to delete, or say which: --endpoint, --reason, --older-than; --all for all"
        )
    before_us = wall_clock_us() - _age_us(older_than) if older_than else None
    chosen = Chosen(endpoint_id=endpoint or None, reason=reason or None, before_us=before_us)
    with opened_records(load_settings(project_dir)) as records:
        deleted = _delete_named(records, letters) if letters else _delete_chosen(records, chosen, yes)
    if as_json:
        print_json({"deleted": deleted})
    else:
        console.print(f"{deleted:,} deleted")


def _delete_named(records: Database, letters: list[str]) -> int:
    from modelmon.ledger.dead_letters import remove
    from modelmon.views.dead_letters import find_dead_letter

    with records.write() as connection:
        found = [find_dead_letter(connection, letter) for letter in letters]
        return sum(remove(connection, letter) for letter in found)


def _delete_chosen(records: Database, chosen: Chosen, yes: bool) -> int:
    """A bounded number in each transaction: functions that set messages aside meanwhile need not wait."""
    from modelmon.ledger.dead_letters import remove_some
    from modelmon.views.dead_letters import count_dead_letters

    with records.read() as connection:
        number = count_dead_letters(connection, chosen)
    if number and not yes:
        confirm(f"Delete {number:,} for good?")
    deleted, more = 0, 1
    while more:
        with records.write() as connection:
            more = remove_some(connection, chosen)
        deleted += more
    return deleted


def _age_us(age: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([hd])", age)
    if match is None:
        raise ConfigError(f"--older-than: {age!r} is no age; write hours or days, 12h or 7d")
    hours = float(match[1]) * (24 if match[2] == "d" else 1)
    return round(hours * HOUR_US)


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
