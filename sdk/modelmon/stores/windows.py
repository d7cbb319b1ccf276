"""The ledger of the windows: dirty minutes become wanted windows, wanted windows become sent ones.

Written by the controller; `raise_attempt` alone is the app's, and the answers are the writer's
(`stores/verdicts.py`). A window has a row from the first row of data inside it on. Every query is
bounded by the dirty minutes or the windows that are due, however many endpoints there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, and_, bindparam, case, delete, func, select, tuple_, update

from modelmon.stores.registry import RegisteredApp, get_value
from modelmon.stores.schema import dirty, endpoints, periods, positions, traffic, windows
from modelmon.stores.sql import chunks, upsert
from modelmon.windows import ENDS_INSIDE, Period, Progress, Span, changed_period

ROUTER = 2  # the endpoint type of a router: its models are analysed, it is not
BATCH = "batch"


class WindowKey(NamedTuple):
    """Names one window of one app."""

    endpoint_id: str
    application_name: str
    start_us: int


@dataclass(frozen=True, slots=True)
class DirtyMinute:
    """A minute of an endpoint that got `rows` rows since the controller last looked."""

    endpoint_id: str
    minute_us: int
    version: int
    rows: int


@dataclass(frozen=True, slots=True)
class Watched:
    """What the controller needs of an endpoint's record; `apps` None: every app judges it."""

    endpoint_id: str
    batch: bool
    apps: frozenset[str] | None

    def judged_by(self, application_name: str) -> bool:
        return self.apps is None or application_name in self.apps


@dataclass(frozen=True, slots=True)
class Change:
    """New rows inside a window. `late` counts those that came after the window had been sent."""

    key: WindowKey
    end_us: int
    check_us: int
    late: int


@dataclass(frozen=True, slots=True)
class DueWindow:
    """A window that the controller has to look at now, with what it needs to decide and to publish.

    `endpoint_name` is None when the endpoint's record is gone.
    """

    key: WindowKey
    span: Span
    wanted: int
    sent: int
    sent_us: int
    sends: int
    dirty_us: int
    check_us: int
    incomplete: int
    attempts: int
    answered: int
    outcome: str
    progress: Progress
    endpoint_name: str | None
    project: str
    updated_us: int


class Sending(NamedTuple):
    """A revision of a window that has been published."""

    key: WindowKey
    revision: int
    incomplete: int
    check_us: int


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
        query = select(endpoints.c.endpoint_id, endpoints.c.mode, endpoints.c.policy).where(
            endpoints.c.endpoint_id.in_(chunk), endpoints.c.endpoint_type != ROUTER
        )
        for endpoint_id, mode, policy in connection.execute(query):
            chosen = msgspec.json.decode(policy).get("monitoring_applications")
            apps = None if chosen is None else frozenset(chosen)
            found[endpoint_id] = Watched(endpoint_id, mode == BATCH, apps)
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


def revisions_sent(connection: Connection, keys: Iterable[WindowKey]) -> dict[WindowKey, int]:
    """The revision each of these windows was last sent with (0: never); windows without a row are absent."""
    found = {}
    key = (windows.c.endpoint_id, windows.c.application_name, windows.c.start_us)
    for chunk in chunks(keys):
        for *parts, sent in connection.execute(
            select(*key, windows.c.sent).where(tuple_(*key).in_([tuple(each) for each in chunk]))
        ):
            found[WindowKey(*parts)] = sent
    return found


def want(connection: Connection, changes: Sequence[Change], now_us: int) -> None:
    """Want a new revision of each of these windows; those without a row get one."""
    rows = [
        {
            **each.key._asdict(), "end_us": each.end_us, "wanted": 1, "sent": 0, "sends": 0,
            "dirty_us": now_us, "late": each.late, "incomplete": 0, "check_us": each.check_us,
            "attempts": 0, "attempt_revision": 0,
            "answered": 0, "outcome": "", "error": "", "envelopes": 0, "rows": 0,
        }
        for each in changes
    ]  # fmt: skip
    keep = (
        "end_us", "sent", "sends", "incomplete", "attempts", "attempt_revision",
        "answered", "outcome", "error", "envelopes", "rows",
    )  # fmt: skip
    upsert(connection, windows, rows, keep=keep, add=("wanted", "late"))


def want_resumed(connection: Connection, endpoint_ids: Collection[str], now_us: int, grace_us: int) -> int:
    """Want the windows of these endpoints anew that were judged when silence seemed to end the data
    inside them, and that newer data have passed since; returns how many."""
    wanted = 0
    for chunk in chunks(endpoint_ids):
        resumed = (
            select(windows.c.endpoint_id, windows.c.application_name, windows.c.start_us)
            .join(traffic, traffic.c.endpoint_id == windows.c.endpoint_id)
            .where(
                windows.c.endpoint_id.in_(chunk),
                windows.c.incomplete.in_((ENDS_INSIDE, ENDS_INSIDE | 1)),
                windows.c.wanted == windows.c.sent,
                traffic.c.last_request_us >= windows.c.end_us,
            )
        )
        keys = [WindowKey(*row) for row in connection.execute(resumed)]
        _update(
            connection,
            keys,
            {"wanted": windows.c.wanted + 1, "dirty_us": now_us, "check_us": now_us + grace_us},
        )
        wanted += len(keys)
    return wanted


def count_late(connection: Connection, rows: Mapping[str, int]) -> None:
    """Add to the late rows of each endpoint."""
    if rows:
        statement = (
            update(traffic)
            .where(traffic.c.endpoint_id == bindparam("an_endpoint"))
            .values(late=traffic.c.late + bindparam("some_rows"))
        )
        connection.execute(
            statement, [{"an_endpoint": key, "some_rows": count} for key, count in rows.items()]
        )


def due(connection: Connection, now_us: int, limit: int, after: DueWindow | None = None) -> list[DueWindow]:
    """The first `limit` windows that are to be looked at by now, in order of when, `after` the given one."""
    query = (
        select(
            windows, traffic.c.first_request_us, traffic.c.last_request_us, traffic.c.committed_us,
            traffic.c.completed_us, endpoints.c.name, endpoints.c.project, endpoints.c.mode,
            endpoints.c.updated_us,
        )
        .outerjoin(traffic, traffic.c.endpoint_id == windows.c.endpoint_id)
        .outerjoin(endpoints, endpoints.c.endpoint_id == windows.c.endpoint_id)
        .where(windows.c.check_us <= now_us)
        .order_by(
            windows.c.check_us, windows.c.endpoint_id, windows.c.application_name, windows.c.start_us
        )
        .limit(limit)
    )  # fmt: skip
    if after is not None:
        place = tuple_(
            windows.c.check_us, windows.c.endpoint_id, windows.c.application_name, windows.c.start_us
        )
        query = query.where(windows.c.check_us >= after.check_us, place > tuple_(after.check_us, *after.key))
    return [_due(row) for row in connection.execute(query)]


def _due(row: Row[Any]) -> DueWindow:
    progress = Progress(
        row.first_request_us, row.last_request_us, row.committed_us or 0, row.completed_us,
        row.mode == BATCH,
    )  # fmt: skip
    return DueWindow(
        WindowKey(row.endpoint_id, row.application_name, row.start_us), Span(row.start_us, row.end_us),
        row.wanted, row.sent, row.sent_us or 0, row.sends, row.dirty_us, row.check_us,
        row.incomplete, row.attempts if row.attempt_revision == row.sent else 0,
        row.answered, row.outcome, progress, row.name, row.project or "", row.updated_us or 0,
    )  # fmt: skip


def record_sent(connection: Connection, sendings: Sequence[Sending], now_us: int) -> None:
    """Record what has been published; a revision below the recorded one changes nothing."""
    statement = (
        update(windows)
        .where(_is_key(), windows.c.sent <= bindparam("a_revision"))
        .values(
            # MySQL assigns from left to right: `sends` is told by the `sent` of before.
            sends=case((windows.c.sent == bindparam("a_revision"), windows.c.sends + 1), else_=1),
            sent=bindparam("a_revision"),
            sent_us=now_us,
            incomplete=bindparam("some_bits"),
            check_us=bindparam("a_check"),
        )
    )
    values = [
        {
            **_key_values(each.key), "a_revision": each.revision, "some_bits": each.incomplete,
            "a_check": each.check_us,
        }
        for each in sendings
    ]  # fmt: skip
    if values:
        connection.execute(statement, values)


def look_again(connection: Connection, found: Sequence[tuple[DueWindow, int | None]]) -> None:
    """Look at each of these windows again at the given time, None: never; one that has changed since
    it was read stays as it is."""
    statement = (
        update(windows)
        .where(
            _is_key(),
            windows.c.wanted == bindparam("a_wanted"),
            windows.c.sent == bindparam("a_sent"),
            windows.c.answered == bindparam("an_answered"),
            windows.c.outcome == bindparam("an_outcome"),
        )
        .values(check_us=bindparam("a_check"))
    )
    values = [
        {
            **_key_values(each.key), "a_wanted": each.wanted, "a_sent": each.sent,
            "an_answered": each.answered, "an_outcome": each.outcome, "a_check": check_us,
        }
        for each, check_us in found
    ]  # fmt: skip
    if values:
        connection.execute(statement, values)


def caught_up_us(connection: Connection, stream_id: str, partitions: int, now_us: int) -> int:
    """The clock before which everything published to this stream has been applied, -1 when unknown.

    A clock message from the future is not believed: the wall clock has gone back since.
    """
    query = select(positions.c.partition, positions.c.nop_us).where(positions.c.stream_id == stream_id)
    seen = {partition: nop_us for partition, nop_us in connection.execute(query) if nop_us <= now_us}
    return min((seen.get(partition, -1) for partition in range(partitions)), default=-1)


def raise_attempt(
    connection: Connection, endpoint_id: str, application_name: str, start_us: int, revision: int
) -> int:
    """Count one more start of an app on a window and return its number, from 1.

    A new revision starts anew. One below the newest counts on, so that two revisions that come again
    and again, because one of them kills its app, come to an end. A window without a row (the app event
    was not our controller's) is always at its first attempt.
    """
    key = WindowKey(endpoint_id, application_name, start_us)
    newer = windows.c.attempt_revision < revision
    statement = (
        update(windows)
        .where(_is_key())
        .values(
            attempts=case((newer, 1), else_=windows.c.attempts + 1),
            attempt_revision=case((newer, revision), else_=windows.c.attempt_revision),
        )
    )
    connection.execute(statement, _key_values(key))
    return connection.scalar(select(windows.c.attempts).where(_is_key()), _key_values(key)) or 1


def _update(connection: Connection, keys: Sequence[WindowKey], changes: Mapping[str, Any]) -> None:
    if keys:
        connection.execute(
            update(windows).where(_is_key()).values(**changes), [_key_values(key) for key in keys]
        )


def _is_key() -> Any:
    return and_(
        windows.c.endpoint_id == bindparam("an_endpoint"),
        windows.c.application_name == bindparam("an_app"),
        windows.c.start_us == bindparam("a_start"),
    )


def _key_values(key: WindowKey) -> dict[str, Any]:
    return {"an_endpoint": key.endpoint_id, "an_app": key.application_name, "a_start": key.start_us}
