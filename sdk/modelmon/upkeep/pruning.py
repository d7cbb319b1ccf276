"""Deleting what is old: samples, series, windows and the ledger's own notes, a bounded number at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)

from modelmon.incidents import IncidentKey
from modelmon.ledger import action_runs, dead_letters, endpoint_apps, messages, notices, outbox, profiles
from modelmon.ledger.access_settings import AccessSettings
from modelmon.ledger.actuals import expire, expire_surplus, forget_index
from modelmon.ledger.actuals_schema import waiting_actuals
from modelmon.ledger.dead_letters import Chosen
from modelmon.ledger.deployments import deployments
from modelmon.ledger.incident_schema import incident_events, incident_windows, incidents
from modelmon.ledger.lost_events import lost_events
from modelmon.ledger.notify_settings import NotifySettings
from modelmon.ledger.past_windows import past_windows
from modelmon.ledger.schema import (
    audit,
    column_types,
    endpoints,
    heartbeats,
    publishers,
    reported,
    schema_changes,
    traffic,
    void_ranges,
    windows,
)
from modelmon.ledger.sum_schema import window_sums
from modelmon.model import DAY_US, WindowKey
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import CHUNK, of_windows
from modelmon.stores.actuals_settings import ActualsSettings
from modelmon.stores.base import SampleStore
from modelmon.stores.series.base import SeriesStore

logger = logging.getLogger(__name__)

NOTES_KEPT_US = 30 * DAY_US
"""How long it is remembered what came from a publisher that is silent, and how a worker that is gone was. A
message that comes again after so long counts again."""
WINDOWS = 5_000

Some = Callable[[Connection], int]
"""Deletes a bounded number in one transaction; returns how many, 0 once nothing is left."""


def prune(
    database: Database, samples: SampleStore, series: SeriesStore, before_us: int, deadline: float
) -> int:
    """Forget files, series and closed windows that ended before this; returns how many files went.

    A file goes when its newest row is older. The newest window of each endpoint and app stays: where the
    app stands is read from it. Stops at `deadline` (of `time.monotonic`), to go on in the next call.
    """
    pruned = 0
    while paths := unlist_old(database, samples, before_us):
        samples.delete(paths)  # killed before this, the sweep finds them
        pruned += len(paths)
        if time.monotonic() >= deadline:
            return pruned
    if _all(database, _of_retention(database, before_us), deadline):
        series.prune(before_us)
    return pruned


def prune_actuals(database: Database, actuals: SampleStore, before_us: int, deadline: float) -> int:
    """Forget files of actuals of predictions that are older than this; returns how many files went."""
    pruned = 0
    while time.monotonic() < deadline and (paths := unlist_old(database, actuals, before_us)):
        actuals.delete(paths)
        pruned += len(paths)
    return pruned


def prune_notes(database: Database, settings: Settings, now_us: int, deadline: float) -> bool:
    """Forget what is old whatever `retention_days` says: dead letters, publishers that are silent, workers
    that are gone, notes of endpoints that were deleted. False when the time was over before the end."""
    kept_us = round(settings.dead_letter_days * DAY_US)
    old = Chosen(before_us=now_us - kept_us)
    letters: list[Some] = [lambda connection: dead_letters.remove_some(connection, old)] if kept_us else []
    deeds_us = round(settings.of(AccessSettings).audit_days * DAY_US)
    deeds = [some_rows(audit, audit.c.at_us < now_us - deeds_us)] if deeds_us else []
    references: Some = partial(profiles.forget_unused, now_us=now_us)
    steps = [*letters, *deeds, references, *_old_notes(settings, now_us), *map(_of_nobody, _NOTES)]
    return _all(database, steps, deadline)


def _all(database: Database, steps: Sequence[Some], deadline: float) -> bool:
    for step in steps:
        more = 1
        while more:
            if time.monotonic() >= deadline:
                return False
            with database.write() as connection:
                more = step(connection)
    return True


# --- by the retention of the data -----------------------------------------------------------------------


def unlist_old(database: Database, samples: SampleStore, before_us: int) -> Sequence[str]:
    """Some files whose newest row is older than this, which no reader opens any more."""
    files = samples.listed
    old = select(files.c.path).where(files.c.hour_us < before_us, files.c.max_us < before_us).limit(CHUNK)
    with database.write() as connection:
        paths = connection.scalars(old).all()
        if paths:
            connection.execute(delete(files).where(files.c.path.in_(paths)))
            forget_index(connection, paths)
    return paths


def _of_retention(database: Database, before_us: int) -> list[Some]:
    with database.read() as connection:
        names = list(_apps_with_windows(connection))
    silent = select(traffic.c.endpoint_id).where(traffic.c.last_request_us < before_us)
    return [
        *(_old_windows(name, before_us) for name in names),
        some_rows(reported, reported.c.start_us < before_us),
        some_rows(lost_events, lost_events.c.minute_us < before_us),
        some_rows(window_sums, window_sums.c.end_us < before_us),
        some_rows(past_windows, past_windows.c.end_us < before_us),
        some_rows(column_types, column_types.c.endpoint_id.in_(silent)),
        some_rows(schema_changes, schema_changes.c.first_seen_us < before_us),
        *_old_incidents(before_us),
        _old_deployments(before_us),
        some_rows(void_ranges, void_ranges.c.noted_us < before_us - DAY_US),
    ]


def _old_incidents(before_us: int) -> Iterator[Some]:
    """Those that are resolved and their history; evidence of what is open stays."""
    old = incidents.c.resolved_us < before_us
    ids = select(incidents.c.incident_id).where(old)
    yield some_rows(incident_events, incident_events.c.incident_id.in_(ids))
    yield some_rows(incidents, old)
    same = (incidents.c[name] == incident_windows.c[name] for name in IncidentKey._fields)
    is_open = exists().where(*same, incidents.c.resolved_us.is_(None))
    yield some_rows(incident_windows, and_(incident_windows.c.start_us < before_us, ~is_open))


def _old_deployments(before_us: int) -> Some:
    """The newest of each stays: the next one is told from it."""
    newer = deployments.alias("newer_deployments")
    subject = (newer.c[name] == deployments.c[name] for name in ("endpoint_id", "function_name", "kind"))
    is_followed = exists().where(*subject, newer.c.deployment_id > deployments.c.deployment_id)
    return some_rows(deployments, and_(deployments.c.at_us < before_us, is_followed))


def _apps_with_windows(connection: Connection) -> Iterator[str]:
    """One look into an index for each app; a DISTINCT reads all of it."""
    column, name = windows.c.application_name, ""
    while found := connection.scalar(select(func.min(column)).where(column > name)):
        name = found
        yield name


def _old_windows(application_name: str, before_us: int) -> Some:
    newer = windows.alias("newer_windows")
    is_followed = exists().where(
        newer.c.endpoint_id == windows.c.endpoint_id,
        newer.c.application_name == windows.c.application_name,
        newer.c.start_us > windows.c.start_us,
    )
    rests = (
        windows.c.end_us <= before_us, windows.c.answered >= windows.c.wanted, windows.c.check_us.is_(None),
    )  # fmt: skip
    query = (
        select(windows.c.endpoint_id, windows.c.application_name, windows.c.start_us)
        .where(windows.c.application_name == application_name, *rests, is_followed)
        .order_by(windows.c.end_us)
        .limit(WINDOWS)
    )

    def forget(connection: Connection) -> int:
        keys = [WindowKey(*row) for row in connection.execute(query)]
        for some in of_windows(windows, keys):
            endpoint_apps.forget(connection, *some)
            connection.execute(delete(windows).where(*some))
        return len(keys)

    return forget


# --- whatever the retention -----------------------------------------------------------------------------

_NOTES = (column_types, schema_changes)


def _old_notes(settings: Settings, now_us: int) -> Iterator[Some]:
    horizon_us = round(settings.of(ActualsSettings).actuals_horizon_days * DAY_US)
    if horizon_us:
        waited = waiting_actuals.c.arrived_us < now_us - horizon_us
        yield lambda connection: expire(connection, waited, CHUNK)
    if most := settings.of(ActualsSettings).waiting_actuals_most:
        yield partial(_drop_surplus, most=most)
    yield _date_publishers(now_us)
    # One process is one publisher, of all its endpoints: while it lives, what it sends rarely is known too.
    silent = (
        select(publishers.c.publisher_id)
        .group_by(publishers.c.publisher_id)
        .having(func.max(publishers.c.noted_us) < now_us - NOTES_KEPT_US)
    )
    yield some_rows(publishers, publishers.c.publisher_id.in_(silent))
    yield lambda connection: outbox.prune_some(connection, now_us - NOTES_KEPT_US)
    yield some_rows(heartbeats, heartbeats.c.beat_us < now_us - NOTES_KEPT_US)
    if told_us := round(settings.of(NotifySettings).message_days * DAY_US):
        yield partial(messages.prune_some, before_us=now_us - told_us)
        yield partial(notices.prune_some, before_us=now_us - told_us)
        counted_us = max(told_us, DAY_US)  # `max_per_day` counts them for so long
        yield partial(action_runs.prune_some, before_us=now_us - counted_us)


def _drop_surplus(connection: Connection, most: int) -> int:
    endpoint_id, dropped = expire_surplus(connection, most, CHUNK)
    if dropped:
        told = "%d actuals of endpoint %s are dropped, the oldest: more than %d wait for their prediction"
        logger.warning(told, dropped, endpoint_id, most)
    return dropped


def _date_publishers(now_us: int) -> Some:
    """Those of a database that did not note when they were heard of are taken to be of now."""
    undated = publishers.c.noted_us.is_(None)

    def date(connection: Connection) -> int:
        return connection.execute(update(publishers).where(undated).values(noted_us=now_us)).rowcount

    return date


def _of_nobody(table: Table) -> Some:
    """What a batch that was under way noted of an endpoint that was deleted meanwhile."""
    known = exists().where(endpoints.c.endpoint_id == table.c.endpoint_id)
    return some_rows(table, ~known)


def some_rows(table: Table, condition: ColumnElement[bool]) -> Some:
    """Deletes some of the rows under this condition."""
    key = list(table.primary_key)
    one = delete(table).where(and_(*(column == bindparam(f"of_{column.name}") for column in key)))

    def forget(connection: Connection) -> int:
        found = connection.execute(select(*key).where(condition).limit(CHUNK)).all()
        if found:
            names = [f"of_{column.name}" for column in key]
            connection.execute(one, [dict(zip(names, row, strict=True)) for row in found])
        return len(found)

    return forget
