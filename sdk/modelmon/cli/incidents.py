"""`modelmon incidents`: what is open, what ended, and the history of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.cli.records import opened_records
from modelmon.cli.showing import print_incident, worst_first
from modelmon.errors import ConfigError
from modelmon.model import wall_clock_us

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modelmon.settings import Settings
    from modelmon.views.incidents import Incident, IncidentHistory

app = typer.Typer(
    no_args_is_help=True,
    help="""What went wrong, from its raising to its resolution: list it, show one, reset it.

An incident is one trouble of one result of an endpoint, or of an app that fails,
however many windows it lasts. Its number stays while late data change it.
""",
)
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="As `incidents list` shows it.")]


@app.command("list")
def list_incidents(
    endpoint: Annotated[
        list[str] | None, typer.Option(help="Name or id of an endpoint; may be given several times.")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Without those that ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the open ones first.")] = 100,
    after: Annotated[
        str, typer.Option(metavar="PLACE", help="Go on where a page ended.", show_default=False)
    ] = "",
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """List what is open, detected before suspected, then what ended; else the newest first.

    Examples:

      modelmon incidents list --open

      modelmon incidents list --endpoint churn --json
    """
    from modelmon.views.encoding import to_json
    from modelmon.views.incident_lists import IncidentQuery
    from modelmon.views.incident_lists import list_incidents as read_page

    settings = load_settings(project_dir)
    with opened_records(settings) as records, records.read() as connection:
        ids = _ids(connection, settings, endpoint) if endpoint else None
        query = IncidentQuery(ids, only_open=only_open, limit=limit, after=after)
        page = read_page(connection, settings, query)
    if as_json:
        print_json(to_json(page))
        return
    for incident in worst_first(page.incidents):
        print_incident(incident, incident.endpoint_name)
    if page.after:
        console.print(
            f"The next: `modelmon incidents list --after {page.after}`.", style="dim", highlight=False
        )
    elif not page.incidents:
        console.print("No more incidents." if after else "No incident.", highlight=False)


@app.command()
def show(number: Number, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Show one with its history, and the windows that it was found in.

    Example:

      modelmon incidents show 3
    """
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    with opened_records(settings) as records, records.read() as connection:
        history = _known(connection, settings, number)
    if as_json:
        print_json(to_json(history))
    else:
        _show(history)


@app.command()
def reset(number: Number, project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Resolve an open one by hand: what was found until now is done with.

    The next window that is found bad raises a new one.

    Example:

      modelmon incidents reset 3
    """
    from modelmon.ledger import incidents, outbox
    from modelmon.ledger.facts import incident_fact

    now_us, settings = wall_clock_us(), load_settings(project_dir)
    with opened_records(settings) as records, records.write() as connection:
        known = _known(connection, settings, number, limit=1)
        told = incidents.reset(connection, number, now_us)
        outbox.write(connection, [incident_fact(settings, each) for each in told], now_us)
    if as_json:
        print_json({"incident_id": number, "reset": bool(told)})
    elif told:
        console.print(f"Incident {number} is resolved.", highlight=False)
    else:
        ended = _how_it_ended(known.incident)
        console.print(f"Incident {number} {ended}: nothing to do.", highlight=False)


def _how_it_ended(incident: Incident) -> str:
    return f"was resolved before ({incident.reason})" if incident.reason else "is pending"


def _show(history: IncidentHistory) -> None:
    incident = history.incident
    print_incident(incident, incident.endpoint_name, whole=True)
    console.print(f"    endpoint {incident.endpoint_id}", style="dim", highlight=False, soft_wrap=True)
    events = [
        (f"{each.at:%Y-%m-%d %H:%M:%S}", each.after, each.status, f"{each.window:%Y-%m-%d %H:%M}", each.why)
        for each in history.events
    ]
    print_table("History", ("when", "became", "", "with the window of", "why"), events)
    windows = [
        (
            f"{each.start_infer_time:%Y-%m-%d %H:%M}", f"{each.end_infer_time:%Y-%m-%d %H:%M}", each.said,
            "" if each.result_value is None else f"{each.result_value:.3g}", f"{each.rows:,}",
        )
        for each in history.windows
    ]  # fmt: skip
    print_table("Windows", ("from", "to", "said", "#value", "#rows"), windows)


def _ids(connection: Connection, settings: Settings, names: Sequence[str]) -> list[str]:
    from modelmon.views.endpoint_facts import Looking
    from modelmon.views.endpoints import find_endpoint

    looking = Looking(wall_clock_us(), settings)
    return [find_endpoint(connection, looking, name).endpoint_id for name in names]


def _known(
    connection: Connection, settings: Settings, number: int, limit: int | None = None
) -> IncidentHistory:
    from modelmon.views.incidents import MOST, history_of

    history = history_of(connection, settings, number, limit or MOST)
    if history is None:
        raise ConfigError(f"there is no incident {number}; `modelmon incidents list` shows which there are")
    return history
