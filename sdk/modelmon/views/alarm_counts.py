"""How many alarms there were beside the budget that was asked for, and how many of them people call false."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select

from modelmon.alarm_budget import AlarmBudget, read_budget
from modelmon.drift_choices.reading import read_drift_file
from modelmon.errors import ConfigError
from modelmon.function_spec.own_apps import OWN_APPS
from modelmon.incidents import IncidentState, Reason
from modelmon.ledger import drift_files
from modelmon.ledger.budget_settings import BudgetSettings
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.schema import endpoints
from modelmon.model import from_us, to_us
from modelmon.settings import Settings
from modelmon.views.data_reach import data_reach
from modelmon.views.selection import of_endpoints

DAYS = 30
"""So many days are looked at, unless others are asked for."""
MOST = 100


@dataclass(frozen=True, slots=True)
class AppAlarms:
    """Incidents of an app that began in a time, and those of them that people marked as false alarms.
    `in_budget`: the app has a part of the alarm budget."""

    endpoint_id: str
    endpoint_name: str
    application_name: str
    raised: int
    marked_false: int
    in_budget: bool


@dataclass(frozen=True, slots=True)
class AlarmCounts:
    """What `asked` allows, in the user's words, beside what was raised in windows that start in
    `[start, end)`. `raised` and `marked_false` are of apps that share the budget, `others` of the
    rest; `apps` says it of each app and endpoint, those with the most, at most a hundred. What was withdrawn
    counts nowhere. Where the drift file gives endpoints budgets of their own, `asked` has each of them.
    `of_several`: each of several endpoints may have as many."""

    asked: str
    start: datetime
    end: datetime
    raised: int
    marked_false: int
    others: int
    others_marked_false: int
    apps: tuple[AppAlarms, ...]
    of_several: bool = False

    @property
    def words(self) -> str:
        """As a person reads it.

        >>> from datetime import UTC
        >>> end = datetime(2026, 11, 30, tzinfo=UTC)
        >>> AlarmCounts("1 a month", end - timedelta(days=30), end, 3, 2, 0, 0, ()).words
        'asked: 1 a month; raised: 3 in 30 days, 2 marked false'
        """
        whose = " an endpoint" if self.of_several else ""
        days = (self.end - self.start) / timedelta(days=1)
        span = f"{days:.3g} day{'' if days == 1 else 's'}"
        told = f"asked: {self.asked}{whose}; raised: {self.raised:,} in {span}"
        told += f", {self.marked_false:,} marked false"
        if self.others:
            told += f"; outside the budget {self.others:,}, {self.others_marked_false:,} marked false"
        return told


def read_alarm_counts(
    connection: Connection,
    settings: Settings,
    endpoint_ids: Collection[str] | None,
    start: datetime,
    end: datetime,
) -> AlarmCounts:
    """Of these endpoints, of None all of them, whichever rule raised it. Pending ones are no alarms, nor is
    an app that failed, or what a rule found by the clock."""
    counted: dict[tuple[str, str, str], list[int]] = {}
    for query in _queries(to_us(start), to_us(end)):
        for part in of_endpoints(query, incidents.c.endpoint_id, endpoint_ids):
            for endpoint_id, name, app, *numbers in connection.execute(part):
                sums = counted.setdefault((endpoint_id, name or endpoint_id, app), [0, 0])
                sums[:] = (old + new for old, new in zip(sums, numbers, strict=True))
    found = [_alarms(*key, *numbers) for key, numbers in counted.items()]
    found.sort(key=lambda each: (-each.raised, each.endpoint_name, each.application_name))
    groups = ([each for each in found if each.in_budget is inside] for inside in (True, False))
    (raised, marked), (others, others_marked) = map(_sums, groups)
    asked = _asked(connection, settings, endpoint_ids)
    is_several = endpoint_ids is None or len(set(endpoint_ids)) > 1
    return AlarmCounts(
        " or ".join(each.words for each in asked), start, end, raised, marked, others, others_marked,
        tuple(found[:MOST]), is_several and not all(each.shared for each in asked),
    )  # fmt: skip


def _asked(
    connection: Connection, settings: Settings, endpoint_ids: Collection[str] | None
) -> tuple[AlarmBudget, ...]:
    """The budgets of these endpoints, each once: that of the drift file goes before the setting."""
    usual = read_budget(settings.of(BudgetSettings).alarm_budget)
    kept = drift_files.newest(connection)
    if kept is None or "alarm_budget" not in kept.text:
        return (usual,)
    try:
        file = read_drift_file(kept.text)
    except ConfigError:  # of a later version of ModelMon; its windows are not judged, and say why
        return (usual,)
    queries = of_endpoints(select(endpoints.c.name), endpoints.c.endpoint_id, endpoint_ids)
    names = sorted({name for query in queries for name in connection.scalars(query)})
    return tuple(dict.fromkeys(file.choices(name).alarm_budget or usual for name in names)) or (usual,)


def last_alarm_counts(
    connection: Connection,
    settings: Settings,
    endpoint_ids: Collection[str] | None,
    now_us: int,
    days: int = DAYS,
) -> AlarmCounts:
    """Of so many days until the newest request of the project: its windows may be of a year ago."""
    reach = data_reach(connection)
    end = min(from_us(now_us), reach.newest + timedelta(microseconds=1)) if reach else from_us(now_us)
    return read_alarm_counts(connection, settings, endpoint_ids, end - timedelta(days=days), end)


def _sums(found: Sequence[AppAlarms]) -> tuple[int, int]:
    return sum(each.raised for each in found), sum(each.marked_false for each in found)


def _queries(start_us: int, end_us: int) -> Iterator[Select[Any]]:
    """Of those that are open, which are few, and of those that ended, which an index has in order."""
    columns = incidents.c
    counted = (
        select(
            columns.endpoint_id, endpoints.c.name, columns.application_name, func.count(),
            func.count(columns.marked_us),
        )
        .outerjoin(endpoints, endpoints.c.endpoint_id == columns.endpoint_id)
        .where(
            columns.application_name != "", columns.result_name != "",
            columns.first_us >= start_us, columns.first_us < end_us,
            columns.reason != Reason.WITHDRAWN.value, columns.state != IncidentState.PENDING.value,
        )
        .group_by(columns.endpoint_id, endpoints.c.name, columns.application_name)
    )  # fmt: skip
    yield counted.where(columns.resolved_us.is_(None))
    yield counted.where(columns.state == IncidentState.RESOLVED.value, columns.last_us >= start_us)


def _alarms(endpoint_id: str, name: str, app: str, raised: int, marked: int) -> AppAlarms:
    own = OWN_APPS.get(app)
    return AppAlarms(endpoint_id, name, app, raised, marked, own is not None and own.budget_weight > 0)
