"""`modelmon status`: how the project stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.markup import escape

from modelmon.cli.functions import deployed_functions
from modelmon.cli.output import AsJson, ProjectDir, console, load_settings, print_json, print_table

if TYPE_CHECKING:
    from modelmon.settings import Settings
    from modelmon.streams import Stream

COUNTS = ("received", "stored", "errors", "rejected", "late")
STATUSES = {
    -1: "irrelevant",
    0: "no detection",
    1: "[yellow]potential detection[/yellow]",
    2: "[red]detected[/red]",
}


def status(
    since: Annotated[
        datetime | None, typer.Option(help="Only results of windows that start at this UTC time or later.")
    ] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Show endpoints with counts, windows, last results, open alerts; lag; functions.

    Works whether the project is up or not.

    Examples:

      modelmon status

      modelmon status --json | jq '.results[] | select(.result_status == 2)'
    """
    settings = load_settings(project_dir)
    found = read_status(settings, since.replace(tzinfo=UTC) if since else None)
    if as_json:
        print_json(found)
    else:
        _show(settings, found)


def read_status(settings: Settings, since: datetime | None = None) -> dict[str, Any]:
    """What `status --json` prints."""
    from modelmon.model import to_us
    from modelmon.stores import status as reading
    from modelmon.stores.records import open_records
    from modelmon.stores.series import open_series

    functions = deployed_functions(settings)
    with ExitStack() as stack:
        records, series = open_records(settings), open_series(settings)
        stack.callback(records.close)
        stack.callback(series.close)
        streams, unopened = stack.enter_context(_streams(settings))
        now_us = time.time_ns() // 1000
        found = reading.status(records, series, streams, now_us, settings, to_us(since) if since else 0)
    found["unavailable"] += [{"stream": name, "reason": reason} for name, reason in unopened.items()]
    return {"project": settings.project, **found, "functions": functions}


@contextmanager
def _streams(settings: Settings) -> Iterator[tuple[dict[str, Stream], dict[str, str]]]:
    """Consumer group to the stream it reads, of every function that is deployed; and the streams that
    can't be opened, with the reason."""
    from modelmon.errors import ConfigError, UnavailableError
    from modelmon.local.topics import open_topic

    looking = replace(settings, kafka_missing_topic="refuse")
    streams: dict[str, Stream] = {}
    unopened: dict[str, str] = {}
    down: dict[str, str] = {}  # where streams live, and who did not answer: each would take its time
    with ExitStack() as stack:
        for group, topic in _topics(settings):
            place, _, name = settings.stream_url(topic).rpartition("/")
            try:
                if place in down:
                    raise UnavailableError(f"not asked, because {down[place]} did not answer")
                streams[group] = open_topic(looking, topic)
                stack.callback(streams[group].close)
            except ConfigError as error:
                unopened[name] = str(error)
            except UnavailableError as error:
                unopened[name] = str(error)
                down.setdefault(place, name)
        yield streams, unopened


def _topics(settings: Settings) -> Iterator[tuple[str, str]]:
    """(consumer group, topic) of every stream trigger that is deployed."""
    from modelmon.errors import ConfigError
    from modelmon.local.deployment import deployed
    from modelmon.local.folders import functions_folder
    from modelmon.local.function_yaml import read_function
    from modelmon.local.triggers import StreamTrigger

    for folder in deployed(functions_folder(Path(settings.project_dir))).values():
        try:
            triggers = read_function(folder, settings).triggers
        except ConfigError:
            continue  # `functions` says so
        for trigger in triggers:
            if isinstance(trigger, StreamTrigger):
                yield trigger.group, trigger.topics[0]


def _show(settings: Settings, found: dict[str, Any]) -> None:
    print_table(
        f"Project {settings.project}",
        ["endpoint", *(f"#{name}" for name in COUNTS), "last request", "windows"],
        map(_endpoint, found["endpoints"]),
    )
    columns = ["endpoint", "result, app", "#value", "status", "window from"]
    print_table("Last results", columns, _results(found["results"]))
    alerts = _alerts(found["alerts"])
    if alerts:
        columns = ["endpoint", "app", "alert", "#windows", "last window", "what"]
        print_table("Open alerts", columns, alerts)
    print_table("Lag", ["stream", "group", "#messages"], _lags(found["lag"]))
    for stream in found["unavailable"]:
        console.print(
            f"Lag of {escape(stream['stream'])} is not known: {escape(stream['reason'])}", highlight=False
        )
    idle = [function["name"] for function in found["functions"] if not function["workers"]]
    if idle:
        console.print(f"Not running: {', '.join(idle)}. `modelmon up` runs them.", highlight=False)
    if found["dead_letters"]:
        console.print(f"Dead letters: {found['dead_letters']:,}; `modelmon deadletters list` shows them.")


def _endpoint(endpoint: dict[str, Any]) -> tuple[str, ...]:
    windows = [f"{count:,} {state}" for state, count in endpoint["windows"].items() if count]
    return (
        escape(endpoint["endpoint_name"]),
        *(f"{endpoint[name]:,}" for name in COUNTS),
        _minute(endpoint["last_request"]),
        "\n".join(windows),
    )


def _lags(lags: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    summed: dict[tuple[str, str], int] = {}
    for each in lags:
        place = each["stream"], each["group"]
        summed[place] = summed.get(place, 0) + each["lag"]
    return [(*place, f"{messages:,}") for place, messages in summed.items()]


def _results(results: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The newest of each endpoint, app and result; `results` come by time."""
    last = {(each["endpoint_name"], each["application_name"], each["result_name"]): each for each in results}
    return [
        (
            escape(endpoint),
            escape(f"{result}\n{app}"),
            f"{each['result_value']:.3f}",
            _status(each),
            _minute(each["start_infer_time"]),
        )
        for (endpoint, app, result), each in sorted(last.items())
    ]


def _status(result: dict[str, Any]) -> str:
    """ "irrelevant" says little: with the state that the app gave as its reason."""
    state = _extra(result["result_extra_data"]).get("state") if result["result_status"] == -1 else None
    shown = STATUSES.get(result["result_status"], "")
    return f"{shown}:\n{escape(str(state))}" if state else shown


def _alerts(alerts: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """One line for each finding that is open, with the newest window's; `alerts` come newest first."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for each in alerts:
        if each["resolved"] is None:
            names = each["endpoint_name"], each["application_name"], each["kind"], each["result_name"]
            found.setdefault(names, []).append(each)
    return [
        (*map(escape, names[:3]), f"{len(each):,}", *_newest(max(each, key=itemgetter("start_infer_time"))))
        for names, each in sorted(found.items())
    ]


def _newest(alert: dict[str, Any]) -> tuple[str, str]:
    feature = _extra(alert["detail"]).get("feature")
    what = f"{alert['result_name']} {alert['result_value']:.3f}" if alert["result_name"] else alert["detail"]
    return _minute(alert["start_infer_time"]), escape(f"{what} ({feature})" if feature else what)


def _extra(text: str) -> dict[str, Any]:
    """Extra data of a result; an app failure's text has none."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _minute(moment: str | None) -> str:
    """ "2013-04-11 00:00" of a time as on the wire."""
    return moment[:16] if moment else ""
