"""How the project stands, at one look: a page of its endpoints and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modelmon.ledger import dead_letters, registry
from modelmon.model import from_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.views.actuals import EndpointActuals, read_actuals
from modelmon.views.clock import ClockState, read_clock
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import EndpointPage, EndpointQuery, EndpointSummary, list_endpoints
from modelmon.views.incident_lists import ENDED, ended_incidents, open_incidents
from modelmon.views.incidents import MOST, Incident
from modelmon.views.lag import Lagging, PartitionLag, UnknownLag, read_lag
from modelmon.views.last_verdicts import LastVerdict, read_last_verdicts
from modelmon.views.results import Metric, Result, Values, newest_values, values_since


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is besides what is shown. `endpoints`: all of them, `matching` those that the filters
    let through, `by_state` counts them; `after`: what asks for the next page, "" on the last one.
    `values_after`: the same of the results and metrics of the endpoints shown. `incidents_complete`: none of
    their open incidents is left out, and with a time none that ended since."""

    endpoints: int
    matching: int
    by_state: Mapping[str, int]
    after: str
    values_after: str
    incidents_complete: bool


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """What `modelmon status` shows. `applications`: the names of the apps that judge windows;
    `last_verdicts` of those endpoints whose state tells no value."""

    project: str
    now: datetime
    applications: tuple[str, ...]
    totals: Totals
    endpoints: tuple[EndpointSummary, ...]
    last_verdicts: tuple[LastVerdict, ...]
    results: tuple[Result, ...]
    metrics: tuple[Metric, ...]
    incidents: tuple[Incident, ...]
    lag: tuple[PartitionLag, ...]
    unavailable: tuple[UnknownLag, ...]
    dead_letters: int
    clock: ClockState
    actuals: tuple[EndpointActuals, ...] = ()


def project_status(
    database: Database,
    series: SeriesStore,
    streams: Mapping[str, Lagging],
    now_us: int,
    settings: Settings,
    query: EndpointQuery | None = None,
    since_us: int | None = None,
    *,
    values: bool = True,
    values_after: str = "",
) -> ProjectStatus:
    """Read it all; `streams` is consumer group to the stream it reads.

    `results` and `metrics` of the endpoints on the page: of the ten newest windows that each app has judged,
    with `since_us` of the windows that start then or later, page after page (`values_after`); none without
    `values`. `incidents` of them: the open ones, the worst first, and of those that ended the newest, or
    those since.
    """
    looking = Looking(now_us, settings)
    with database.read() as connection:
        page = list_endpoints(connection, looking, query)
        judging = tuple(app.name for app in registry.active_apps(connection))
        incidents, all_incidents = _incidents(connection, settings, page, query, since_us)
        letters = dead_letters.count(connection)
        clock = read_clock(connection, now_us)
        came_true = read_actuals(connection, [each.endpoint_id for each in page.endpoints])
    asked = since_us, query, values_after
    found = _values(database, series, settings, page.endpoints, *asked) if values else Values()
    last = tuple(read_last_verdicts(database, series, settings, page.endpoints).values())
    lag, unknown = read_lag(streams, settings)
    totals = Totals(page.total, page.matching, page.by_state, page.after, found.after, all_incidents)
    return ProjectStatus(
        settings.project, from_us(now_us), judging, totals, page.endpoints, last, found.results,
        found.metrics, incidents, lag, unknown, letters, clock, came_true,
    )  # fmt: skip


def _incidents(
    connection: Connection,
    settings: Settings,
    page: EndpointPage,
    query: EndpointQuery | None,
    since_us: int | None,
) -> tuple[tuple[Incident, ...], bool]:
    """Of the endpoints of the page, and whether those are all."""
    ids = [each.endpoint_id for each in page.endpoints]
    apps = query.apps if query else ()
    still = open_incidents(connection, settings, ids, apps=apps, limit=MOST + 1)
    most = ENDED if since_us is None else MOST
    ended = ended_incidents(connection, settings, ids, apps=apps, since_us=since_us, limit=most + 1)
    complete = len(still) <= MOST and (since_us is None or len(ended) <= most)
    return (*still[:MOST], *ended[:most]), complete


def _values(
    database: Database,
    series: SeriesStore,
    settings: Settings,
    shown: Sequence[EndpointSummary],
    since_us: int | None,
    query: EndpointQuery | None,
    after: str,
) -> Values:
    apps = frozenset(query.apps) if query else frozenset()
    if since_us is None:
        return newest_values(database, series, settings, shown, apps)
    return values_since(database, series, settings, shown, since_us, apps, after)
