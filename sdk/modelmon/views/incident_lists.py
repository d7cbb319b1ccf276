"""Incidents in lists: those that are open, those that ended last, and both in pages.

What is open comes worst first: those of high severity, then the others, the newest of each first. A page
goes on after values, not after a row: an incident that ends, or that late data move, between two pages takes
none of the others along.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, or_, select, union_all

from modelmon.errors import ConfigError
from modelmon.incidents import IncidentState
from modelmon.ledger.incident_schema import incidents
from modelmon.model import to_us
from modelmon.settings import Settings
from modelmon.sql.statements import chunks
from modelmon.views.incidents import MOST, STATUS, Incident, as_shown, is_worst, joined
from modelmon.views.selection import of_endpoints

ENDED = 100
"""So many incidents that ended are read, unless more are asked for."""
PARTS = 100  # of one `UNION`: below the limit of every database
_OPEN, _ENDED = "open", "ended"
_AFTER = re.compile(rf"{_OPEN}-([12])-(\d{{1,18}})|{_ENDED}-(-?\d{{1,18}})-(\d{{1,18}})")
WORST_FIRST = 2, 1


class OpenPlace(NamedTuple):
    """Where an open one stands among them: by its worst window (2 detected or failed, 1 suspected), then by
    its number."""

    worst: int
    incident_id: int


class EndedPlace(NamedTuple):
    """Where one that ended stands among them: by the start of its last bad window, then by its number."""

    last_us: int
    incident_id: int


@dataclass(frozen=True, slots=True)
class IncidentQuery:
    """Which incidents: of these endpoints (None: all), of these apps (none given: all), without those that
    ended where `only_open`. At most `limit`, after where the page before ended (`IncidentPage.after`)."""

    endpoint_ids: Collection[str] | None = None
    apps: Collection[str] = ()
    only_open: bool = False
    limit: int = ENDED
    after: str = ""

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ConfigError(f"limit: a page has at least one incident, got {self.limit}")
        if self.after and not _AFTER.fullmatch(self.after):
            raise ConfigError(f"after: {self.after!r} is not what a page ended with, as in 'open-2-12'")


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """Some incidents; `after` asks for the next page, "" on the last one."""

    incidents: tuple[Incident, ...]
    after: str


def list_incidents(connection: Connection, settings: Settings, query: IncidentQuery) -> IncidentPage:
    """What is open, the worst first, and then, unless `only_open`, what ended, the newest first."""
    place = _read_after(query.after)
    found, most = [], query.limit + 1
    if not isinstance(place, EndedPlace):
        found = open_incidents(
            connection, settings, query.endpoint_ids, apps=query.apps, before=place, limit=most
        )
    if not query.only_open and len(found) < most:
        found += ended_incidents(
            connection, settings, query.endpoint_ids, apps=query.apps,
            before=place if isinstance(place, EndedPlace) else None, limit=most - len(found),
        )  # fmt: skip
    after = _after(found[query.limit - 1]) if len(found) > query.limit else ""
    return IncidentPage(tuple(found[: query.limit]), after)


def ended_page(connection: Connection, settings: Settings, query: IncidentQuery) -> IncidentPage:
    """As `list_incidents`, of those that ended alone."""
    place = _read_after(query.after)
    found = ended_incidents(
        connection, settings, query.endpoint_ids, apps=query.apps,
        before=place if isinstance(place, EndedPlace) else None, limit=query.limit + 1,
    )  # fmt: skip
    after = _after(found[query.limit - 1]) if len(found) > query.limit else ""
    return IncidentPage(tuple(found[: query.limit]), after)


def open_incidents(
    connection: Connection,
    settings: Settings,
    endpoint_ids: Collection[str] | None = None,
    *,
    apps: Collection[str] = (),
    before: OpenPlace | None = None,
    limit: int = MOST,
) -> list[Incident]:
    """What is open of these endpoints, of None all of them, the worst first. `before`: the place of the last
    one of the page before."""
    found: list[Incident] = []
    for worst in WORST_FIRST:
        if len(found) >= limit or (before is not None and worst > before.worst):
            continue
        number = before.incident_id if before is not None and worst == before.worst else None
        left = limit - len(found)
        found += _open_of(connection, settings, endpoint_ids, apps, worst, number, left)
    return found


def _open_of(
    connection: Connection, settings: Settings, endpoint_ids: Collection[str] | None, apps: Collection[str],
    worst: int, before: int | None, limit: int,
) -> list[Incident]:  # fmt: skip
    newest = incidents.c.incident_id.desc()
    query = joined().where(incidents.c.resolved_us.is_(None), is_worst(worst)).order_by(newest).limit(limit)
    if before is not None:
        query = query.where(incidents.c.incident_id < before)
    if apps:
        query = query.where(incidents.c.application_name.in_(sorted(set(apps))))
    parts = of_endpoints(query, incidents.c.endpoint_id, endpoint_ids)
    rows = [row for part in parts for row in connection.execute(part)]
    rows.sort(key=lambda row: row.incident_id, reverse=True)
    return [as_shown(settings, row) for row in rows[:limit]]


def ended_incidents(
    connection: Connection,
    settings: Settings,
    endpoint_ids: Collection[str] | None = None,
    *,
    apps: Collection[str] = (),
    since_us: int | None = None,
    before: EndedPlace | None = None,
    limit: int = ENDED,
) -> list[Incident]:
    """What ended of these endpoints, of None all of them, the newest first; with bad windows since
    `since_us`, where that is given. `before`: the place of the last one of the page before.

    Each endpoint is asked for its newest ones alone, in an index that has them in order.
    """
    range_of = [*_since(since_us), *_before(before)]
    subjects = [select(*_PLACE).where(*each, *range_of) for each in _subjects(endpoint_ids, apps)]
    places = [place for some in chunks(subjects, PARTS) for place in _newest(connection, some, limit)]
    ids = [place.incident_id for place in sorted(places, reverse=True)[:limit]]
    rows = [
        row
        for some in chunks(ids)
        for row in connection.execute(joined().where(incidents.c.incident_id.in_(some)))
    ]
    rows.sort(key=lambda row: (row.last_us, row.incident_id), reverse=True)
    return [as_shown(settings, row) for row in rows]


_PLACE = incidents.c.last_us, incidents.c.incident_id


def _subjects(
    endpoint_ids: Collection[str] | None, apps: Collection[str]
) -> Iterator[list[ColumnElement[bool]]]:
    """Conditions of one part of the query each, which an index begins with."""
    ids: list[str | None] = [None] if endpoint_ids is None else [*sorted(set(endpoint_ids))]
    names: list[str | None] = [*sorted(set(apps))] or [None]
    for endpoint_id, app in product(ids, names):
        found = [incidents.c.state == IncidentState.RESOLVED.value]
        if endpoint_id is not None:
            found.append(incidents.c.endpoint_id == endpoint_id)
        if app is not None:
            found.append(incidents.c.application_name == app)
        yield found


def _since(since_us: int | None) -> list[ColumnElement[bool]]:
    return [] if since_us is None else [incidents.c.last_us >= since_us]


def _before(place: EndedPlace | None) -> list[ColumnElement[bool]]:
    if place is None:
        return []
    last_us, number = place  # worded so that every database sees a range
    earlier = or_(incidents.c.last_us < last_us, incidents.c.incident_id < number)
    return [incidents.c.last_us <= last_us, earlier]


def _newest(connection: Connection, subjects: list[Select[Any]], limit: int) -> Iterator[EndedPlace]:
    newest = [column.desc() for column in _PLACE]
    parts = [select(each.order_by(*newest).limit(limit).subquery()) for each in subjects]
    together = union_all(*parts).subquery()
    order = together.c.last_us.desc(), together.c.incident_id.desc()
    for row in connection.execute(select(together).order_by(*order).limit(limit)):
        yield EndedPlace(row.last_us, row.incident_id)


def _after(last: Incident) -> str:
    if last.resolved is None:
        return f"{_OPEN}-{1 if last.worst == STATUS[1] else 2}-{last.incident_id}"
    return f"{_ENDED}-{to_us(last.last)}-{last.incident_id}"


def _read_after(after: str) -> OpenPlace | EndedPlace | None:
    found = _AFTER.fullmatch(after)
    if found is None:
        return None
    if found[1]:
        return OpenPlace(int(found[1]), int(found[2]))
    return EndedPlace(int(found[3]), int(found[4]))
