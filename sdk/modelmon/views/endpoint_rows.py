"""Endpoints as the page lists them: each with what is wrong in a line, and with how it went lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelmon.model import ValuePoint, from_us
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointPage, EndpointQuery, EndpointSummary, list_endpoints
from modelmon.views.incidents import Alarm, open_alarms
from modelmon.views.last_verdicts import LINE, LastVerdict, last_verdicts, result_of
from modelmon.views.newest_windows import DoneWindow, newest_done, values_of
from modelmon.views.recent_traffic import RecentTraffic, read_recent
from modelmon.views.results_in_words import extra_data, whole_number
from modelmon.views.thresholds import Thresholds, thresholds_of


@dataclass(frozen=True, slots=True)
class Headline:
    """The result that says how an endpoint is: its value and what it was judged by, the feature it is about,
    the rows of its window, and since when it is bad (None while it is not)."""

    application_name: str
    result_name: str
    value: float
    thresholds: Thresholds
    feature: str
    rows: int | None
    since: datetime | None
    incident_id: int | None


@dataclass(frozen=True, slots=True)
class RowPoint:
    """One window of the small pictures: `value` and `status` of the result in the headline, None where the
    window has none, and the window's rows."""

    start: datetime
    value: float | None
    status: int | None
    rows: int


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint in the list. `last`: what was said last of one whose state tells no value. `line`: the
    newest judged windows of the app in the headline (else of that in `last`, else of its first app), the
    oldest first; `recent`: None without traffic in these minutes; `open_incidents` counts."""

    endpoint: EndpointSummary
    headline: Headline | None
    last: LastVerdict | None
    line: tuple[RowPoint, ...]
    recent: RecentTraffic | None
    open_incidents: int


@dataclass(frozen=True, slots=True)
class EndpointRows:
    """A page of the list, in `rows` with more of each; `page` counts them and says where the next is."""

    rows: tuple[EndpointRow, ...]
    page: EndpointPage


def read_endpoint_rows(
    database: Database, series: SeriesStore, looking: Looking, query: EndpointQuery, end: datetime
) -> EndpointRows:
    """A page of endpoints; `recent` traffic is that before `end`.

    Of the endpoints on the page it costs their newest windows and some minutes of traffic, of all others one
    row for each app. Raises ConfigError as `list_endpoints` does.
    """
    with database.read() as connection:
        page = list_endpoints(connection, looking, query)
        ids = [each.endpoint_id for each in page.endpoints]
        alarms = open_alarms(connection, looking.settings, ids)
        newest = newest_done(connection, ids, LINE)
    headlines = {
        each.endpoint_id: _headline(each, alarms.get(each.endpoint_id, ())) for each in page.endpoints
    }
    silent = [each for each in page.endpoints if each.value is None and each.verdicts]
    names = {each.result_name for each in (*headlines.values(), *map(result_of, silent)) if each}
    points = values_of(series, newest, names) if names else []
    last = last_verdicts(looking.settings, silent, points)
    told: dict[str, Headline | LastVerdict] = {**last, **{i: each for i, each in headlines.items() if each}}
    lines = _lines(page.endpoints, told, newest, points)
    recent = read_recent(database, series, ids, end)
    rows = [
        EndpointRow(
            each, headlines[each.endpoint_id], last.get(each.endpoint_id), lines.get(each.endpoint_id, ()),
            recent.get(each.endpoint_id), len(alarms.get(each.endpoint_id, ())),
        )
        for each in page.endpoints
    ]  # fmt: skip
    return EndpointRows(tuple(rows), page)


def _headline(endpoint: EndpointSummary, alarms: Sequence[Alarm]) -> Headline | None:
    """What `why` tells of: the newest verdict, or the incident whose worst window was before it."""
    if endpoint.value is None or not endpoint.result_name:
        return None
    place = endpoint.application_name, endpoint.result_name
    alarm = next((each for each in alarms if (each.application_name, each.result_name) == place), None)
    said = next(
        (each for each in endpoint.verdicts if (each.application_name, each.result_name) == place), None
    )
    is_newest = said is not None and said.result_value == endpoint.value
    text = said.result_extra_data if said and is_newest else alarm.detail if alarm else ""
    detail = extra_data(text)
    bad_since = from_us(alarm.first_us) if alarm else said.start_infer_time if said else None
    return Headline(
        *place, endpoint.value, thresholds_of(text),
        str(detail.get("feature") or ""), whole_number(detail.get("rows")),
        bad_since if alarm or (said and said.result_status > 0) else None,
        alarm.incident_id if alarm else None,
    )  # fmt: skip


def _lines(
    shown: Sequence[EndpointSummary],
    told: Mapping[str, Headline | LastVerdict],
    newest: Sequence[DoneWindow],
    found: Sequence[ValuePoint],
) -> dict[str, tuple[RowPoint, ...]]:
    of_app = {each.endpoint_id: _app(each, told.get(each.endpoint_id)) for each in shown}
    windows = sorted(each for each in newest if of_app[each.key.endpoint_id] == each.key.application_name)
    points = {(each.key, each.name): each for each in found}
    lines: dict[str, list[RowPoint]] = {}
    for window in windows:
        of = told.get(window.key.endpoint_id)
        point = points.get((window.key, of.result_name)) if of else None
        value, status = (point.value, point.status) if point else (None, None)
        row = RowPoint(from_us(window.key.start_us), value, status, window.rows)
        lines.setdefault(window.key.endpoint_id, []).append(row)
    return {endpoint_id: tuple(line) for endpoint_id, line in lines.items()}


def _app(endpoint: EndpointSummary, of: Headline | LastVerdict | None) -> str:
    if of:
        return of.application_name
    return endpoint.apps[0].application_name if endpoint.apps else ""
