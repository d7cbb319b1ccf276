"""`modelmon incidents`: what is open, what ended, and the history of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from modelmon.cli import handled, silences
from modelmon.cli.handled import Number
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table
from modelmon.cli.records import opened_records
from modelmon.cli.showing import print_incident
from modelmon.errors import ConfigError
from modelmon.model import wall_clock_us

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modelmon.settings import Settings
    from modelmon.views.incidents import FalseAlarm, IncidentHistory

app = typer.Typer(
    no_args_is_help=True,
    help="""What went wrong, from its raising to its resolution: list them, be at one, end it, silence it.

An incident is one trouble of one result of an endpoint, or of an app that fails,
however many windows it lasts. Its number stays while late data change it.
""",
)


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
    """List what is open, the worst first, then what ended; else the newest first.

    Examples:

      modelmon incidents list --open

      modelmon incidents list --endpoint churn --json
    """
    from modelmon.views.encoding import to_json
    from modelmon.views.incident_lists import IncidentQuery
    from modelmon.views.incident_lists import list_incidents as read_page
    from modelmon.views.silences import as_handled

    settings = load_settings(project_dir)
    with opened_records(settings) as records, records.read() as connection:
        ids = _ids(connection, settings, endpoint) if endpoint else None
        query = IncidentQuery(ids, only_open=only_open, limit=limit, after=after)
        page = read_page(connection, settings, query)
        page = replace(page, incidents=as_handled(connection, page.incidents, wall_clock_us()))
    if as_json:
        print_json(to_json(page))
        return
    for incident in page.incidents:
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
    from modelmon.views.incident_rules import runbook_of

    settings = load_settings(project_dir)
    with opened_records(settings) as records, records.read() as connection:
        history = _known(connection, settings, number)
        runbook = runbook_of(connection, history.incident.rule)
    if as_json:
        print_json(to_json(history))
    else:
        _show(history, runbook)


app.command("ack")(handled.acknowledge)
app.command("give-back")(handled.give_back)
app.command("note")(handled.note)
app.command("resolve")(handled.resolve)
app.command("silence")(silences.silence)
app.command("silences")(silences.silences)
app.command("end-silence")(silences.end_silence)


@app.command("false-alarm")
def false_alarm(
    number: Number,
    note: Annotated[str, typer.Option(help="Why it was none, for whoever looks later.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take the mark back, with what it did.")] = False,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Say that one was a false alarm: if it is open that ends it. Counted beside the alarm budget.

    The next window that is found bad raises a new one. Who marked it is kept.

    Examples:

      modelmon incidents false-alarm 3 --note "a public holiday"

      modelmon incidents false-alarm 3 --undo
    """
    from modelmon.model_monitoring.false_alarms import mark_false_alarm
    from modelmon.views.encoding import to_json

    found = mark_false_alarm(load_settings(project_dir), number, note, undo=undo)
    if as_json:
        print_json(to_json(found))
        return
    stands = f"{found.state} ({found.reason})" if found.reason else found.state
    said = "is no false alarm any more" if undo else "is marked as a false alarm"
    console.print(f"Incident {number} {said}; it is {stands}.", highlight=False)


@app.command()
def budget(
    endpoint: Annotated[
        list[str] | None, typer.Option(help="Name or id of an endpoint; may be given several times.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="So many days back from the newest data.")] = 30,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Show how many incidents there were beside the alarm budget, and how many people called false.

    Examples:

      modelmon incidents budget

      modelmon incidents budget --endpoint churn --days 90
    """
    from modelmon.views.alarm_counts import last_alarm_counts
    from modelmon.views.encoding import to_json

    settings = load_settings(project_dir)
    with opened_records(settings) as records, records.read() as connection:
        ids = _ids(connection, settings, endpoint) if endpoint else None
        found = last_alarm_counts(connection, settings, ids, wall_clock_us(), days)
    if as_json:
        print_json(to_json(found))
        return
    console.print(f"{found.words[:1].upper()}{found.words[1:]}.", highlight=False, soft_wrap=True)
    rows = [
        (each.endpoint_name, each.application_name, f"{each.raised:,}", f"{each.marked_false:,}",
         "yes" if each.in_budget else "no")
        for each in found.apps
    ]  # fmt: skip
    if rows:
        print_table("By app", ("endpoint", "app", "#raised", "#false", "in the budget"), rows)


def _show(history: IncidentHistory, runbook: str) -> None:
    from modelmon.views.result_evidence import evidence_of
    from modelmon.views.results_in_words import extra_data

    incident = history.incident
    print_incident(incident, incident.endpoint_name, whole=True)
    evidence = evidence_of(extra_data(incident.detail))
    told = {
        "found": "; ".join(evidence.found), "next": evidence.next, "rule": incident.rule, "runbook": runbook,
    }  # fmt: skip
    for name, said in told.items():
        if said:
            console.print(f"    {name}: {said}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"    endpoint {incident.endpoint_id}", style="dim", highlight=False, soft_wrap=True)
    if incident.false_alarm is not None:
        console.print(f"    {_marked(incident.false_alarm)}", highlight=False, markup=False, soft_wrap=True)
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


def _marked(mark: FalseAlarm) -> str:
    note = f": {mark.note}" if mark.note else ""
    return f"marked as a false alarm by {mark.who}, {mark.at:%Y-%m-%d %H:%M} UTC{note}"


def _ids(connection: Connection, settings: Settings, names: Sequence[str]) -> list[str]:
    from modelmon.views.endpoint_facts import Looking
    from modelmon.views.endpoints import find_endpoint

    looking = Looking(wall_clock_us(), settings)
    return [find_endpoint(connection, looking, name).endpoint_id for name in names]


def _known(connection: Connection, settings: Settings, number: int) -> IncidentHistory:
    from modelmon.views.incidents import MOST, history_of
    from modelmon.views.silences import one_handled

    history = history_of(connection, settings, number, MOST)
    if history is None:
        raise ConfigError(f"there is no incident {number}; `modelmon incidents list` shows which there are")
    return replace(history, incident=one_handled(connection, history.incident, wall_clock_us()))
