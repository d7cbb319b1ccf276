"""The newest windows that apps have judged, of many endpoints at once, whatever lies before them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, or_, select

from modelmon.ledger.schema import apps, endpoint_apps, windows
from modelmon.model import ValuePoint, WindowKey
from modelmon.sql.statements import chunks
from modelmon.stores.series.base import SeriesStore
from modelmon.views.selection import of_endpoints
from modelmon.windows import DONE

PAIRS = 100
"""Endpoints and apps of one query."""


class DoneWindow(NamedTuple):
    """A window that was judged: the revision of it that counts, and the rows that its verdict stands on."""

    key: WindowKey
    end_us: int
    rows: int
    revision: int


def values_of(
    series: SeriesStore, done: Iterable[DoneWindow], names: Collection[str] | None = None
) -> list[ValuePoint]:
    """Metrics and results of these windows, by endpoint, app, start and name."""
    return series.read_values({each.key: each.revision for each in done}, names)


def newest_done(connection: Connection, endpoint_ids: Collection[str], many: int) -> list[DoneWindow]:
    """The newest `many` windows that each app has judged, of apps that were not removed."""
    of_both = (
        windows.c.endpoint_id == endpoint_apps.c.endpoint_id,
        windows.c.application_name == endpoint_apps.c.application_name,
        windows.c.outcome == DONE,
    )
    newest_first = select(windows.c.start_us).where(*of_both).order_by(windows.c.start_us.desc())
    first_shown = newest_first.limit(1).offset(many - 1).correlate(endpoint_apps).scalar_subquery()
    gone = select(apps.c.name).where(apps.c.active.is_(False))
    pairs = endpoint_apps.c.endpoint_id, endpoint_apps.c.application_name
    query = select(*pairs, func.coalesce(first_shown, 0)).where(pairs[1].not_in(gone))
    found = [
        (row[0], row[1], row[2])
        for part in of_endpoints(query, pairs[0], endpoint_ids)
        for row in connection.execute(part)
    ]
    return [each for part in chunks(found, PAIRS) for each in _done_since(connection, part)]


def _done_since(connection: Connection, pairs: Iterable[tuple[str, str, int]]) -> list[DoneWindow]:
    """The judged windows of each (endpoint, app) that start at its time or later."""
    each = [
        and_(
            windows.c.endpoint_id == endpoint_id,
            windows.c.application_name == app,
            windows.c.outcome == DONE,
            windows.c.start_us >= start_us,
        )
        for endpoint_id, app, start_us in pairs
    ]
    key = windows.c.endpoint_id, windows.c.application_name, windows.c.start_us
    query = select(*key, windows.c.end_us, windows.c.rows, windows.c.answered).where(or_(*each))
    return [DoneWindow(WindowKey(*row[:3]), *row[3:]) for row in connection.execute(query)]
