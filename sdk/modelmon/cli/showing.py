"""How endpoints and alerts look in a terminal: one line an endpoint, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.markup import escape
from rich.text import Text

from modelmon.cli import output
from modelmon.counting import count

COLOURS = {
    "detected": "red", "failed": "red", "suspected": "yellow", "unavailable": "magenta", "no data": "magenta",
    "no detection": "green",
}  # fmt: skip
"""By state; every other one is dim: nothing is known yet. All of them are read on light and on dark."""
LEAST, WIDE, GAP = 20, 100, "  "
"""Cells that the reason has at least; from how many on rows are shown too; between the columns."""
UNDECIDED = ("waiting", "incomplete", "warming up", "no verdict", "no data")
OPEN, ENDED, FEW = 10, 3, 3
Entry = Mapping[str, Any]


def print_project(project: str, now: str, shown: Sequence[Entry], all_of_them: int) -> None:
    """The head line and the endpoints."""
    from modelmon.views.overview import WORST_FIRST, by_trouble

    states = Counter(entry["state"] for entry in shown)
    counts = ", ".join(f"{states[state]:,} {_coloured(state)}" for state in WORST_FIRST if states[state])
    some = "" if len(shown) == all_of_them else f" of {all_of_them:,}"
    endpoints = "endpoint" if len(shown) == 1 and not some else "endpoints"
    output.console.print(
        f"[bold]{escape(project)}[/bold] at {_second(now)} UTC: {len(shown):,}{some} {endpoints}"
        f"{': ' if counts else ''}{counts}",
        highlight=False,
    )
    if shown:
        output.console.print()
        _print_endpoints(sorted(shown, key=by_trouble), now)


def print_findings(alerts: Iterable[Entry], shown: Sequence[Entry]) -> None:
    """The open alerts of these endpoints, and the newest that ended: one for each result, however many
    windows it lasted."""
    from modelmon.views.overview import findings

    found, names = findings(alerts), told_apart(shown)
    for title, chosen, most in (
        ("Open alerts", [each for each in found if each["resolved"] is None], OPEN),
        ("Alerts that ended", [each for each in found if each["resolved"] is not None], ENDED),
    ):
        if chosen:
            output.console.print(f"\n[bold]{title}[/bold]", highlight=False)
        for finding in chosen[:most]:
            _print_finding(finding, names[finding["endpoint_id"]])
        if len(chosen) > most:
            output.console.print(f"  and {len(chosen) - most:,} more: `modelmon status --json`", style="dim")


def print_waiting(shown: Sequence[Entry], now: str) -> None:
    """Until when windows wait, and why, of endpoints that have no verdict yet."""
    waiting = [entry for entry in shown if entry["waits"] and entry["state"] in UNDECIDED]
    if waiting:
        output.console.print()
    names = told_apart(shown)
    for entry in waiting[:FEW]:
        output.console.print(
            f"{escape(names[entry['endpoint_id']])} {_waits(entry['waits'], now)}", highlight=False
        )
    if len(waiting) > FEW:
        more = count(len(waiting) - FEW, "more endpoint")
        waits = "waits" if len(waiting) - FEW == 1 else "wait"
        output.console.print(f"{more} {waits} for a verdict.", style="dim")


def print_lost(shown: Sequence[Entry]) -> None:
    """Rows that were not stored, where there are any."""
    names = ("errors", "rejected", "missing")
    said = told_apart(shown)
    losing = [entry for entry in shown if any(entry[name] for name in names)]
    for entry in losing[:FEW]:
        lost = ", ".join(
            count(entry[name], "error") if name == "errors" else f"{entry[name]:,} {name}"
            for name in names
            if entry[name]
        )
        output.console.print(
            f"Not stored of {escape(said[entry['endpoint_id']])}: {lost}; received {entry['received']:,}.",
            highlight=False,
        )
    if len(losing) > FEW:
        more = count(len(losing) - FEW, "more endpoint")
        has = "has" if len(losing) - FEW == 1 else "have"
        output.console.print(f"{more} {has} rows that were not stored.")


def told_apart(shown: Iterable[Entry]) -> dict[str, str]:
    """Endpoint id to its name; several of one name are told apart by their functions, or else their ids.

    >>> told_apart([{"endpoint_id": id_, "endpoint_name": "m", "function_name": id_[0]} for id_ in "ab"])
    {'a': 'm (a)', 'b': 'm (b)'}
    """
    shown = list(shown)
    names = Counter(entry["endpoint_name"] for entry in shown)
    places = Counter((entry["endpoint_name"], entry["function_name"]) for entry in shown)
    said = {}
    for entry in shown:
        name, function = entry["endpoint_name"], entry["function_name"]
        alone = function and places[name, function] == 1
        which = f" ({function if alone else entry['endpoint_id']})"
        said[entry["endpoint_id"]] = name + which * (names[name] > 1)
    return said


def _print_endpoints(shown: Sequence[Entry], now: str) -> None:
    terminal, names = output.console.is_terminal, told_apart(shown)
    columns = {
        "endpoint": [names[entry["endpoint_id"]] for entry in shown],
        "state": [entry["state"] for entry in shown],
        "why": [entry["why"] for entry in shown],
        "rows": [f"{entry['received']:,}" for entry in shown],
        "last request": [when(_last_request(entry), now) for entry in shown],
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


def _print_finding(finding: Entry, name: str) -> None:
    from modelmon.views.overview import minute, words

    colour = "red" if finding["severity"] == "high" else "yellow"
    output.console.print(
        f"  [{colour}]{finding['kind']}[/]: [bold]{escape(name)}[/bold], "
        f"{escape(words(finding))}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    windows = count(finding["windows"], "window")
    spans = minute(finding["first"])
    if finding["last"] != finding["first"]:
        spans += f" to {minute(finding['last'])}"
    milder = f", {finding['milder']:,} more suspected" if finding["milder"] else ""
    output.console.print(
        f"    {windows} from {spans} UTC{milder}, app {escape(finding['application_name'])}",
        style="dim", highlight=False, soft_wrap=True,
    )  # fmt: skip


def _waits(waits: Entry, now: str) -> str:
    from modelmon.views.overview import minute
    from modelmon.views.upcoming import clock

    start, end = waits["start_infer_time"], waits["end_infer_time"]
    span = f"{minute(start)} to {minute(end) if end[:10] != start[:10] else end[11:16]}"
    until = (
        f"until {clock(waits['until'], now)} UTC ({waits['reason']})" if waits["until"] else waits["reason"]
    )
    said = f"waits: its window {span} UTC {until}."
    if waits["first_full_until"]:
        said += (
            " The data begin inside that window: the first full one is the next, judged from "
            f"{clock(waits['first_full_until'], now)} UTC on, or this one, as partial, "
            f"if it holds {waits['min_rows']:,} rows and silence follows."
        )
    return said


def when(moment: str | None, now: str) -> str:
    """ "20:41 UTC" of a moment of today, else its day."""
    if not moment:
        return "never"
    return f"{moment[11:16]} UTC" if moment[:10] == now[:10] else moment[:10]


def _last_request(entry: Entry) -> str | None:
    """When the newest request was made, answered or not."""
    made = [moment for moment in (entry["last_request"], entry["last_error_time"]) if moment]
    return max(made, default=None)


def _coloured(state: str) -> str:
    return f"[{COLOURS.get(state, 'dim')}]{state}[/]"


def _second(moment: str) -> str:
    return moment[:19]
