"""What is known of endpoints, read in five queries however many there are and however long their history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, select

from modelmon.ledger import registry
from modelmon.ledger.budget_settings import BudgetSettings
from modelmon.ledger.quiet_apps import quiet_apps
from modelmon.ledger.schema import endpoint_apps, endpoints, traffic, windows
from modelmon.ledger.window_ledger import project_period
from modelmon.model import MINUTE_US, from_us
from modelmon.private_columns import private_patterns, shown_error, shown_extra
from modelmon.settings import Settings
from modelmon.views.incidents import Alarm, open_alarms
from modelmon.views.next_window import NextWindow
from modelmon.views.selection import of_endpoints
from modelmon.views.verdicts import (
    NO_DATA,
    AnyVerdict,
    Belief,
    Verdict,
    VerdictSketch,
    read_verdicts,
    sketch_verdicts,
    states_of_rows,
)
from modelmon.windows import FAILED, UNAVAILABLE

COUNTS = ("received", "stored", "errors", "rejected", "late", "missing", "repeated")
_RECORD = ("name", "function_name", "model_uri", "created_us", "mode", "labels", "deleting_us")
_TIMES = ("first_request_us", "last_request_us", "last_error_us", "last_error")


class Counts(NamedTuple):
    """Rows of an endpoint: received = stored + errors + rejected."""

    received: int = 0
    stored: int = 0
    errors: int = 0
    rejected: int = 0
    late: int = 0
    missing: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class AppStanding:
    """How far an app has come with an endpoint, and what became of the newest window that ended."""

    application_name: str
    last_analyzed: datetime | None
    states: tuple[str, ...]
    error: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one endpoint. `states`: what keeps its verdicts from being plain ones; `labels` is
    JSON; `deleting_us` since when it is being forgotten. `quiet`: apps whose verdicts raise no incidents."""

    endpoint_id: str
    endpoint_name: str
    function_name: str
    model_uri: str
    created_us: int | None
    counts: Counts
    first_request_us: int | None
    last_request_us: int | None
    last_error: str
    last_error_us: int | None
    states: frozenset[str]
    apps: Sequence[AppStanding]
    verdicts: Sequence[AnyVerdict]
    alarms: Sequence[Alarm]
    waits: NextWindow | None = None
    mode: str = ""
    labels: str = "{}"
    deleting_us: int | None = None
    quiet: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Looking:
    """Who looks: when, under which settings, at which apps (None: every one that is registered), and at
    results of which kinds (None: all)."""

    now_us: int
    settings: Settings
    app_names: Collection[str] | None = None
    kinds: Collection[int] | None = None

    def sees(self, found: Verdict | VerdictSketch | Alarm) -> bool:
        """Whether this is of the apps and kinds that are looked at."""
        return (self.app_names is None or found.application_name in self.app_names) and (
            self.kinds is None or found.result_kind in self.kinds
        )


def read_facts(
    connection: Connection, looking: Looking, endpoint_ids: Collection[str] | None, *, whole: bool
) -> list[Facts]:
    """What is known of these endpoints, of None all of them, in no order.

    Without `whole` as much as it takes to say in which state each is: no words of apps, no single verdicts.
    """
    rows = _traffic_rows(connection, endpoint_ids)
    apps = _Apps(connection, looking, endpoint_ids)
    silent = {row.endpoint_id for row in rows if apps.is_silent(row)}
    if whole:
        ids = endpoint_ids if endpoint_ids is not None else [row.endpoint_id for row in rows]
        verdicts = read_verdicts(connection, apps.belief, silent, ids)
    else:
        verdicts = sketch_verdicts(connection, apps.belief, silent, endpoint_ids)
    alarms = open_alarms(connection, looking.settings, endpoint_ids)
    if private_patterns(looking.settings):
        verdicts = {each: _shown(looking.settings, some) for each, some in verdicts.items()}
    return [
        _facts(
            looking.settings,
            row,
            apps.of(row.endpoint_id),
            row.endpoint_id in silent,
            [each for each in verdicts.get(row.endpoint_id, ()) if looking.sees(each)],
            [each for each in alarms.get(row.endpoint_id, ()) if looking.sees(each)],
        )
        for row in rows
    ]


def _shown(settings: Settings, found: Sequence[AnyVerdict]) -> list[AnyVerdict]:
    """Without what is private."""
    return [
        replace(each, result_extra_data=shown_extra(settings, each.result_extra_data))
        if isinstance(each, Verdict)
        else each
        for each in found
    ]


def _facts(
    settings: Settings,
    row: Row[Any],
    apps: Sequence[AppStanding],
    silent: bool,
    verdicts: Sequence[AnyVerdict],
    alarms: Sequence[Alarm],
) -> Facts:
    states = {state for app in apps for state in app.states}
    if silent:
        states.add(NO_DATA)
    return Facts(
        row.endpoint_id, row.name or row.endpoint_id, row.function_name or "", row.model_uri or "",
        row.created_us,
        Counts(*(getattr(row, name) or 0 for name in COUNTS)), row.first_request_us, row.last_request_us,
        shown_error(settings, row.last_error or ""), row.last_error_us, frozenset(states), apps,
        verdicts, alarms, mode=row.mode or "", labels=row.labels or "{}", deleting_us=row.deleting_us,
        quiet=quiet_apps(
            {each.application_name for each in verdicts}, settings.of(BudgetSettings).histogram_incidents
        ),
    )  # fmt: skip


def _traffic_rows(connection: Connection, endpoint_ids: Collection[str] | None) -> Sequence[Row[Any]]:
    """One row per endpoint that is registered or has traffic."""
    columns = [traffic.c[name] for name in (*COUNTS, *_TIMES)]
    same = traffic.c.endpoint_id == endpoints.c.endpoint_id
    record = [endpoints.c[name] for name in _RECORD]
    known = (*record, *columns)
    registered = select(endpoints.c.endpoint_id, *known).outerjoin(traffic, same)
    others = (
        select(traffic.c.endpoint_id, *known)
        .outerjoin(endpoints, same)
        .where(endpoints.c.endpoint_id.is_(None))
    )
    return [
        row
        for query, column in ((registered, endpoints.c.endpoint_id), (others, traffic.c.endpoint_id))
        for part in of_endpoints(query, column, endpoint_ids)
        for row in connection.execute(part)
    ]


class _Apps:
    """How the registered apps stand with the endpoints, read once."""

    def __init__(
        self, connection: Connection, looking: Looking, endpoint_ids: Collection[str] | None
    ) -> None:
        settings = looking.settings
        minutes = project_period(connection, settings.base_period)
        periods_us = {
            app.name: (app.base_period or minutes) * MINUTE_US
            for app in registry.active_apps(connection)
            if looking.app_names is None or app.name in looking.app_names
        }
        rows = [
            row
            for query in of_endpoints(newest_windows(), endpoint_apps.c.endpoint_id, endpoint_ids)
            for row in connection.execute(query)
            if row.application_name in periods_us
        ]
        self._standing: defaultdict[str, list[AppStanding]] = defaultdict(list)
        for row in rows:
            self._standing[row.endpoint_id].append(_standing(row, settings))
        newest_us = {(row.endpoint_id, row.application_name): row.newest_us for row in rows}
        self.belief = Belief(
            looking.now_us, round(settings.grace_seconds * 1e6), settings.app_min_rows, minutes * MINUTE_US,
            periods_us, newest_us,
        )  # fmt: skip

    def of(self, endpoint_id: str) -> Sequence[AppStanding]:
        """By name."""
        return self._standing.get(endpoint_id, ())

    def is_silent(self, row: Row[Any]) -> bool:
        """Whether an endpoint had no request for longer than a period, the longest of its apps."""
        if row.last_request_us is None:
            return True
        belief = self.belief
        periods = (belief.periods_us[each.application_name] for each in self.of(row.endpoint_id))
        return bool(belief.now_us - row.last_request_us > max(periods, default=belief.project_us))


def newest_windows() -> Select[Any]:
    """Per endpoint and app the newest window that came to an end."""
    newest = and_(
        windows.c.endpoint_id == endpoint_apps.c.endpoint_id,
        windows.c.application_name == endpoint_apps.c.application_name,
        windows.c.start_us == endpoint_apps.c.newest_us,
    )
    columns = ("rows", "incomplete", "outcome", "error", "sent", "answered", "check_us")
    return (
        select(
            endpoint_apps.c.endpoint_id, endpoint_apps.c.application_name, endpoint_apps.c.newest_us,
            endpoint_apps.c.analyzed_us, *(windows.c[name] for name in columns),
        )
        .join(windows, newest)
        .order_by(endpoint_apps.c.endpoint_id, endpoint_apps.c.application_name)
    )  # fmt: skip


def _standing(row: Row[Any], settings: Settings) -> AppStanding:
    analyzed = None if row.analyzed_us is None else from_us(row.analyzed_us)
    states = tuple(sorted(_states(row, settings.app_min_rows)))
    return AppStanding(row.application_name, analyzed, states, shown_error(settings, row.error))


def _states(window: Row[Any], min_rows: int) -> set[str]:
    unanswered = window.answered < window.sent and window.check_us is None  # for good
    if unanswered or window.outcome == FAILED:
        return {FAILED}
    if window.outcome == UNAVAILABLE:
        return {UNAVAILABLE}
    return states_of_rows(window.rows, window.incomplete, min_rows)
