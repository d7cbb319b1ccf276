"""News for channels: noted once a channel, gathered by group into messages.

Noting follows the outbox in its transaction, so that no fact is lost and none is noted twice, wherever the
notifier is killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, update

from modelmon.ledger.delivery_schema import messages, notices
from modelmon.ledger.incident_schema import incidents
from modelmon.sql.statements import CHUNK, chunks, insert_missing

WAITING, TOLD, DROPPED, WITHHELD = "waiting", "told", "dropped", "withheld"
MOST_GROUPS = 200
MOST_OF_GROUP = 10_000


@dataclass(frozen=True, slots=True)
class Notice:
    """One piece of news for one channel; `line` is what is told of it, as JSON. The same `event` is news to a
    channel once. `due_us` is how long it waits for other news of its group."""

    channel: str
    event: str
    number: int
    group_key: str
    incident_id: int
    endpoint_id: str
    what: str
    line: str
    at_us: int
    due_us: int


def add(connection: Connection, news: Sequence[Notice]) -> None:
    """Note what is not noted yet."""
    rows = [
        {
            **{name: getattr(each, name) for name in Notice.__slots__},
            "state": WAITING,
            "message_id": "",
            "why": "",
        }
        for each in news
    ]
    for some in chunks(rows):
        insert_missing(connection, notices, some)


def due_groups(connection: Connection, now_us: int, interval_us: int = 0) -> Sequence[tuple[str, str]]:
    """(channel, group) of which something is due, of each channel in turn, what waits longest first. A group
    of which a message is still on its way, or was made less than `interval_us` ago, waits and takes nobody's
    place."""
    is_recent = and_(messages.c.created_us > now_us - interval_us, messages.c.created_us <= now_us)
    rests = (
        select(messages.c.message_id)
        .where(
            or_(messages.c.state == WAITING, is_recent),
            messages.c.channel == notices.c.channel,
            messages.c.group_key == notices.c.group_key,
        )
        .exists()
    )
    first = func.min(notices.c.number)
    place = func.row_number().over(partition_by=notices.c.channel, order_by=(first, notices.c.group_key))
    groups = (
        select(notices.c.channel, notices.c.group_key, first.label("first"), place.label("place"))
        .where(notices.c.state == WAITING, notices.c.due_us <= now_us, ~rests)
        .group_by(notices.c.channel, notices.c.group_key)
        .subquery()
    )
    in_turn = select(groups).order_by(groups.c.place, groups.c.first, groups.c.channel).limit(MOST_GROUPS)
    return [(row.channel, row.group_key) for row in connection.execute(in_turn)]


def waiting_of(connection: Connection, channel: str, group_key: str) -> list[Notice]:
    """All that waits in the group, due or not, in order."""
    query = (
        select(*(notices.c[name] for name in Notice.__slots__))
        .where(notices.c.state == WAITING, notices.c.channel == channel, notices.c.group_key == group_key)
        .order_by(notices.c.number, notices.c.event)
        .limit(MOST_OF_GROUP)
    )
    return [_notice(row) for row in connection.execute(query)]


def last_told(connection: Connection, channel: str, incident_ids: Iterable[int]) -> dict[int, str]:
    """Of which of these incidents the channel was told something, and what last."""
    found: dict[int, str] = {}
    for some in chunks(incident_ids):
        query = (
            select(notices.c.incident_id, notices.c.what)
            .where(notices.c.incident_id.in_(some), notices.c.channel == channel, notices.c.state == TOLD)
            .order_by(notices.c.number, notices.c.event)
        )
        found.update({row.incident_id: row.what for row in connection.execute(query)})
    return found


def withheld_incidents(connection: Connection, after: int, limit: int) -> Sequence[int]:
    """Incidents of which news is withheld, of numbers above `after`."""
    which = notices.c.state == WITHHELD, notices.c.incident_id > after
    query = select(notices.c.incident_id).where(*which).distinct().limit(limit)
    return connection.scalars(query.order_by(notices.c.incident_id)).all()


def release(connection: Connection, incident_ids: Iterable[int], now_us: int) -> None:
    """Have withheld news of these incidents wait to be told now."""
    for some in chunks(incident_ids):
        which = notices.c.state == WITHHELD, notices.c.incident_id.in_(some)
        connection.execute(update(notices).where(*which).values(state=WAITING, due_us=now_us, why=""))


def channels_that_heard(connection: Connection, incident_id: int) -> Sequence[str]:
    """Channels that were told of an incident, or will be."""
    which = notices.c.incident_id == incident_id, notices.c.state != DROPPED
    query = select(notices.c.channel).where(*which).distinct().order_by(notices.c.channel)
    return connection.scalars(query).all()


def is_noted(connection: Connection, channel: str, event: str) -> bool:
    """Whether the channel has had this news, or has it before it."""
    which = notices.c.channel == channel, notices.c.event == event
    return connection.scalar(select(notices.c.number).where(*which)) is not None


def untold(connection: Connection) -> int:
    """How much news waits to be told, or is on its way to a channel that has not refused it so far."""
    noted = select(func.count()).select_from(notices).where(notices.c.state == WAITING)
    sent = (
        select(func.count())
        .select_from(messages)
        .where(messages.c.state == WAITING, messages.c.problem == "")
    )
    return (connection.scalar(noted) or 0) + (connection.scalar(sent) or 0)


def settle(
    connection: Connection, news: Iterable[Notice], state: str, message_id: str = "", why: str = ""
) -> None:
    """What became of news that waited."""
    for channel, events in _by_channel(news).items():
        for some in chunks(events):
            which: tuple[ColumnElement[bool], ...] = (
                notices.c.channel == channel, notices.c.event.in_(some), notices.c.state == WAITING,
            )  # fmt: skip
            connection.execute(
                update(notices).where(*which).values(state=state, message_id=message_id, why=why)
            )


def prune_some(connection: Connection, before_us: int) -> int:
    """Delete some of the news that is older than this; returns how much. What waits stays, and what was told
    of an incident that was not over then: that it is over is news to those who know of it alone."""
    is_known = (
        select(incidents.c.incident_id)
        .where(
            incidents.c.incident_id == notices.c.incident_id,
            or_(incidents.c.resolved_us.is_(None), incidents.c.resolved_us >= before_us),
        )
        .exists()
    )
    old = (
        select(notices.c.channel, notices.c.event)
        .where(notices.c.at_us < before_us, notices.c.state.in_((TOLD, DROPPED)), ~is_known)
        .order_by(notices.c.at_us)
        .limit(CHUNK)
    )
    found = connection.execute(old).all()
    for channel in {row.channel for row in found}:
        events = [row.event for row in found if row.channel == channel]
        connection.execute(delete(notices).where(notices.c.channel == channel, notices.c.event.in_(events)))
    return len(found)


def _by_channel(news: Iterable[Notice]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in news:
        found.setdefault(each.channel, []).append(each.event)
    return found


def _notice(row: Row[Any]) -> Notice:
    return Notice(**row._mapping)
