"""The ledger of the windows: dirty minutes become wanted windows, wanted windows become sent ones.

Written by the controller; the attempts are the app's, and the answers are the writer's
(`ledger/answers.py`). A window has a row from the first row of data inside it on. Every query is
bounded by the dirty minutes or the windows that are due, however many endpoints there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from modelmon.ledger.actuals_schema import actual_counts
from modelmon.ledger.endpoint_apps import count_no_more
from modelmon.ledger.registry import RegisteredApp, get_value
from modelmon.ledger.schema import apps, dirty, endpoints, periods, traffic, windows
from modelmon.ledger.waking import is_awake
from modelmon.ledger.window_keys import is_key, key_values
from modelmon.model import WindowKey
from modelmon.sql.statements import chunks, of_windows, upsert
from modelmon.windows import BEGINS_INSIDE, ENDS_INSIDE, PARTIAL, Period, changed_period

_FOLLOWED = BEGINS_INSIDE | PARTIAL
_ENDED = tuple(bits for bits in range(2 * PARTIAL) if bits & ENDS_INSIDE)
"""Bits of windows that were judged when the data seemed to have ended in them, or nothing to follow them."""
ROUTER = 2  # the endpoint type of a router: its models are analysed, it is not
BATCH = "batch"
_WATCHED = select(
    endpoints.c.endpoint_id, endpoints.c.mode, endpoints.c.policy, endpoints.c.performance_hash,
    actual_counts.c.stored,
).outerjoin(actual_counts, actual_counts.c.endpoint_id == endpoints.c.endpoint_id)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DirtyMinute:
    """A minute of an endpoint that got `rows` rows, and `actuals` for its predictions, since the controller
    last looked."""

    endpoint_id: str
    minute_us: int
    version: int
    rows: int
    actuals: int = 0


@dataclass(frozen=True, slots=True)
class Watched:
    """What the controller needs of an endpoint's record; `apps` None: every app judges it. `awake`: there
    are actuals, or scores."""

    endpoint_id: str
    batch: bool
    apps: frozenset[str] | None
    awake: bool = True

    def judged_by(self, application_name: str, asleep: Collection[str] = ()) -> bool:
        """`asleep`: apps that judge no endpoint before it is awake."""
        is_chosen = self.apps is None or application_name in self.apps
        return is_chosen and (self.awake or application_name not in asleep)


@dataclass(frozen=True, slots=True)
class WindowChange:
    """New rows inside a window. `late` counts those that came after the window had been sent."""

    key: WindowKey
    end_us: int
    check_us: int
    late: int


# --- dirty minutes --------------------------------------------------------------------------------------


def read_dirty(connection: Connection, limit: int) -> list[DirtyMinute]:
    """The first `limit` dirty minutes by endpoint and time, kept from changing until the transaction ends."""
    query = select(dirty).order_by(dirty.c.endpoint_id, dirty.c.minute_us).limit(limit).with_for_update()
    return [DirtyMinute(*row) for row in connection.execute(query)]


def forget_dirty(connection: Connection, minutes: Sequence[DirtyMinute]) -> None:
    """Delete what was read, version for version: rows that came in between stay dirty."""
    if not minutes:
        return
    statement = delete(dirty).where(
        dirty.c.endpoint_id == bindparam("an_endpoint"),
        dirty.c.minute_us == bindparam("a_minute"),
        dirty.c.version == bindparam("a_version"),
    )
    values = [
        {"an_endpoint": each.endpoint_id, "a_minute": each.minute_us, "a_version": each.version}
        for each in minutes
    ]
    connection.execute(statement, values)


def watched(connection: Connection, endpoint_ids: Collection[str]) -> dict[str, Watched]:
    """The endpoints among these that are analysed; routers and unknown ones are absent."""
    found = {}
    for chunk in chunks(endpoint_ids):
        query = _WATCHED.where(endpoints.c.endpoint_id.in_(chunk), endpoints.c.endpoint_type != ROUTER)
        for row in connection.execute(query):
            policy = msgspec.json.decode(row.policy)
            chosen = policy.get("monitoring_applications")
            apps = None if chosen is None else frozenset(chosen)
            awake = is_awake(policy, row.performance_hash, row.stored)
            found[row.endpoint_id] = Watched(row.endpoint_id, row.mode == BATCH, apps, awake)
    return found


# --- grid -----------------------------------------------------------------------------------------------


def project_period(connection: Connection, default: int) -> int:
    """Minutes of a window of an app that has no period of its own: the project's value, else `default`."""
    minutes: int = get_value(connection, "base_period", default)
    return minutes


def grids(connection: Connection, apps: Sequence[RegisteredApp], base_period: int) -> dict[str, list[Period]]:
    """The grid of each app, brought up to its own or the project's `base_period` (minutes) first."""
    found: dict[str, list[Period]] = {app.name: [] for app in apps}
    for chunk in chunks(found):
        query = select(periods).where(periods.c.application_name.in_(chunk)).order_by(periods.c.from_us)
        for row in connection.execute(query):
            found[row.application_name].append(Period(row.from_us, row.minutes))
    for app in apps:
        _bring_up(connection, app.name, found[app.name], app.base_period or base_period)
    return found


def _bring_up(connection: Connection, application_name: str, grid: list[Period], minutes: int) -> None:
    if grid and grid[-1].minutes == minutes:
        return
    last_end_us = connection.scalar(
        select(func.max(windows.c.end_us)).where(windows.c.application_name == application_name)
    )
    new = changed_period(grid, minutes, last_end_us)
    assert new is not None
    upsert(
        connection,
        periods,
        [{"application_name": application_name, "from_us": new.from_us, "minutes": new.minutes}],
    )
    if grid and grid[-1].from_us == new.from_us:
        grid.pop()
    grid.append(new)


# --- windows --------------------------------------------------------------------------------------------


def read_revisions(
    connection: Connection, keys: Iterable[WindowKey], which: Literal["wanted", "sent", "answered"]
) -> dict[WindowKey, int]:
    """The revision each of these windows was last wanted or sent with, or answered for, 0: never; windows
    without a row are absent."""
    found = {}
    for is_one in of_windows(windows, keys):
        query = select(
            windows.c.endpoint_id, windows.c.application_name, windows.c.start_us, windows.c[which]
        )
        for *key, revision in connection.execute(query.where(*is_one)):
            found[WindowKey(*key)] = revision
    return found


def want(
    connection: Connection, changes: Sequence[WindowChange], now_us: int, *, as_they_are: bool = False
) -> None:
    """Want a new revision of each of these windows; those without a row get one. `as_they_are`: their rows
    have not changed, so that no grace is waited for."""
    rows = [
        {
            **each.key._asdict(), "end_us": each.end_us, "wanted": 1, "sent": 0, "sends": 0,
            "dirty_us": now_us, "late": each.late, "incomplete": 0, "check_us": each.check_us,
            "watermark_us": 0,
            "attempts": 0, "attempt_revision": 0,
            "answered": 0, "outcome": "", "error": "", "envelopes": 0, "rows": 0, "empty": 0,
        }
        for each in changes
    ]  # fmt: skip
    keep = (
        "end_us", "sent", "sends", "incomplete", "attempts", "attempt_revision",
        "answered", "outcome", "error", "envelopes", "rows", *(["dirty_us"] if as_they_are else []),
    )  # fmt: skip
    upsert(connection, windows, rows, keep=keep, add=("wanted", "late"))
    count_no_more(connection, [each.key for each in changes])


def want_resumed(connection: Connection, endpoint_ids: Collection[str], now_us: int, grace_us: int) -> int:
    """Want the windows of these endpoints anew that were judged when silence seemed to end the data
    inside them or to follow them, and that newer data have shown otherwise since; returns how many."""
    wanted = 0
    passed = traffic.c.last_request_us >= windows.c.end_us
    for chunk in chunks(endpoint_ids):
        resumed = (
            select(windows.c.endpoint_id, windows.c.application_name, windows.c.start_us)
            .join(traffic, traffic.c.endpoint_id == windows.c.endpoint_id)
            .outerjoin(apps, apps.c.name == windows.c.application_name)
            .where(
                windows.c.endpoint_id.in_(chunk),
                windows.c.incomplete.in_((*_ENDED, _FOLLOWED)),
                windows.c.wanted == windows.c.sent,
                or_(and_(windows.c.incomplete != _FOLLOWED, passed), is_followed()),
            )
        )
        keys = [WindowKey(*row) for row in connection.execute(resumed)]
        _update(
            connection,
            keys,
            {
                "wanted": windows.c.wanted + 1,
                "dirty_us": now_us,
                "check_us": now_us + grace_us,
                "watermark_us": 0,
            },
        )
        count_no_more(connection, keys)
        wanted += len(keys)
    return wanted


def hear_news(connection: Connection, found: Collection[Watched]) -> None:
    """The windows of these endpoints wait for the watermark no longer: what came may have closed them. Those
    of a batch job wait for its completion, whatever else comes."""
    for chunk in chunks(found):
        _wait_no_longer(connection, [each.endpoint_id for each in chunk if not each.batch])
        completed = select(traffic.c.completed_us).where(traffic.c.endpoint_id == windows.c.endpoint_id)
        is_over = windows.c.start_us <= completed.scalar_subquery()
        _wait_no_longer(connection, [each.endpoint_id for each in chunk if each.batch], is_over)


def _wait_no_longer(
    connection: Connection, endpoint_ids: Sequence[str], *conditions: ColumnElement[bool]
) -> None:
    if endpoint_ids:
        waiting = (windows.c.endpoint_id.in_(endpoint_ids), windows.c.watermark_us > 0, *conditions)
        connection.execute(update(windows).where(*waiting).values(watermark_us=0))


@cache
def is_followed() -> ColumnElement[bool]:
    """Whether rows came in the period after a window, as long as the window itself; beside `windows` the
    statement joins `apps` and `traffic`.

    Windows are the witnesses: an app has one wherever there are rows; those without are marked. Of the
    time before it was registered it may lack some; there any newer row of the endpoint counts.
    """
    other = windows.alias("next_windows")
    witness = exists().where(
        other.c.endpoint_id == windows.c.endpoint_id,
        other.c.application_name == windows.c.application_name,
        other.c.start_us >= windows.c.end_us,
        other.c.start_us < 2 * windows.c.end_us - windows.c.start_us,
        other.c.empty == 0,
    )
    before = windows.c.end_us <= apps.c.registered_us
    return or_(witness, and_(before, traffic.c.last_request_us >= windows.c.end_us))


def count_late(connection: Connection, rows: Mapping[str, int]) -> None:
    """Add to the late rows of each endpoint."""
    if rows:
        statement = (
            update(traffic)
            .where(traffic.c.endpoint_id == bindparam("an_endpoint"))
            .values(late=traffic.c.late + bindparam("some_rows"))
        )
        connection.execute(
            statement, [{"an_endpoint": key, "some_rows": count} for key, count in sorted(rows.items())]
        )


def raise_attempt(connection: Connection, key: WindowKey, revision: int) -> int:
    """Count one more start of an app on a window and return its number, from 1.

    A new revision starts anew. One below the newest counts on, so that two revisions that come again
    and again, because one of them kills its app, come to an end. A window without a row (the app event
    was not our controller's) is always at its first attempt.
    """
    newer = windows.c.attempt_revision < revision
    statement = (
        update(windows)
        .where(is_key())
        .values(
            attempts=case((newer, 1), else_=windows.c.attempts + 1),
            attempt_revision=case((newer, revision), else_=windows.c.attempt_revision),
        )
    )
    connection.execute(statement, key_values(key))
    return connection.scalar(select(windows.c.attempts).where(is_key()), key_values(key)) or 1


def forget_attempts(connection: Connection, key: WindowKey, revision: int) -> None:
    """The app has survived the window: what it counted at this revision says nothing any more."""
    statement = update(windows).where(is_key(), windows.c.attempt_revision == bindparam("a_revision"))
    connection.execute(statement.values(attempts=0), {**key_values(key), "a_revision": revision})


def _update(connection: Connection, keys: Sequence[WindowKey], changes: Mapping[str, Any]) -> None:
    if keys:
        connection.execute(
            update(windows).where(is_key()).values(**changes), [key_values(key) for key in sorted(keys)]
        )
