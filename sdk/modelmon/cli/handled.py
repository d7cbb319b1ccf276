"""`modelmon incidents ack|give-back|note|resolve`: what people do about one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json
from modelmon.cli.showing import acknowledged_by

if TYPE_CHECKING:
    from modelmon.views.incidents import Incident

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As `incidents list` shows it.")]
Note = Annotated[str, typer.Option(help="Why, for whoever looks later.")]


def acknowledge(
    number: Number,
    note: Note = "",
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="At most until then: 2h from now, or a moment in UTC.")
    ] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Say that you are at one: it is told no more until it gets worse, or is over.

    Examples:

      modelmon incidents ack 3 --note "looking at the feed"

      modelmon incidents ack 3 --until 2h
    """
    from modelmon.model_monitoring import handling

    found = handling.acknowledge(load_settings(project_dir), number, note, until=until)
    assert found.acknowledged is not None, "it was acknowledged"
    _print(found, f"Incident {number} is {acknowledged_by(found.acknowledged)}.", as_json)


def give_back(number: Number, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Say that nobody is at one any more: it is told again.

    Example:

      modelmon incidents give-back 3
    """
    from modelmon.model_monitoring import handling

    found = handling.give_back(load_settings(project_dir), number)
    _print(found, f"Nobody is at incident {number} any more.", as_json)


def note(
    number: Number,
    words: Annotated[str, typer.Argument(help="What is written into its history.")],
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Write something into the history of one, open or over.

    Example:

      modelmon incidents note 3 "the feed of the airport was down"
    """
    from modelmon.model_monitoring import handling

    found = handling.add_note(load_settings(project_dir), number, words)
    _print(found, f"It stands in the history of incident {number}.", as_json)


def resolve(number: Number, note: Note = "", project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """End an open one by hand: what was found until now is done with.

    The next window that is found bad raises a new one.

    Example:

      modelmon incidents resolve 3 --note "the feed is mended"
    """
    from modelmon.model_monitoring import handling

    found = handling.resolve(load_settings(project_dir), number, note)
    _print(found, f"Incident {number} is resolved.", as_json)


def _print(found: Incident, said: str, as_json: bool) -> None:
    from modelmon.views.encoding import to_json

    if as_json:
        print_json(to_json(found))
    else:
        console.print(said, highlight=False, markup=False, soft_wrap=True)
