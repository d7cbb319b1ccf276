"""How endpoints and incidents look in a terminal: one line an endpoint, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.markup import escape
from rich.text import Text

from modelmon.cli import output
from modelmon.counting import count
from modelmon.views.told_apart import told_apart

if TYPE_CHECKING:
    from modelmon.views.actuals import EndpointActuals
    from modelmon.views.endpoints import EndpointSummary
    from modelmon.views.incidents import Acknowledged, Incident
    from modelmon.views.last_verdicts import LastVerdict
    from modelmon.views.next_window import NextWindow
    from modelmon.views.project_status import ProjectStatus

COLOURS = {
    "detected": "red", "failed": "red", "suspected": "yellow", "unavailable": "magenta", "no data": "magenta",
    "being deleted": "magenta",
    "no detection": "green",
}  # fmt: skip
"""By state; every other one is dim: nothing is known yet. All of them are read on light and on dark."""
LEAST, WIDE, GAP = 20, 100, "  "
"""Cells that the reason has at least; from how many on rows are shown too; between the columns."""
UNDECIDED = ("waiting", "incomplete", "warming up", "no verdict", "no data")
STATE = {0: "no detection", 1: "suspected", 2: "detected"}
OPEN, ENDED, FEW = 10, 3, 3
MOST = 120
"""Characters of a reason in a list, an app's error for example; the page of the one thing has the whole."""


def print_project(found: ProjectStatus) -> None:
    """The head line and the endpoints."""
    totals = found.totals
    counts = ", ".join(f"{many:,} {_coloured(state)}" for state, many in totals.by_state.items())
    some = "" if totals.matching == totals.endpoints else f" of {totals.endpoints:,}"
    endpoints = "endpoint" if totals.matching == 1 and not some else "endpoints"
    output.console.print(
        f"[bold]{escape(found.project)}[/bold] at {found.now:%Y-%m-%d %H:%M:%S} UTC: "
        f"{totals.matching:,}{some} {endpoints}{': ' if counts else ''}{counts}",
        highlight=False,
    )
    if found.endpoints:
        output.console.print()
        _print_endpoints(found.endpoints, found.now)
    if totals.after:
        output.console.print(
            f"{len(found.endpoints):,} of {totals.matching:,} are shown. The next: "
            f"`modelmon status --after {totals.after}`; more at once: --limit.",
            style="dim", highlight=False, soft_wrap=True,
        )  # fmt: skip


def print_incidents(
    found: Sequence[Incident], shown: Sequence[EndpointSummary], *, complete: bool = True
) -> None:
    """The open incidents of these endpoints (`complete`: all of them), and the newest that ended."""
    names = told_apart(shown)
    for title, chosen, most in (
        ("Open incidents", [each for each in found if each.resolved is None], OPEN),
        ("Incidents that ended", [each for each in found if each.resolved is not None], ENDED),
    ):
        if chosen:
            output.console.print(f"\n[bold]{title}[/bold]", highlight=False)
        for incident in chosen[:most]:
            print_incident(incident, names[incident.endpoint_id])
        if len(chosen) > most:
            least = "" if complete or chosen[0].resolved else "at least "
            output.console.print(
                f"  and {least}{len(chosen) - most:,} more: `modelmon incidents list`", style="dim"
            )


def print_last(found: Sequence[LastVerdict], shown: Sequence[EndpointSummary]) -> None:
    """What was said last of endpoints of which nothing is known now."""
    names = told_apart(shown)
    if found:
        output.console.print("\n[bold]Last verdicts[/bold]", highlight=False)
    for each in found[:OPEN]:
        since = f" since {each.since:%Y-%m-%d %H:%M}" if each.since else ""
        output.console.print(
            f"  {escape(names[each.endpoint_id])}: {_coloured(STATE[each.last.status])}{since}, "
            f"{escape(each.last.words)}, window from {each.last.start:%Y-%m-%d %H:%M} UTC",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
        if each.was_worse:
            output.console.print(
                f"    highest: {_coloured(STATE[each.highest.status])}, {escape(each.highest.words)}, "
                f"window from {each.highest.start:%Y-%m-%d %H:%M} UTC",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
    if len(found) > OPEN:
        output.console.print(f"  and of {len(found) - OPEN:,} more: `modelmon status --json`", style="dim")


def print_waiting(shown: Sequence[EndpointSummary], now: datetime) -> None:
    """Until when windows wait, and why, of endpoints that have no verdict yet."""
    waiting = [(each.endpoint_id, each.waits) for each in shown if each.waits and each.state in UNDECIDED]
    if waiting:
        output.console.print()
    names = told_apart(shown)
    for endpoint_id, waits in waiting[:FEW]:
        output.console.print(f"{escape(names[endpoint_id])} {_waits(waits, now)}", highlight=False)
    _print_more(len(waiting), "waits for a verdict", "wait for a verdict", style="dim")


def print_lost(shown: Sequence[EndpointSummary]) -> None:
    """Rows that were not stored, where there are any."""
    said = told_apart(shown)
    losing = [each for each in shown if each.errors or each.rejected or each.missing]
    for each in losing[:FEW]:
        lost = [count(each.errors, "error")] if each.errors else []
        lost += [f"{many:,} {what}" for what, many in _not_stored(each) if many]
        output.console.print(
            f"Not stored of {escape(said[each.endpoint_id])}: {', '.join(lost)}; received {each.received:,}.",
            highlight=False,
        )
    _print_more(len(losing), "has rows that were not stored", "have rows that were not stored")


def print_actuals(found: Sequence[EndpointActuals], shown: Sequence[EndpointSummary]) -> None:
    """Actuals that stand beside no prediction, where there are any."""
    said = told_apart(shown)
    apart = [each for each in found if each.waiting or each.expired]
    for each in apart[:FEW]:
        parts = [f"{each.waiting:,} wait for their prediction"] if each.waiting else []
        parts += [f"{each.expired:,} had waited too long or were erased"] if each.expired else []
        output.console.print(
            f"Actuals of {escape(said[each.endpoint_id])}: {', '.join(parts)}; received {each.received:,}.",
            highlight=False,
        )
    _print_more(len(apart), "has actuals without a prediction", "have actuals without a prediction")


def _print_more(many: int, one: str, several: str, style: str = "") -> None:
    """What is so of the endpoints beyond the FEW that are told."""
    if many > FEW:
        said = one if many - FEW == 1 else several
        output.console.print(f"{count(many - FEW, 'more endpoint')} {said}.", style=style)


def _not_stored(endpoint: EndpointSummary) -> tuple[tuple[str, int], ...]:
    return ("rejected", endpoint.rejected), ("missing", endpoint.missing)


def _print_endpoints(shown: Sequence[EndpointSummary], now: datetime) -> None:
    terminal, names = output.console.is_terminal, told_apart(shown)
    columns = {
        "endpoint": [names[each.endpoint_id] for each in shown],
        "state": [each.state for each in shown],
        "why": [cut(each.why) for each in shown],
        "rows": [f"{each.received:,}" for each in shown],
        "last request": [when(_last_request(each), now) for each in shown],
    }
    if terminal and output.console.width < WIDE:
        del columns["rows"]
    widths = {name: max(map(cell_len, (name, *cells))) for name, cells in columns.items()}
    taken = sum(widths.values()) - widths["why"] + len(GAP) * (len(widths) - 1)
    if terminal:
        widths["why"] = max(LEAST, min(widths["why"], output.console.width - taken))
    _print_line({name: Text(name, "dim") for name in columns}, widths)
    for row in zip(*columns.values(), strict=True):
        cells = dict(zip(columns, map(Text, row), strict=True))
        cells["state"].stylize(COLOURS.get(cells["state"].plain, "dim"))
        _print_line(cells, widths)


def _print_line(cells: Mapping[str, Text], widths: Mapping[str, int]) -> None:
    """One line, however narrow the terminal: names are there to be copied, only the reason is cut."""
    for name, cell in cells.items():
        if name == "why":
            cell.truncate(widths[name], overflow="ellipsis")
        cell.align("right" if name == "rows" else "left", widths[name])
    line = Text(GAP).join(cells.values())
    line.rstrip()
    output.console.print(line, soft_wrap=True)


def print_incident(incident: Incident, name: str, *, whole: bool = False) -> None:
    """What was found, `whole` or as far as a list has room, and below it how it went on."""
    said = incident.words if whole else cut(incident.words)
    colour = "red" if incident.severity == "high" else "yellow"
    output.console.print(
        f"  [{colour}]{incident.kind}[/]: [bold]{escape(name)}[/bold], {escape(said)}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    whose = f"app {incident.application_name}" if incident.application_name else f"rule {incident.rule}"
    output.console.print(
        f"    incident {incident.incident_id}: {_course(incident)}, {escape(whose)}",
        style="dim", highlight=False, soft_wrap=True,
    )  # fmt: skip
    at_it = [] if incident.acknowledged is None else [acknowledged_by(incident.acknowledged)]
    for said in at_it + ([f"silenced {incident.silenced}"] if incident.silenced else []):
        output.console.print(f"    {said}", style="dim", highlight=False, markup=False, soft_wrap=True)


def acknowledged_by(found: Acknowledged) -> str:
    """Who is at it, since when, until when at most, and why."""
    until = "" if found.until is None else f" until {found.until:%Y-%m-%d %H:%M} UTC"
    note = f": {found.note}" if found.note else ""
    return f"acknowledged by {found.who}, {found.at:%Y-%m-%d %H:%M} UTC{until and ','}{until}{note}"


def cut(text: str) -> str:
    """As much of a reason as a list has room for."""
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def _course(incident: Incident) -> str:
    """Its state, in how many windows it was found, and from when to when."""
    marked = "" if incident.false_alarm is None else "false alarm"
    why = ", ".join(filter(None, dict.fromkeys((incident.reason, marked))))
    state = incident.stands + (f" ({why})" if why else "")
    spans = f"{incident.first:%Y-%m-%d %H:%M}"
    if incident.last != incident.first:
        spans += f" to {incident.last:%Y-%m-%d %H:%M}"
    detected = ""
    if incident.first_detected is not None and incident.detected_windows < incident.windows:
        since = f"{incident.first_detected:%Y-%m-%d %H:%M}"
        detected = f", {incident.detected_windows:,} detected from {since} UTC on"
    return f"{state}, {count(incident.windows, 'window')} from {spans} UTC{detected}"


def _waits(waits: NextWindow, now: datetime) -> str:
    from modelmon.views.next_window import clock

    start, end = waits.start_infer_time, waits.end_infer_time
    span = f"{start:%Y-%m-%d %H:%M} to {end:%H:%M}"
    if end.date() != start.date():
        span = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
    until = f"until {clock(waits.until, now)} UTC ({waits.reason})" if waits.until else waits.reason
    said = f"waits: its window {span} UTC {until}."
    if waits.first_full_until:
        said += (
            " The data begin inside that window: the first full one is the next, judged from "
            f"{clock(waits.first_full_until, now)} UTC on, or this one, as partial, "
            f"if it holds {count(waits.min_rows, 'row')} and silence follows."
        )
    return said


def when(moment: datetime | None, now: datetime) -> str:
    """ "20:41 UTC" of a moment of today, else its day."""
    if moment is None:
        return "never"
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment:%Y-%m-%d}"


def _last_request(endpoint: EndpointSummary) -> datetime | None:
    """When the newest request was made, answered or not."""
    made = [moment for moment in (endpoint.last_request, endpoint.last_error_time) if moment]
    return max(made, default=None)


def _coloured(state: str) -> str:
    return f"[{COLOURS.get(state, 'dim')}]{state}[/]"
