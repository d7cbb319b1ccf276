"""Dirty minutes become wanted windows, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection

from modelmon.ledger import registry
from modelmon.ledger import window_ledger as ledger
from modelmon.ledger.requirements import ACTUALS, ACTUALS_OR_SCORES, requiring
from modelmon.ledger.window_ledger import DirtyMinute, Watched, WindowChange
from modelmon.model import WindowKey
from modelmon.settings import Settings
from modelmon.windows import Period, Span, check_at, windows_touched


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What one transaction took over: dirty minutes, windows wanted anew, rows that came late."""

    minutes: int = 0
    windows: int = 0
    late: int = 0

    def __add__(self, other: TakenOver) -> TakenOver:
        return TakenOver(self.minutes + other.minutes, self.windows + other.windows, self.late + other.late)


@dataclass(frozen=True, slots=True)
class _Touched:
    """A window with new rows: `minutes` are the dirty ones inside it."""

    key: WindowKey
    span: Span
    batch: bool
    minutes: tuple[int, ...]


def take_over(connection: Connection, settings: Settings, now_us: int, limit: int) -> TakenOver:
    """Take over up to `limit` dirty minutes: raise what is wanted of the windows they touch, count the
    rows that came late, and delete what was read."""
    dirty = ledger.read_dirty(connection, limit)
    if not dirty:
        return TakenOver()
    apps = registry.active_apps(connection)
    grids = ledger.grids(connection, apps, ledger.project_period(connection, settings.base_period))
    endpoints = ledger.watched(connection, {minute.endpoint_id for minute in dirty})
    rows = {(minute.endpoint_id, minute.minute_us): minute.rows for minute in dirty}
    # A batch job that is complete dirties a minute without rows: news, but no other contents.
    asleep = requiring(connection, ACTUALS_OR_SCORES)
    touched = _touched([minute for minute in dirty if minute.rows], endpoints, grids, asleep)
    touched += _reopened(connection, dirty, endpoints, grids, touched)
    sent = ledger.read_revisions(connection, [each.key for each in touched], "sent")
    late = [each for each in touched if sent.get(each.key)]
    late_rows = _late_rows(late, rows)
    ledger.count_late(connection, late_rows)
    grace_us = round(settings.grace_seconds * 1e6)
    changes = [_change(each, bool(sent.get(each.key)), rows, now_us, grace_us) for each in touched]
    ledger.want(connection, changes, now_us)
    ledger.hear_news(connection, endpoints.values())
    resumed = ledger.want_resumed(connection, list(endpoints), now_us, grace_us)
    ledger.forget_dirty(connection, dirty)
    return TakenOver(len(dirty), len(touched) + resumed, sum(late_rows.values()))


def _reopened(
    connection: Connection,
    dirty: Sequence[DirtyMinute],
    endpoints: Mapping[str, Watched],
    grids: Mapping[str, Sequence[Period]],
    known: Sequence[_Touched],
) -> list[_Touched]:
    """The other windows that got nothing but actuals, of the apps that ask for them."""
    came = [minute for minute in dirty if minute.actuals]
    asking = requiring(connection, ACTUALS) if came else ()
    found = _touched(came, endpoints, {name: grid for name, grid in grids.items() if name in asking})
    keys = {each.key for each in known}
    return [each for each in found if each.key not in keys]


def _touched(
    dirty: Sequence[DirtyMinute],
    endpoints: Mapping[str, Watched],
    grids: Mapping[str, Sequence[Period]],
    asleep: Collection[str] = (),
) -> list[_Touched]:
    """`asleep`: apps that judge no endpoint before it has actuals or scores."""
    found = []
    for endpoint_id, group in groupby(dirty, key=lambda minute: minute.endpoint_id):
        endpoint, minutes = endpoints.get(endpoint_id), [minute.minute_us for minute in group]
        for name, grid in grids.items():
            if endpoint is None or not endpoint.judged_by(name, asleep):
                continue
            for span, inside in windows_touched(minutes, grid).items():
                key = WindowKey(endpoint_id, name, span.start_us)
                found.append(_Touched(key, span, endpoint.batch, tuple(inside)))
    return found


def _change(
    touched: _Touched, reopened: bool, rows: Mapping[tuple[str, int], int], now_us: int, grace_us: int
) -> WindowChange:
    check_us = check_at(
        touched.span, batch=touched.batch, reopened=reopened, now_us=now_us, grace_us=grace_us
    )
    late = sum(rows[touched.key.endpoint_id, minute] for minute in touched.minutes) if reopened else 0
    return WindowChange(touched.key, touched.span.end_us, check_us, late)


def _late_rows(late: Sequence[_Touched], rows: Mapping[tuple[str, int], int]) -> dict[str, int]:
    """Late rows per endpoint; a row that is late for several apps counts once."""
    minutes = {(each.key.endpoint_id, minute) for each in late for minute in each.minutes}
    counts: dict[str, int] = {}
    for endpoint_id, minute in minutes:
        counts[endpoint_id] = counts.get(endpoint_id, 0) + rows[endpoint_id, minute]
    return counts
