"""Asking an app for windows again: past ones of a new app, failed ones after a fix."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modelmon.errors import ConfigError, no_such
from modelmon.ledger import endpoints, registry
from modelmon.ledger.registry import RegisteredApp
from modelmon.ledger.requirements import ACTUALS_OR_SCORES, requiring
from modelmon.ledger.window_ledger import Watched, watched
from modelmon.model import Endpoint, from_us, wall_clock_us
from modelmon.model_monitoring.locating import opened
from modelmon.model_monitoring.written_times import Time, moment_us
from modelmon.settings import Settings
from modelmon.stores.series import open_series
from modelmon.upkeep import asking
from modelmon.upkeep.asking import Found
from modelmon.windows import Span

MOST_WINDOWS = 10_000
"""Windows of one call: live ones of the app wait until these are judged."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an app was asked to judge: so many windows of so many endpoints, `new` of them for the first time,
    from the start of the `first` to the end of the `last` one (None: there are none).

    `without_rows` windows were judged once and can't be again: their rows are kept no longer.
    """

    application_name: str
    windows: int
    new: int
    endpoints: int
    without_rows: int
    first: datetime | None = None
    last: datetime | None = None


def judge_windows(
    settings: Settings,
    application_name: str,
    start: Time,
    end: Time = None,
    names: Sequence[str] | None = None,
) -> Asked:
    """Ask an app for every window with rows that reaches into [start, end), of all endpoints that it judges
    or of those of these names or ids. `end` is now unless it is given.

    The controller sends them with its next ticks; their answers replace older ones. Raises ConfigError for
    an app, endpoint or time that can't be and for more than MOST_WINDOWS windows, before anything is asked.
    """
    now = wall_clock_us()
    span = _span(start, end, now)
    with opened(settings) as database, closing(open_series(settings)) as series:
        with database.read() as connection:
            app = _app(connection, application_name)
            chosen = _chosen(connection, app.name, names)
        grid = asking.grid_of(database, app, settings.base_period)
        found: list[Found] = []
        left = MOST_WINDOWS
        for each in chosen:
            found.append(asking.find_windows(database, series, app.name, grid, each, span, left))
            left -= len(found[-1].kept)
            if left < 0:
                raise ConfigError(
                    f"more than {MOST_WINDOWS:,} windows lie between {start} and {end or 'now'}: "
                    "ask for a shorter time, or for fewer endpoints"
                )
        new = asking.ask(database, app.name, found, now, round(settings.grace_seconds * 1e6))
    return _asked(app.name, found, new)


def _asked(application_name: str, found: Sequence[Found], new: int) -> Asked:
    spans = [span for each in found for span in each.kept]
    return Asked(
        application_name,
        len(spans),
        new,
        sum(bool(each.kept) for each in found),
        sum(each.gone for each in found),
        from_us(min(span.start_us for span in spans)) if spans else None,
        from_us(max(span.end_us for span in spans)) if spans else None,
    )


def ask_for_open_windows(settings: Settings, application_name: str) -> bool:
    """Ask an app that has just been registered for the windows that are not due yet and have rows already:
    nothing new may come to bring them to it. Returns whether there are rows that it could be asked for."""
    now, grace_us = wall_clock_us(), round(settings.grace_seconds * 1e6)
    span = Span(max(0, now - grace_us), now + 1)
    with opened(settings) as database, closing(open_series(settings)) as series:
        with database.read() as connection:
            app = _app(connection, application_name)
            asleep = requiring(connection, ACTUALS_OR_SCORES)
            chosen = [
                each for each in _chosen(connection, app.name, None) if each.judged_by(app.name, asleep)
            ]
            past = bool(chosen) and asking.has_rows(connection)
        if past:
            grid = asking.grid_of(database, app, settings.base_period)
            found = [
                asking.find_windows(database, series, app.name, grid, each, span, MOST_WINDOWS)
                for each in chosen
            ]
            asking.ask(database, app.name, found, now, grace_us, only_new=True)
    return past


def _span(start: Time, end: Time, now: int) -> Span:
    if start is None:
        raise ConfigError("start: missing; say from when on windows are to be judged")
    span = Span(moment_us(start, "start", 0), moment_us(end, "end", now))
    if span.start_us >= span.end_us:
        raise ConfigError(f"the end must come after the start {start}, got {end or 'now'}")
    return span


def _app(connection: Connection, name: str) -> RegisteredApp:
    apps = {app.name: app for app in registry.active_apps(connection)}
    if name not in apps:
        said = f"no app {name!r} judges windows in this project"
        raise no_such(said, name, apps) if apps else ConfigError(f"{said}; there are: none; deploy one first")
    return apps[name]


def _chosen(connection: Connection, application_name: str, names: Sequence[str] | None) -> list[Watched]:
    """The endpoints that are meant and that the app judges."""
    known = endpoints.find(connection)
    if names is not None:
        known = [endpoint for name in names for endpoint in _called(known, name)]
    ids = list(dict.fromkeys(endpoint.endpoint_id for endpoint in known))
    judged = {
        each.endpoint_id: each
        for each in watched(connection, ids).values()
        if each.judged_by(application_name)
    }
    if names is not None and len(judged) < len(ids):
        other = next(endpoint for endpoint in known if endpoint.endpoint_id not in judged)
        raise ConfigError(f"endpoint {other.name!r} is not judged by app {application_name!r}")
    return [judged[endpoint_id] for endpoint_id in ids if endpoint_id in judged]


def _called(known: Sequence[Endpoint], name: str) -> list[Endpoint]:
    found = [endpoint for endpoint in known if name in (endpoint.endpoint_id, endpoint.name)]
    if not found:
        said = f"no endpoint {name!r} in this project"
        raise no_such(said, name, (endpoint.name for endpoint in known))
    return found
