"""What rules would have raised over stored results, beside what was raised. Nothing is sent or written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from modelmon.alerting import Alerts
from modelmon.alerting.rules import Rule, TimedCondition
from modelmon.errors import ConfigError
from modelmon.incidents import (
    Episode,
    IncidentKey,
    IncidentState,
    Policy,
    Run,
    Said,
    episodes,
    under,
    what_failed,
)
from modelmon.ledger.budget_settings import BudgetSettings
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.quiet_apps import QUIET, quiet_endpoints
from modelmon.ledger.rules_in_force import RulesInForce, rules_in_force, what_is_found
from modelmon.ledger.schema import endpoints, windows
from modelmon.model import ValuePoint, WindowKey, from_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import chunks
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.stores.series.base import SeriesStore
from modelmon.windows import DONE, FAILED, PARTIAL, has_tries_left

MOST_WINDOWS = 200_000


@dataclass(frozen=True, slots=True)
class ReplayedDay:
    """Of one rule and endpoint: incidents whose first window starts on this day (UTC), as the rules would
    have raised them, and as they were raised."""

    rule: str
    endpoint_id: str
    endpoint_name: str
    day: date
    would: int
    raised: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """By rule, endpoint and day, in [start, end). `not_replayed` are rules of what time brings about: nothing
    is stored that could tell. So many incidents would have been held open as they were `flapping`; that
    `spared` so much news that something is raised or resolved."""

    start: datetime
    end: datetime
    windows: int
    days: tuple[ReplayedDay, ...]
    not_replayed: tuple[str, ...] = ()
    flapping: int = 0
    spared: int = 0

    @property
    def would(self) -> int:
        return sum(each.would for each in self.days)

    @property
    def raised(self) -> int:
        return sum(each.raised for each in self.days)

    @property
    def by_rule(self) -> Mapping[str, tuple[int, int]]:
        """Rule to how many it would have raised, and how many were raised."""
        found: dict[str, tuple[int, int]] = {}
        for each in self.days:
            would, raised = found.get(each.rule, (0, 0))
            found[each.rule] = (would + each.would, raised + each.raised)
        return found


@dataclass(frozen=True, slots=True)
class Span:
    """Windows that start in [start, end) microseconds, of these endpoints (ids), of all with None."""

    start_us: int
    end_us: int
    endpoint_ids: Collection[str] | None = None


def newest_end_us(connection: Connection) -> int:
    """Where the newest window that was judged ends; 0 where none was."""
    newest = select(windows.c.end_us).where(windows.c.answered > 0).order_by(windows.c.end_us.desc())
    return connection.scalar(newest.limit(1)) or 0


def replay(
    database: Database, series: SeriesStore, settings: Settings, alerts: Alerts, span: Span
) -> Replayed:
    """What these rules would have raised. Raises ConfigError where there are too many windows to look at."""
    with database.read() as connection:
        names = _names(connection, span)
        count = _count(connection, span, list(names))
        if count > MOST_WINDOWS:
            raise ConfigError(
                f"since: {count:,} windows were judged since then; at most {MOST_WINDOWS:,} are looked at: "
                "give a later --since, or --endpoint"
            )
        rules = rules_in_force(connection, alerts, list(names))
        quiet = quiet_endpoints(connection, list(names), settings.of(BudgetSettings).histogram_incidents)
        raised = _raised(connection, span, list(names))
    would: Counter[tuple[str, str, date]] = Counter()
    flapping = spared = 0
    looking = _Looking(database, series, rules, span, quiet, settings.app_attempts)
    for endpoint_id in names:
        for key, policy, course in _courses(looking, endpoint_id):
            found = _raised_by(policy, course)
            would.update((key.rule, endpoint_id, _day(max(each.first_us, span.start_us))) for each in found)
            if held := sum(each.flapping_us is not None for each in found):
                flapping += held
                freely = _raised_by(replace(policy, flapping=None), course)
                spared += max(0, _news(freely) - _news(found) - held)
    days = [
        ReplayedDay(place[0], place[1], names[place[1]], place[2], would[place], raised[place])
        for place in sorted(would | raised)
    ]
    timed = tuple(
        each.name for each in alerts.rules if each.enabled and isinstance(each.when, TimedCondition)
    )
    start, end = from_us(span.start_us), from_us(span.end_us)
    return Replayed(start, end, count, tuple(days), timed, flapping, spared)


def _raised_by(policy: Policy, course: Sequence[Run]) -> list[Episode]:
    return [each for each in episodes(under(policy, course)) if not each.is_pending]


def _news(found: Sequence[Episode]) -> int:
    """That each is raised, and that it is over."""
    return sum(1 + (each.state is IncidentState.RESOLVED) for each in found)


@dataclass(frozen=True, slots=True)
class _Looking:
    """What is looked at, by which rules; of `quiet` endpoints one app raises nothing."""

    database: Database
    series: SeriesStore
    rules: RulesInForce
    span: Span
    quiet: Collection[str]
    attempts: int


def _courses(looking: _Looking, endpoint_id: str) -> Iterator[tuple[IncidentKey, Policy, Sequence[Run]]]:
    span, rules = looking.span, looking.rules
    with looking.database.read() as connection:
        known = {
            WindowKey(row.endpoint_id, row.application_name, row.start_us): row
            for row in _judged(connection, span, endpoint_id)
        }
    runs: dict[IncidentKey, list[Run]] = defaultdict(list)
    by_name: dict[str, Rule] = {}
    points = read_all_values(looking.database, looking.series, [endpoint_id], span.start_us, span.end_us)
    found = (
        *_of_results(rules, points, known, endpoint_id in looking.quiet),
        *_of_failures(rules, known, looking.attempts),
    )
    for key, rule, run in found:
        runs[key].append(run)
        by_name[rule.name] = rule
    for key, course in runs.items():
        course.sort()
        yield key, by_name[key.rule].in_effect, course


def _of_results(
    rules: RulesInForce, points: Iterable[ValuePoint], known: Mapping[WindowKey, Row[Any]], is_quiet: bool
) -> Iterator[tuple[IncidentKey, Rule, Run]]:
    for point in points:
        if point.status is None:  # a metric
            continue
        row = known.get(point.key)
        whole = row is None or not row.incomplete & PARTIAL
        quiet = is_quiet and point.application_name == QUIET
        for rule in rules.of_result(point.endpoint_id, point.application_name, point):
            said = what_is_found(rule, point, whole=whole, quiet=quiet)
            key = IncidentKey(rule.name, point.endpoint_id, point.application_name, point.name)
            yield key, rule, Run(point.start_us, point.end_us - point.start_us, 1, said, 1)


def _of_failures(
    rules: RulesInForce, known: Mapping[WindowKey, Row[Any]], attempts: int
) -> Iterator[tuple[IncidentKey, Rule, Run]]:
    for window, row in known.items():
        if row.outcome not in (DONE, FAILED):
            continue
        said = Said.CALM if row.outcome == DONE else what_failed(final=_is_final(row, attempts))
        for rule in rules.of_failure(window.endpoint_id, window.application_name):
            key = IncidentKey(rule.name, window.endpoint_id, window.application_name)
            yield key, rule, Run(window.start_us, row.end_us - window.start_us, 1, said, 1)


def _is_final(row: Row[Any], attempts: int) -> bool:
    """Whether a failed window is not sent again."""
    tried = row.attempts if row.attempt_revision == row.answered else 0
    return not has_tries_left(row.sends if row.sent == row.answered else 0, tried, attempts)


def _raised(
    connection: Connection, span: Span, endpoint_ids: Sequence[str]
) -> Counter[tuple[str, str, date]]:
    """What was raised of windows in the span; what had begun before it counts on its first day."""
    found: Counter[tuple[str, str, date]] = Counter()
    columns = incidents.c.rule, incidents.c.endpoint_id, incidents.c.first_us
    for some in chunks(endpoint_ids):
        chosen = select(*columns).where(
            incidents.c.endpoint_id.in_(some), incidents.c.last_us >= span.start_us,
            incidents.c.first_us < span.end_us, incidents.c.state != IncidentState.PENDING.value,
        )  # fmt: skip
        found.update(
            (row.rule, row.endpoint_id, _day(max(row.first_us, span.start_us)))
            for row in connection.execute(chosen)
        )
    return found


def _names(connection: Connection, span: Span) -> dict[str, str]:
    chosen = select(endpoints.c.endpoint_id, endpoints.c.name).order_by(endpoints.c.name)
    rows = [(row.endpoint_id, row.name) for row in connection.execute(chosen)]
    return {key: name for key, name in rows if span.endpoint_ids is None or key in span.endpoint_ids}


def _count(connection: Connection, span: Span, endpoint_ids: Sequence[str]) -> int:
    counted = select(func.count()).select_from(windows)
    return sum(
        connection.scalar(counted.where(windows.c.endpoint_id.in_(some), *_within(span))) or 0
        for some in chunks(endpoint_ids)
    )


def _judged(connection: Connection, span: Span, endpoint_id: str) -> Iterable[Row[Any]]:
    columns = (
        windows.c.endpoint_id, windows.c.application_name, windows.c.start_us, windows.c.end_us,
        windows.c.outcome, windows.c.incomplete, windows.c.sent, windows.c.sends, windows.c.answered,
        windows.c.attempts, windows.c.attempt_revision,
    )  # fmt: skip
    return connection.execute(select(*columns).where(windows.c.endpoint_id == endpoint_id, *_within(span)))


def _within(span: Span) -> tuple[Any, ...]:
    return windows.c.answered > 0, windows.c.start_us >= span.start_us, windows.c.start_us < span.end_us


def _day(moment_us: int) -> date:
    return from_us(moment_us).date()
