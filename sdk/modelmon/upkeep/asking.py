"""Windows that somebody asks for again: which there are rows for, and wanting them once more.

A window that is asked for is wanted in the way of a late event, so whatever else happens to it meanwhile,
its newest revision is judged once and replaces the ones before it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from modelmon.ledger import batches
from modelmon.ledger import window_ledger as ledger
from modelmon.ledger.registry import RegisteredApp
from modelmon.ledger.schema import files, windows
from modelmon.ledger.window_ledger import Watched, WindowChange
from modelmon.model import MINUTE_US, WindowKey
from modelmon.sql.database import Database
from modelmon.stores.series.base import SeriesStore
from modelmon.windows import (
    Period,
    Span,
    check_at,
    window_of,
    windows_touched,
)

READ_US = 30 * 1_440 * MINUTE_US  # minutes of one endpoint that are read at a time
WRITTEN = 1_000  # windows that are wanted in one transaction


@dataclass(frozen=True, slots=True)
class Found:
    """Windows of one endpoint. `kept` hold rows; `gone` were judged once and hold none any more."""

    watched: Watched
    kept: Sequence[Span]
    gone: int


def has_rows(connection: Connection) -> bool:
    """Whether any endpoint has rows that could be judged again."""
    return connection.scalar(select(files.c.path).limit(1)) is not None


def grid_of(database: Database, app: RegisteredApp, base_period: int) -> Sequence[Period]:
    """The app's grid, brought up to its present period."""
    with database.write() as connection:
        period = ledger.project_period(connection, base_period)
        return ledger.grids(connection, [app], period)[app.name]


def find_windows(
    database: Database,
    series: SeriesStore,
    application_name: str,
    grid: Sequence[Period],
    watched: Watched,
    span: Span,
    most: int,
) -> Found:
    """The endpoint's windows that reach into the span, in order; reading ends after more than `most`."""
    with database.read() as connection:
        void = batches.void_ranges(connection)
        listed = _listed(connection, watched.endpoint_id, _whole(span, grid))
        judged = _judged(connection, watched.endpoint_id, application_name, span)
    kept: dict[Span, None] = {}
    place = listed.start_us
    while place < listed.end_us and len(kept) <= most:
        end_us = min(place + READ_US, listed.end_us)
        points = series.read_traffic([watched.endpoint_id], place, end_us, void=void)
        kept |= dict.fromkeys(windows_touched((each.start_us for each in points if each.rows), grid))
        place = end_us
    starts = {each.start_us for each in kept}
    return Found(watched, list(kept), sum(start not in starts for start in judged))


def _whole(span: Span, grid: Sequence[Period]) -> Span:
    """The span of all windows that reach into it."""
    return Span(window_of(span.start_us, grid).start_us, window_of(span.end_us - 1, grid).end_us)


def _listed(connection: Connection, endpoint_id: str, span: Span) -> Span:
    """The part of the span that files have rows of, in whole minutes; an empty one when there is none."""
    query = select(func.min(files.c.min_us), func.max(files.c.max_us)).where(
        files.c.endpoint_id == endpoint_id,
        files.c.min_us < span.end_us,
        files.c.max_us >= span.start_us,
    )
    first_us, last_us = connection.execute(query).one()
    if first_us is None:
        return Span(span.start_us, span.start_us)
    start_us = max(span.start_us, first_us - first_us % MINUTE_US)
    return Span(start_us, min(span.end_us, last_us + 1))


def _judged(connection: Connection, endpoint_id: str, application_name: str, span: Span) -> Sequence[int]:
    """Starts of the app's windows in the span that were answered on rows."""
    return connection.scalars(
        select(windows.c.start_us).where(
            windows.c.endpoint_id == endpoint_id,
            windows.c.application_name == application_name,
            windows.c.start_us < span.end_us,
            windows.c.end_us > span.start_us,
            windows.c.rows > 0,
        )
    ).all()


def ask(
    database: Database,
    application_name: str,
    found: Collection[Found],
    now_us: int,
    grace_us: int,
    *,
    only_new: bool = False,
) -> int:
    """Want every window that is kept once more, or those alone that were not known before; returns how many
    of these there were."""
    changes = [
        WindowChange(
            WindowKey(each.watched.endpoint_id, application_name, span.start_us),
            span.end_us,
            max(now_us, _due_us(span, each.watched, now_us, grace_us)),
            late=0,
        )
        for each in found
        for span in each.kept
    ]
    new = 0
    for first in range(0, len(changes), WRITTEN):
        page = changes[first : first + WRITTEN]
        with database.write() as connection:
            known: Mapping[WindowKey, int] = ledger.read_revisions(
                connection, [change.key for change in page], "wanted"
            )
            unknown = [change for change in page if change.key not in known]
            ledger.want(connection, unknown if only_new else page, now_us, as_they_are=True)
        new += len(unknown)
    return new


def _due_us(span: Span, watched: Watched, now_us: int, grace_us: int) -> int:
    return check_at(span, batch=watched.batch, reopened=False, now_us=now_us, grace_us=grace_us)
