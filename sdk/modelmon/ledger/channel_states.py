"""How the channels stand: what waits for them, what they did not take, what they said last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from modelmon.errors import ConfigError
from modelmon.ledger.alert_files import newest_file
from modelmon.ledger.delivery_schema import messages
from modelmon.ledger.messages import FAILED, WAITING, last_sent_us, paused


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Of one channel: `waiting` messages, `failed` ones that were given up since it last took one, what it
    said of the newest that it did not take, when it last took one (0: never), until when it wants to be left
    alone (0: it does not)."""

    channel: str
    waiting: int = 0
    failed: int = 0
    problem: str = ""
    last_sent_us: int = 0
    paused_until_us: int = 0


def channel_states(connection: Connection, channels: Iterable[str], now_us: int) -> list[ChannelState]:
    alone = paused(connection, now_us)
    return [_state(connection, each, alone.get(each, 0)) for each in channels]


def broken_channels(connection: Connection, now_us: int) -> Sequence[ChannelState]:
    """Those of today's channels that gave up messages and have taken none since."""
    query = select(messages.c.channel).where(messages.c.state.in_(FAILED)).distinct()
    names = connection.scalars(query.order_by(messages.c.channel)).all()
    if not names:
        return ()
    found = channel_states(connection, todays(connection, names), now_us)
    return [each for each in found if each.failed]


def todays(connection: Connection, names: Iterable[str]) -> list[str]:
    """Those of these channels that alerts.yaml has now: what became of another one's messages is history."""
    try:
        known = newest_file(connection).alerts.channels
    except ConfigError:  # of a later ModelMon: nobody knows here which are gone
        return list(names)
    return [each for each in names if each in known]


def _state(connection: Connection, channel: str, paused_until_us: int) -> ChannelState:
    sent_us = last_sent_us(connection, channel)
    count = select(func.count()).select_from(messages).where(messages.c.channel == channel)
    waits = messages.c.channel == channel, messages.c.state == WAITING
    gone = (
        messages.c.channel == channel, messages.c.state.in_(FAILED), messages.c.done_us > sent_us,
    )  # fmt: skip
    said = select(messages.c.problem).limit(1)
    newest = said.where(*gone).order_by(messages.c.done_us.desc())
    put_off = said.where(*waits, messages.c.problem != "").order_by(messages.c.next_us.desc())
    return ChannelState(
        channel,
        connection.scalar(count.where(*waits)) or 0,
        connection.scalar(count.where(*gone)) or 0,
        connection.scalar(newest) or connection.scalar(put_off) or "",
        sent_us,
        paused_until_us,
    )
