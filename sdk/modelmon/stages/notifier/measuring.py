"""What is measured by the clock: of each endpoint, and of the project as a whole."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, select

from modelmon.alerting.rules import Subject
from modelmon.counting import count
from modelmon.ledger.expected_windows import LEAST_WEEKS, RETIRED_US, WEEK_US, WEEKS
from modelmon.ledger.heartbeats import by_function, expected_functions
from modelmon.ledger.lost_events import lost_events
from modelmon.ledger.schema import apps, dead_letters, endpoints, schema_changes, traffic, windows
from modelmon.model import HOUR_US, MINUTE_US, from_us
from modelmon.sql.database import Database
from modelmon.stages.notifier.listening import Listening
from modelmon.stores.series.base import SeriesStore
from modelmon.views.health import NOT_RUNNING, FunctionHealth, function_health
from modelmon.views.recent_traffic import RecentTraffic, read_recent

LEAST = 20
"""Of fewer requests, or rows, no share and no percentile is judged."""
OTHERS_US = 10 * MINUTE_US
"""Others have requests if one was taken over within this."""
UPTO_US = MINUTE_US
"""The newest minute may still be on its way."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The true value lies between `low` and `high`; `told` is what people are told, with some more words."""

    low: float
    high: float
    told: float
    more: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """An endpoint, and what there is to know of its traffic: `heard_us` is when something of it was last
    taken over, None: never; `first_us` the time of its first request."""

    subject: Subject
    is_batch: bool = False
    heard_us: int | None = None
    first_us: int | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """One that should run: how it is, and when it was last heard of, or deployed."""

    health: FunctionHealth
    heard_us: int


@dataclass(frozen=True, slots=True)
class Looking:
    """Where is looked, when, and since when somebody does; `recent` is what was read already."""

    database: Database
    series: Callable[[], SeriesStore]
    now_us: int
    listening: Listening
    endpoints: Mapping[str, Known]
    functions: Mapping[str, Function]
    recent: dict[tuple[int, int], dict[str, RecentTraffic]] = field(default_factory=dict)

    def waited_for(self) -> list[str]:
        """Who is expected to go on: batch jobs come when they come, and who was silent for long is gone."""
        return [
            each for each, known in self.endpoints.items()
            if not known.is_batch and known.heard_us is not None
            and self.now_us - known.heard_us < RETIRED_US
        ]  # fmt: skip

    def gone(self) -> set[str]:
        """Who was silent so long that nobody waits any more; only once there was an hour to hear of it."""
        if not self.listening.is_reading or self.now_us - self.listening.reading_us < HOUR_US:
            return set()
        return {
            each for each, known in self.endpoints.items()
            if not known.is_batch and known.heard_us is not None
            and self.now_us - known.heard_us >= RETIRED_US
        }  # fmt: skip


def known_endpoints(connection: Connection) -> dict[str, Known]:
    """Every endpoint that stays."""
    columns = traffic.c.committed_us, traffic.c.first_request_us
    named = (endpoints.c[name] for name in ("endpoint_id", "name", "labels", "function_name", "mode"))
    query = select(*named, *columns).outerjoin(traffic, traffic.c.endpoint_id == endpoints.c.endpoint_id)
    return {
        row.endpoint_id: Known(
            Subject(
                row.name, msgspec.json.decode(row.labels or "{}"), row.function_name,
                endpoint_id=row.endpoint_id,
            ),
            row.mode == "batch", row.committed_us, row.first_request_us,
        )
        for row in connection.execute(query.where(endpoints.c.deleting_us.is_(None)))
    }  # fmt: skip


def heard_now(endpoints: Mapping[str, Known], now_us: int) -> set[str]:
    """Those that have something, of whom it is expected."""
    return {
        each for each, known in endpoints.items()
        if not known.is_batch and known.heard_us is not None and now_us - known.heard_us <= OTHERS_US
    }  # fmt: skip


def known_functions(connection: Connection, now_us: int) -> dict[str, Function]:
    """Those that should run."""
    beats = by_function(connection)
    return {
        name: Function(function_health(name, beats.get(name, ()), now_us), heard_us)
        for name, heard_us in expected_functions(connection, beats).items()
    }


def measured(looking: Looking, name: str, over_us: int) -> dict[str, Measured]:
    """Of each endpoint by id, of each function by name, or of the project as ""; who is missing, nothing can
    be said of."""
    return _BY_NAME[name](looking, over_us)


def _exact(value: float, more: str = "") -> Measured:
    return Measured(value, value, value, more)


def _silent(looking: Looking, _: int) -> dict[str, Measured]:
    """At least as long as somebody listened, at most since something of it was taken over."""
    if not looking.listening.is_reading:
        return {}
    found = {}
    for each in looking.waited_for():
        heard_us = looking.endpoints[each].heard_us or 0
        high = max(0, looking.now_us - heard_us) / 1e6
        low = max(0, looking.now_us - max(heard_us, looking.listening.reading_us)) / 1e6
        found[each] = Measured(low, high, high)
    return found


def _silent_alone(looking: Looking, _: int) -> dict[str, Measured]:
    """At least until another one was heard last, without a pause of all: what all share is of none alone."""
    found, since_us = {}, looking.listening.others_us
    heard = heard_now(looking.endpoints, looking.now_us)
    last = sorted((looking.endpoints[each].heard_us or 0, each) for each in heard)[-2:]
    for each, silent in _silent(looking, 0).items():
        until_us = max((heard_us for heard_us, other in last if other != each), default=0)
        unheard = max(0, looking.now_us - until_us) / 1e6  # of all, by now
        beside = max(0, until_us - since_us) / 1e6
        low = min(max(0.0, silent.low - unheard), beside)
        found[each] = Measured(low, silent.high, low)
    return found


def _recent(looking: Looking, over_us: int, weeks: int = 0) -> dict[str, RecentTraffic]:
    """Of the endpoints; nothing where what came last may not have been read."""
    if (kept := looking.recent.get((over_us, weeks))) is not None:
        return kept
    end_us = (looking.now_us - UPTO_US) // MINUTE_US * MINUTE_US - weeks * WEEK_US
    ids = [each for each, known in looking.endpoints.items() if known.heard_us is not None]
    found = read_recent(looking.database, looking.series(), ids, from_us(end_us), _minutes(over_us))
    looking.recent[over_us, weeks] = found
    return found


def _minutes(over_us: int) -> int:
    return max(1, round(over_us / MINUTE_US))


def _requests(looking: Looking, over_us: int) -> dict[str, Measured]:
    """That there are few is known of whom somebody listened to, and who was there, all the while."""
    if not looking.listening.is_reading:
        return {}
    found, start_us = _recent(looking, over_us), looking.now_us - over_us - 2 * UPTO_US
    known = {}
    for each in looking.waited_for():
        traffic_of = found.get(each)
        many = traffic_of.requests + traffic_of.errors if traffic_of else 0
        first_us = looking.endpoints[each].first_us
        is_whole = looking.listening.reading_us <= start_us and first_us is not None and first_us <= start_us
        known[each] = Measured(many, many if is_whole else math.inf, many)
    return known


def _requests_of_usual(looking: Looking, over_us: int) -> dict[str, Measured]:
    now = _requests(looking, over_us)
    past = [_recent(looking, over_us, week) for week in range(1, WEEKS + 1)] if now else []
    known = {}
    for each, many in now.items():
        first_us = looking.endpoints[each].first_us or looking.now_us
        weeks = min(len(past), max(0, looking.now_us - over_us - 2 * UPTO_US - first_us) // WEEK_US)
        counts = [
            some[each].requests + some[each].errors if each in some else 0 for some in past[:weeks]
        ]  # fmt: skip
        usual = statistics.median(counts) if len(counts) >= LEAST_WEEKS else 0
        if usual >= LEAST:
            more = f"{many.told:,.0f} instead of {usual:,.0f}"
            known[each] = Measured(many.low / usual, many.high / usual, many.told / usual, more)
    return known


def _error_share(looking: Looking, over_us: int) -> dict[str, Measured]:
    return {
        each: _exact(found.error_share, f"{found.errors:,} of {found.requests + found.errors:,}")
        for each, found in _recent(looking, over_us).items()
        if found.error_share is not None and found.requests + found.errors >= LEAST
    }


def _latency_p95(looking: Looking, over_us: int) -> dict[str, Measured]:
    return {
        each: _exact(found.p95_ms / 1_000, count(found.requests, "request"))
        for each, found in _recent(looking, over_us).items()
        if found.p95_ms is not None and found.requests >= LEAST
    }


def _late_share(looking: Looking, over_us: int) -> dict[str, Measured]:
    """By the windows of the app that counted most rows: each counts all of them."""
    query = (
        select(
            windows.c.endpoint_id, func.sum(windows.c.late).label("late"),
            func.sum(windows.c.rows).label("rows"),
        )
        .where(
            windows.c.application_name.in_(select(apps.c.name)),
            windows.c.end_us > looking.now_us - over_us, windows.c.end_us <= looking.now_us,
        )
        .group_by(windows.c.endpoint_id, windows.c.application_name)
    )  # fmt: skip
    most: dict[str, tuple[int, int]] = {}
    with looking.database.read() as connection:
        for endpoint_id, late, rows in connection.execute(query):
            most[endpoint_id] = max(most.get(endpoint_id, (0, 0)), (int(rows), int(late)))
    return {
        each: _exact(min(1.0, late / rows), f"{late:,} of {rows:,}")
        for each, (rows, late) in most.items()
        if rows >= LEAST
    }


def _missing_events(looking: Looking, over_us: int) -> dict[str, Measured]:
    query = (
        select(lost_events.c.endpoint_id, func.sum(lost_events.c.events))
        .where(lost_events.c.minute_us >= looking.now_us - over_us, lost_events.c.minute_us <= looking.now_us)
        .group_by(lost_events.c.endpoint_id)
    )
    return _counted(looking, query)


def _schema_changes(looking: Looking, over_us: int) -> dict[str, Measured]:
    seen_us = schema_changes.c.first_seen_us
    query = (
        select(schema_changes.c.endpoint_id, func.count())
        .where(seen_us >= looking.now_us - over_us, seen_us <= looking.now_us)
        .group_by(schema_changes.c.endpoint_id)
    )
    return _counted(looking, query)


def _counted(looking: Looking, query: Select[Any]) -> dict[str, Measured]:
    with looking.database.read() as connection:
        found = {endpoint_id: int(many) for endpoint_id, many in connection.execute(query)}
    return {each: _exact(max(0, found.get(each, 0))) for each in looking.endpoints}


def _dead_letters(looking: Looking, over_us: int) -> dict[str, Measured]:
    made_us = dead_letters.c.created_us
    query = select(func.count() + func.coalesce(func.sum(dead_letters.c.not_kept), 0)).where(
        made_us >= looking.now_us - over_us, made_us <= looking.now_us, dead_letters.c.resent_us.is_(None)
    )
    with looking.database.read() as connection:
        return {"": _exact(int(connection.scalar(query) or 0))}


def _alive(looking: Looking) -> list[FunctionHealth]:
    return [each.health for each in looking.functions.values() if each.health.state != NOT_RUNNING]


def _lag(looking: Looking, _: int) -> dict[str, Measured]:
    """Of those that live: where the others stand nobody knows, and that they are down is another rule's."""
    alive = _alive(looking)
    worst = max(alive, key=lambda each: each.behind_messages, default=None)
    return {"": _exact(sum(each.behind_messages for each in alive), worst.function)} if worst else {}


def _behind(looking: Looking, _: int) -> dict[str, Measured]:
    worst = max(_alive(looking), key=lambda each: each.behind_seconds, default=None)
    return {"": _exact(worst.behind_seconds, worst.function)} if worst else {}


def _not_running(looking: Looking, _: int) -> dict[str, Measured]:
    """Since it was heard of or deployed, and at least as long as the notifier itself has looked."""
    found = {}
    for name, each in looking.functions.items():
        if each.health.state != NOT_RUNNING:
            found[name] = _exact(0.0)
            continue
        heard_us = min(each.heard_us, looking.now_us)
        high = (looking.now_us - heard_us) / 1e6
        low = (looking.now_us - max(heard_us, looking.listening.since_us)) / 1e6
        found[name] = Measured(low, high, high)
    return found


_BY_NAME: Mapping[str, Callable[[Looking, int], dict[str, Measured]]] = {
    "silent": _silent, "silent_alone": _silent_alone, "requests": _requests,
    "requests_of_usual": _requests_of_usual, "error_share": _error_share, "latency_p95": _latency_p95,
    "late_share": _late_share, "missing_events": _missing_events, "schema_changes": _schema_changes,
    "lag": _lag, "behind": _behind, "dead_letters": _dead_letters, "not_running": _not_running,
}  # fmt: skip
