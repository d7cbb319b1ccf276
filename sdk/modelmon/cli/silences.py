"""`modelmon incidents silence|silences|end-silence`: what nobody is told of for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from modelmon.cli.handled import Note
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.errors import ConfigError

if TYPE_CHECKING:
    from modelmon.views.silences import SilencePreview

SHOWN = 10
Patterns = list[str] | None
_PATTERN = "A name or pattern (*, ?); may be given several times."


def silence(
    until: Annotated[str, typer.Option(metavar="TIME", help="2h from now, or a moment in UTC.")] = "",
    note: Note = "",
    incident: Annotated[
        int | None, typer.Option(help="Of this one: its endpoint, app and result where not given.")
    ] = None,
    endpoint: Annotated[Patterns, typer.Option(help=f"Endpoints. {_PATTERN}")] = None,
    function: Annotated[Patterns, typer.Option(help=f"Serving functions. {_PATTERN}")] = None,
    app: Annotated[Patterns, typer.Option(help=f"Apps. {_PATTERN}")] = None,
    result: Annotated[Patterns, typer.Option(help=f"Results. {_PATTERN}")] = None,
    kind: Annotated[Patterns, typer.Option(help="Kinds of results, as data-drift.")] = None,
    label: Annotated[Patterns, typer.Option(help="Labels, as team=ads; the value may be a pattern.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Say what it would hit; do nothing.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell nobody of what fits for a while. It goes on, and what is open still at the end is told then.

    Examples:

      modelmon incidents silence --incident 3 --until 4h --note "the feed is being mended"

      modelmon incidents silence --endpoint 'churn-*' --label team=ads --until 2h --preview
    """
    from modelmon.model_monitoring import silencing
    from modelmon.views.encoding import to_json

    match = silencing.match_of(
        endpoints=endpoint, functions=function, apps=app, results=result, kinds=kind, labels=_labels(label)
    )
    settings = load_settings(project_dir)
    hit = silencing.preview(settings, match, incident_id=incident)
    if preview:
        print_json(to_json(hit)) if as_json else _print_preview(hit)
        return
    made = silencing.silence(settings, match, until or None, note, incident_id=incident)
    if as_json:
        print_json(to_json(made))
        return
    console.print(
        f"Silence {made.silence_id} holds until {made.until:%Y-%m-%d %H:%M} UTC; it hits {_many(hit)}: "
        f"{made.hits}.",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip


def silences(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """List silences, the newest first: those that hold, and those that are over.

    Example:

      modelmon incidents silences
    """
    from modelmon.model_monitoring.silencing import silences_of
    from modelmon.views.encoding import to_json

    found = silences_of(load_settings(project_dir))
    if as_json:
        print_json(to_json({"silences": found}))
        return
    rows = [
        (f"{each.silence_id}", "holds" if each.holds else "over", escape(each.hits), escape(each.who),
         f"{each.ended or each.until:%Y-%m-%d %H:%M}", escape(each.note))
        for each in found
    ]  # fmt: skip
    print_table("Silences", ("#number", "", "hits", "by", "=until (UTC)", "note"), rows)


def end_silence(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="As `incidents silences` shows it.")],
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """End a silence before its time: what it held back is told, if it is open still.

    Example:

      modelmon incidents end-silence 2
    """
    from modelmon.model_monitoring import silencing
    from modelmon.views.encoding import to_json

    ended = silencing.end_silence(load_settings(project_dir), number)
    if as_json:
        print_json(to_json(ended))
    else:
        console.print(f"Silence {number} is over.", highlight=False)


def _print_preview(hit: SilencePreview) -> None:
    from modelmon.cli.showing import print_incident

    console.print(f"It would hit {_many(hit)}: {hit.hits}.", highlight=False, markup=False, soft_wrap=True)
    for each in hit.incidents[:SHOWN]:
        print_incident(each, each.endpoint_name)


def _many(hit: SilencePreview) -> str:
    least = "" if hit.complete else "at least "
    ones = "incident that is" if hit.open_incidents == 1 else "incidents that are"
    return f"{least}{hit.open_incidents:,} {ones} open"


def _labels(given: list[str] | None) -> dict[str, str]:
    found = {}
    for each in given or ():
        name, sign, pattern = each.partition("=")
        if not sign or not name:
            raise ConfigError(f"label: must be a name with a pattern, as team=ads, got {each!r}")
        found[name] = pattern
    return found
