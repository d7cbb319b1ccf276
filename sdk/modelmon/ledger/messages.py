"""Messages on their way: claimed before they are sent, marked after; killed in between, the same one goes
again under the same id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, or_, select, update

from modelmon.ledger.abbreviated import whole_id
from modelmon.ledger.delivery_schema import channel_pauses, delivery_counts, messages
from modelmon.sql.statements import CHUNK, insert_missing, upsert

WAITING, SENT, REFUSED, EXPIRED = "waiting", "sent", "refused", "expired"
FAILED = (REFUSED, EXPIRED)
LATER = "later"
"""Outcome of a try after which the message waits for the next one."""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A message and how it stands; `body` is what it says, as JSON. `number` is that of its newest news."""

    message_id: str
    number: int
    channel: str
    group_key: str
    body: str
    created_us: int
    tries: int = 0
    next_us: int = 0
    state: str = WAITING
    problem: str = ""
    done_us: int | None = None


_COLUMNS = [messages.c[name] for name in KeptMessage.__slots__]


def add_message(connection: Connection, message: KeptMessage) -> None:
    """Have it sent; once is enough."""
    row = {name: getattr(message, name) for name in KeptMessage.__slots__}
    insert_missing(connection, messages, [row])


def due_messages(connection: Connection, now_us: int, limit: int) -> Sequence[KeptMessage]:
    """Those to be tried now, at most `limit` to each channel, in the order of their news.

    None to a channel that wants to be left alone, and none while an older one waits for its next try: what a
    channel does not take now, it takes first.
    """
    is_waiting = messages.c.state == WAITING
    alone = paused(connection, now_us)
    channels = connection.scalars(select(messages.c.channel).where(is_waiting).distinct()).all()
    found: list[KeptMessage] = []
    for channel in sorted(set(channels) - set(alone)):
        query = select(*_COLUMNS).where(is_waiting, messages.c.channel == channel)
        in_order = query.order_by(messages.c.number, messages.c.message_id).limit(limit)
        kept = map(_kept, connection.execute(in_order))
        found += takewhile(lambda each: each.next_us <= now_us, kept)
    return found


def claim(connection: Connection, message: KeptMessage, until_us: int) -> bool:
    """Whether it is ours to try now; nobody else's then until that moment."""
    same = (
        messages.c.message_id == message.message_id,
        messages.c.state == WAITING,
        messages.c.tries == message.tries,
    )
    claimed = connection.execute(
        update(messages).where(*same).values(tries=message.tries + 1, next_us=until_us)
    )
    return claimed.rowcount == 1


def pause(connection: Connection, channel: str, until_us: int) -> None:
    """Leave a channel alone until then, whatever there is to tell; a pause that is longer stays."""
    upsert(connection, channel_pauses, [{"channel": channel, "until_us": until_us}], largest=["until_us"])


def paused(connection: Connection, now_us: int) -> Mapping[str, int]:
    """Channels that want to be left alone, and until when."""
    query = select(channel_pauses).where(channel_pauses.c.until_us > now_us)
    return {row.channel: row.until_us for row in connection.execute(query)}


def mark(
    connection: Connection, message: KeptMessage, state: str, problem: str, now_us: int, next_us: int = 0
) -> bool:
    """What became of a try; False where it is settled already."""
    values: dict[str, Any] = {"state": state, "problem": problem, "next_us": next_us}
    if state != WAITING:
        values["done_us"] = now_us
    which = messages.c.message_id == message.message_id, messages.c.state == WAITING
    if not connection.execute(update(messages).where(*which).values(values)).rowcount:
        return False
    row = {"channel": message.channel, "outcome": LATER if state == WAITING else state, "many": 1}
    upsert(connection, delivery_counts, [row], add=["many"])
    return True


def count_outcomes(connection: Connection) -> Mapping[tuple[str, str], int]:
    """How many tries ended how, by channel and outcome, since ever."""
    columns = delivery_counts.c
    query = select(columns.channel, columns.outcome, columns.many).order_by(columns.channel, columns.outcome)
    return {(row.channel, row.outcome): row.many for row in connection.execute(query)}


def count_states(connection: Connection) -> Mapping[tuple[str, str], int]:
    """How many messages are in which state, by channel and state; not those that were sent."""
    query = (
        select(messages.c.channel, messages.c.state, func.count().label("many"))
        .where(messages.c.state.in_((WAITING, *FAILED)))
        .group_by(messages.c.channel, messages.c.state)
    )
    return {(row.channel, row.state): row.many for row in connection.execute(query)}


def retry(connection: Connection, message_id: str, now_us: int) -> bool:
    """Have one that was given up sent after all, from the beginning; False where there is none such."""
    which = messages.c.message_id == message_id, messages.c.state.in_(FAILED)
    again = {"state": WAITING, "tries": 0, "next_us": now_us, "created_us": now_us, "done_us": None}
    return connection.execute(update(messages).where(*which).values(again)).rowcount == 1


def whole(connection: Connection, said: str) -> str:
    """The id that begins so, where there is one alone. Raises ConfigError where there are several."""
    return whole_id(connection, messages.c.message_id, said, "message")


def one_message(connection: Connection, message_id: str) -> KeptMessage | None:
    row = connection.execute(select(*_COLUMNS).where(messages.c.message_id == message_id)).first()
    return None if row is None else _kept(row)


def newest_messages(
    connection: Connection, limit: int, *, failed: bool, after: KeptMessage | None = None
) -> Sequence[KeptMessage]:
    """The newest messages; with `failed` those that were given up alone, with `after` those older than it."""
    columns = messages.c
    query = select(*_COLUMNS).order_by(columns.created_us.desc(), columns.message_id.desc()).limit(limit)
    if after is not None:
        same = and_(columns.created_us == after.created_us, columns.message_id < after.message_id)
        query = query.where(or_(columns.created_us < after.created_us, same))
    if failed:
        query = query.where(messages.c.state.in_(FAILED))
    return [_kept(row) for row in connection.execute(query)]


def prune_some(connection: Connection, before_us: int) -> int:
    """Delete some of the messages that are older than this, unless they wait; returns how many."""
    old = select(messages.c.message_id).where(messages.c.created_us < before_us, messages.c.state != WAITING)
    ids = connection.scalars(old.order_by(messages.c.created_us).limit(CHUNK)).all()
    connection.execute(delete(messages).where(messages.c.message_id.in_(ids)))
    return len(ids)


def last_sent_us(connection: Connection, channel: str) -> int:
    """When the channel last took a message."""
    which = messages.c.channel == channel, messages.c.state == SENT
    return connection.scalar(select(func.max(messages.c.done_us)).where(*which)) or 0


def _kept(row: Row[Any]) -> KeptMessage:
    return KeptMessage(**row._mapping)
