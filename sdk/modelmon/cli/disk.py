"""`modelmon disk`: what takes how much room, and what is deleted when."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.markup import escape

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.cli.streams import streams_of_chain
from modelmon.model import wall_clock_us

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.views.disk import Room


def disk(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Show what takes how much room, what is deleted of it when, and who holds it.

    A stream keeps what a group has not read, whatever its age: who that is stands beside it.

    Example:

      modelmon disk
    """
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    found, unavailable = _read(settings)
    if as_json:
        shown = {"project": settings.project, "parts": found, "unavailable": unavailable}
        print_json(to_json(shown))
        return
    _show(found, datetime.now(UTC))
    for name, reason in unavailable.items():
        console.print(f"[yellow]stream {escape(name)}[/yellow]: {escape(reason)}", soft_wrap=True)


def _read(settings: Settings) -> tuple[list[Room], dict[str, str]]:
    from modelmon.ledger.records import open_records
    from modelmon.views.disk import rooms

    with (
        closing(open_records(settings)) as records,
        streams_of_chain(settings, records, lambda read: True) as streams,
    ):
        found = rooms(records, streams.opened, settings, wall_clock_us())
        return found, streams.missing | streams.unavailable


def _show(found: list[Room], now: datetime) -> None:
    from modelmon.views.disk import size

    rows = [
        (
            escape(each.part), "" if each.bytes is None else size(each.bytes),
            "" if each.count is None else f"{each.count:,}",
            _when(each.next, now),
            escape(f"{each.deleted}; {each.held_by}" if each.held_by else each.deleted),
        )
        for each in found
    ]  # fmt: skip
    print_table("Disk", ["=part", "#size", "#holds", "=next deletion (UTC)", "+deleted"], rows)
    if any(each.next is not None and each.next <= now for each in found):
        console.print("due: maintenance looks every 10 minutes while the controller runs.", style="dim")


def _when(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    return "due" if moment <= now else f"{moment:%Y-%m-%d %H:%M}"
