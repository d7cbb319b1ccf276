"""Messages and channels as they are shown: pages, the newest first; what a channel does not take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from modelmon.alerting.channels import Channel
from modelmon.errors import ConfigError
from modelmon.ledger import messages as ledger
from modelmon.ledger.channel_states import ChannelState, channel_states
from modelmon.ledger.messages import KeptMessage
from modelmon.model import from_us

PAGE = 100


class _Said(msgspec.Struct, frozen=True):
    """Of what a message says."""

    title: str
    severity: str
    lines: tuple[msgspec.Raw, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message and how it stands: waiting, sent, refused (for good) or expired (a day in vain). `problem` is
    what was said of the last try; `next_try` is set while it waits, `done` once it was sent or given up."""

    message_id: str
    channel: str
    title: str
    severity: str
    incidents: int
    state: str
    tries: int
    problem: str
    made: datetime
    next_try: datetime | None
    done: datetime | None

    @property
    def is_failed(self) -> bool:
        return self.state in ledger.FAILED


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages, the newest first; `after` asks for the next page, "" on the last one."""

    messages: tuple[SentMessage, ...]
    after: str


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel and how it stands: `waiting` messages, `failed` ones that were given up since it last took
    one, what it said of the newest of them. No address of it: that may be a secret."""

    name: str
    kind: str
    waiting: int
    failed: int
    problem: str
    last_sent: datetime | None
    left_alone_until: datetime | None


def list_messages(
    connection: Connection, limit: int = PAGE, *, failed: bool = False, after: str = ""
) -> MessagePage:
    """With `failed` those alone that were given up. Raises ConfigError for a page that follows no message."""
    before = known_message(connection, after) if after else None
    found = ledger.newest_messages(connection, limit + 1, failed=failed, after=before)
    shown = tuple(shown_message(each) for each in found[:limit])
    return MessagePage(shown, shown[-1].message_id if len(found) > limit else "")


def known_message(connection: Connection, message_id: str) -> KeptMessage:
    """Raises ConfigError where there is none such."""
    found = ledger.one_message(connection, message_id)
    if found is None:
        raise ConfigError(f"message: there is no {message_id!r}; `modelmon alerts messages` lists them")
    return found


def shown_message(message: KeptMessage) -> SentMessage:
    said = msgspec.json.decode(message.body, type=_Said)
    waits = message.state == ledger.WAITING
    return SentMessage(
        message.message_id, message.channel, said.title, said.severity, len(said.lines) + said.more,
        message.state, message.tries, message.problem, from_us(message.created_us),
        from_us(message.next_us) if waits else None,
        None if message.done_us is None else from_us(message.done_us),
    )  # fmt: skip


def list_channels(
    connection: Connection, channels: Mapping[str, Channel], now_us: int
) -> tuple[ChannelView, ...]:
    """Those of `alerts.yaml`, in its order."""
    kinds = {name: each.kind.value for name, each in channels.items()}
    return tuple(
        channel_view(each, kinds[each.channel]) for each in channel_states(connection, channels, now_us)
    )


def channel_view(state: ChannelState, kind: str) -> ChannelView:
    return ChannelView(
        state.channel, kind, state.waiting, state.failed, state.problem,
        from_us(state.last_sent_us) if state.last_sent_us else None,
        from_us(state.paused_until_us) if state.paused_until_us else None,
    )  # fmt: skip
