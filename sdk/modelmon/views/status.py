"""How the project stands, read from the stores: what `modelmon status --json` shows.

Names and shapes are documented in docs/reference/cli.md and stable: scripts read them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Row, func, select

from modelmon.counting import count
from modelmon.errors import ConfigError, UnavailableError
from modelmon.ledger import dead_letters, registry
from modelmon.ledger.schema import apps, dirty, endpoints, traffic, windows
from modelmon.ledger.window_ledger import project_period
from modelmon.model import WindowKey
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.alert_rows import open_alerts, read_alerts
from modelmon.views.clock import clock
from modelmon.views.overview import summary
from modelmon.views.shown import (
    INCOMPLETE,
    NO_DATA,
    PARTLY,
    WARMING_UP,
    Belief,
    shown_verdicts,
    states_of_rows,
    worst_per_kind,
)
from modelmon.views.upcoming import waits
from modelmon.views.value_rows import newest_values, values_since
from modelmon.views.window_states import count_pending, count_states
from modelmon.windows import DONE, FAILED, MINUTE_US, UNAVAILABLE, State
from modelmon.wire import write_moment

_BY_ROWS = {0: NO_DATA, 1: WARMING_UP}
NEWEST = 10
"""Windows of an endpoint and app whose results are shown when no time is asked for."""
_TRAFFIC_TIMES = ("first_request_us", "last_request_us", "last_error_us")
_TRAFFIC = ("received", "stored", "errors", "rejected", "late", "missing", "repeated")


class Lagging(Protocol):
    """A stream, as far as its lag is asked for."""

    url: str

    def lag(self, group: str) -> Mapping[int, int]:
        """Messages per partition that the group has not committed."""


def status(
    database: Database,
    series: SeriesStore,
    streams: Mapping[str, Lagging],
    now_us: int,
    settings: Settings,
    since_us: int | None = None,
    windows_back: int = NEWEST,
) -> dict[str, Any]:
    """Everything that is shown of a project, as JSON values; `streams` is group to the stream it reads.

    `applications`: the names of the apps that judge windows. `endpoints`, by name. `results` and `metrics`
    of the newest `windows_back` windows of each endpoint and app; with `since_us` those of all windows that
    start then or later, by endpoint, app, time and name.
    `alerts`, the newest window first: the open ones, and of those that ended the newest, or those since.
    `lag` per group and partition, and where it can't be read, `unavailable` with the `stream` and the
    `reason`. How many `dead_letters` there are, and what the `clock` did. Times are written as on the wire.
    """
    with database.read() as connection:
        shown = read_endpoints(connection, now_us, settings)
        judging = [app.name for app in registry.active_apps(connection)]
        names = {entry["endpoint_id"]: entry["endpoint_name"] for entry in shown}
        alerts = read_alerts(connection, names, since_us)
        letters = dead_letters.count(connection)
        told = clock(connection, now_us)
        newest = _newest_done(connection, windows_back) if windows_back and since_us is None else []
    if since_us is None:
        results, metrics = newest_values(database, series, shown, newest)
    else:
        results, metrics = values_since(database, series, shown, since_us)
    return {
        "now": write_moment(now_us),
        "applications": judging,
        "endpoints": shown,
        "results": results,
        "metrics": metrics,
        "alerts": alerts,
        **_lag(streams),
        "dead_letters": letters,
        "clock": told,
    }


def idle(
    database: Database, streams: Mapping[str, Lagging], now_us: int, settings: Settings
) -> tuple[bool, list[str]]:
    """Whether nothing is left to do; and what is: messages to read, minutes to look at, windows to close,
    to be answered, to be sent again.

    Windows that end in the future, or that wait for the completion of a batch job, are not waited for.
    """
    # In the direction of the flow, so that what moves on meanwhile is met further down.
    reasons = [f"{group} has {count(lag, 'message')} to read" for group, lag in _summed(streams) if lag]
    with database.read() as connection:
        minutes = connection.scalar(select(func.count()).select_from(dirty)) or 0
        pending = count_pending(connection, now_us, settings.app_attempts)
    if minutes:
        reasons.append(f"{count(minutes, 'minute')} with new rows to look at")
    reasons += [f"windows {state.value}: {count:,}" for state, count in pending.items()]
    return not reasons, reasons


def _summed(streams: Mapping[str, Lagging]) -> Iterator[tuple[str, int]]:
    for group, stream in streams.items():
        yield group, sum(stream.lag(group).values())


def _lag(streams: Mapping[str, Lagging]) -> dict[str, list[dict[str, Any]]]:
    lags: list[dict[str, Any]] = []
    unavailable = {}
    for group, stream in streams.items():
        name = stream.url.rpartition("/")[2]
        try:
            found = sorted(stream.lag(group).items())
        except (ConfigError, UnavailableError) as error:
            unavailable[name] = {"stream": name, "reason": str(error)}
        else:
            lags += [{"stream": name, "group": group, "partition": part, "lag": lag} for part, lag in found]
    return {"lag": lags, "unavailable": list(unavailable.values())}


# --- endpoints ------------------------------------------------------------------------------------------


def read_endpoints(connection: Connection, now_us: int, settings: Settings) -> list[dict[str, Any]]:
    """Every endpoint that is registered or has traffic, by name, as `status` shows it."""
    counts = _window_counts(connection, settings)
    judged = _Judged(connection, now_us, settings)
    rows = _traffic_rows(connection)
    silent = {row.endpoint_id for row in rows if judged.is_silent(row)}
    verdicts = shown_verdicts(connection, judged.belief, silent)
    found = [
        _endpoint(row, counts[row.endpoint_id], judged, verdicts.get(row.endpoint_id, [])) for row in rows
    ]
    _sum_up(found, open_alerts(connection), waits(connection, now_us, settings, judged.app_names))
    return sorted(found, key=lambda entry: (entry["endpoint_name"], entry["endpoint_id"]))


def _endpoint(
    row: Row[Any], counts: Mapping[str, int], judged: _Judged, verdicts: list[dict[str, Any]]
) -> dict[str, Any]:
    states = judged.states(row)
    return {
        "endpoint_id": row.endpoint_id,
        "endpoint_name": row.name or row.endpoint_id,
        "function_name": row.function_name or "",
        **{name: getattr(row, name) or 0 for name in _TRAFFIC},
        "first_request": _moment(row.first_request_us),
        "last_request": _moment(row.last_request_us),
        "no_data_since": _moment(row.last_request_us or row.created_us) if NO_DATA in states else None,
        "last_error": row.last_error or "",
        "last_error_time": _moment(row.last_error_us),
        "windows": counts,
        "states": sorted(states),
        "status": worst_per_kind(verdicts, bool(states & {NO_DATA, FAILED, UNAVAILABLE})),
        "apps": judged.apps(row.endpoint_id),
        "verdicts": verdicts,
    }


def _sum_up(
    entries: Sequence[dict[str, Any]],
    alerts: Mapping[str, Sequence[dict[str, Any]]],
    waiting: Mapping[str, dict[str, Any]],
) -> None:
    """Add to each endpoint what it waits for, the worst that is known of it, and why."""
    for entry in entries:
        entry["waits"] = waiting.get(entry["endpoint_id"])
        entry |= summary(entry, alerts.get(entry["endpoint_id"], []))


def _traffic_rows(connection: Connection) -> Sequence[Row[Any]]:
    """One row per endpoint that is registered or has traffic."""
    columns = [traffic.c[name] for name in (*_TRAFFIC, *_TRAFFIC_TIMES, "last_error")]
    same = traffic.c.endpoint_id == endpoints.c.endpoint_id
    known = (endpoints.c.name, endpoints.c.function_name, endpoints.c.created_us, *columns)
    registered = select(endpoints.c.endpoint_id, *known).outerjoin(traffic, same)
    others = (
        select(traffic.c.endpoint_id, *known)
        .outerjoin(endpoints, same)
        .where(endpoints.c.endpoint_id.is_(None))
    )
    return [*connection.execute(registered), *connection.execute(others)]


def _window_counts(connection: Connection, settings: Settings) -> defaultdict[str, dict[str, int]]:
    """Per endpoint how many windows are in each state; of those done, besides, how many are `partial`,
    `incomplete`, `warming up` (too few rows) or have `no data`."""
    names = (*(state.value for state in State), PARTLY, INCOMPLETE, WARMING_UP, NO_DATA)
    found: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(names, 0))
    for counted in count_states(connection, settings.app_attempts, settings.app_min_rows):
        counts = found[counted.endpoint_id]
        counts[counted.state.value] += counted.windows
        if counted.state is State.DONE:
            if counted.incomplete:
                enough = counted.rows not in _BY_ROWS
                counts[PARTLY if counted.partial and enough else INCOMPLETE] += counted.windows
            if counted.rows in _BY_ROWS:
                counts[_BY_ROWS[counted.rows]] += counted.windows
    return found


class _Judged:
    """What the registered apps say of the endpoints, read once."""

    def __init__(self, connection: Connection, now_us: int, settings: Settings) -> None:
        self._now_us = now_us
        self._min_rows = settings.app_min_rows
        self._grace_us = round(settings.grace_seconds * 1e6)
        minutes = project_period(connection, settings.base_period)
        self._project_us = minutes * MINUTE_US
        self._periods_us = {
            app.name: (app.base_period or minutes) * MINUTE_US for app in registry.active_apps(connection)
        }
        self._newest: defaultdict[str, list[Row[Any]]] = defaultdict(list)
        for row in _newest_windows(connection):
            if row.application_name in self._periods_us:
                self._newest[row.endpoint_id].append(row)
        self._analyzed = _last_analyzed(connection)

    @property
    def app_names(self) -> frozenset[str]:
        return frozenset(self._periods_us)

    @property
    def belief(self) -> Belief:
        """What decides whether a verdict still holds."""
        newest_us = {
            (row.endpoint_id, row.application_name): row.start_us
            for rows in self._newest.values()
            for row in rows
        }
        return Belief(
            self._now_us, self._grace_us, self._min_rows, self._project_us, self._periods_us, newest_us
        )

    def apps(self, endpoint_id: str) -> list[dict[str, Any]]:
        """How far each app has come, by name."""
        return [
            {
                "application_name": row.application_name,
                "last_analyzed": _moment(self._analyzed.get((endpoint_id, row.application_name))),
                "states": sorted(self._window_states(row)),
                "error": row.error,
            }
            for row in sorted(self._newest[endpoint_id], key=lambda row: row.application_name)
        ]

    def states(self, row: Row[Any]) -> set[str]:
        """What keeps an endpoint's verdicts from being plain ones: the union over its apps."""
        states = {state for each in self._newest[row.endpoint_id] for state in self._window_states(each)}
        return {*states, NO_DATA} if self.is_silent(row) else states

    def is_silent(self, row: Row[Any]) -> bool:
        """Whether an endpoint had no request for longer than a period, the longest of its apps."""
        if row.last_request_us is None:
            return True
        newest = self._newest[row.endpoint_id]
        period_us = max(
            (self._periods_us[each.application_name] for each in newest), default=self._project_us
        )
        return bool(self._now_us - row.last_request_us > period_us)

    def _window_states(self, window: Row[Any]) -> set[str]:
        if window.answered < window.sent or window.outcome not in (DONE, UNAVAILABLE):
            return {FAILED}
        if window.outcome == UNAVAILABLE:
            return {UNAVAILABLE}
        return states_of_rows(window.rows, window.incomplete, self._min_rows)


def _newest_windows(connection: Connection) -> Sequence[Row[Any]]:
    """Per endpoint and app the newest window that came to an end: done, or failed for good."""
    ended = (windows.c.sent > 0, (windows.c.answered >= windows.c.sent) | windows.c.check_us.is_(None))
    newest = (
        select(
            windows.c.endpoint_id, windows.c.application_name, func.max(windows.c.start_us).label("start_us")
        )
        .where(*ended)
        .group_by(windows.c.endpoint_id, windows.c.application_name)
        .subquery()
    )
    same = (
        (newest.c.endpoint_id == windows.c.endpoint_id)
        & (newest.c.application_name == windows.c.application_name)
        & (newest.c.start_us == windows.c.start_us)
    )
    return connection.execute(select(windows).join(newest, same)).all()


def _last_analyzed(connection: Connection) -> dict[tuple[str, str], int]:
    """(endpoint, app) to the end of the newest window that was done."""
    key = (windows.c.endpoint_id, windows.c.application_name)
    query = select(*key, func.max(windows.c.end_us)).where(windows.c.outcome == DONE).group_by(*key)
    return {(endpoint_id, name): end_us for endpoint_id, name, end_us in connection.execute(query)}


def _newest_done(connection: Connection, windows_back: int) -> list[WindowKey]:
    """(endpoint, app, start) of the newest windows that each registered app has judged."""
    key = (windows.c.endpoint_id, windows.c.application_name)
    gone = select(apps.c.name).where(apps.c.active.is_(False))
    rank = func.row_number().over(partition_by=key, order_by=windows.c.start_us.desc()).label("rank")
    ranked = (
        select(*key, windows.c.start_us, rank)
        .where(windows.c.outcome == "done", windows.c.application_name.not_in(gone))
        .subquery()
    )
    query = select(ranked).where(ranked.c.rank <= windows_back)
    return [WindowKey(*row[:3]) for row in connection.execute(query)]


def _moment(microseconds: int | None) -> str | None:
    return None if microseconds is None else write_moment(microseconds)
