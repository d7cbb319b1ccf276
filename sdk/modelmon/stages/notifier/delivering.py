"""Messages that are due go to their channels, each channel in its own order and at its own pace."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import msgspec

from modelmon.alerting import Alerts, Channel
from modelmon.errors import UnavailableError
from modelmon.ledger import messages
from modelmon.ledger.messages import EXPIRED, REFUSED, SENT, WAITING, KeptMessage
from modelmon.model import DAY_US
from modelmon.notify import LaterError, Message, RefusedError
from modelmon.sql.database import Database
from modelmon.stages.notifier.composing import fallback_of
from modelmon.waiting import away, back

logger = logging.getLogger(__name__)

MOST = 200
"""Of each channel in a tick."""
MOST_CHANNELS = 16
CLAIM_US = 120_000_000
"""How long a message that somebody tries is nobody else's: longer than any try lasts."""
GIVEN_UP_US = DAY_US
FIRST_WAIT_S, LAST_WAIT_S = 10.0, 3600.0
GONE = "the channel {!r} is in no version of the alerts any more"
Send = Callable[[Channel, Message], str]


@dataclass(slots=True)
class Delivered:
    """What became of the messages of a tick; `problems` are channels and what they said last."""

    sent: int = 0
    later: int = 0
    refused: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


def deliver(database: Database, alerts: Alerts, send: Send, now_us: int, seconds: float) -> Delivered:
    """Try what is due, for about so many seconds; the channels side by side, since each may hang."""
    with database.read() as connection:
        due = messages.due_messages(connection, now_us, MOST)
    of_channel: dict[str, list[KeptMessage]] = {}
    for message in due:
        of_channel.setdefault(message.channel, []).append(message)
    done = Delivered()
    delivering = _Delivering(database, alerts, send, now_us, time.monotonic(), seconds, done)
    if of_channel:
        with ThreadPoolExecutor(min(MOST_CHANNELS, len(of_channel)), "modelmon-channel") as threads:
            for _ in threads.map(delivering.channel, of_channel, of_channel.values()):
                pass
    return done


@dataclass(frozen=True, slots=True)
class _Delivering:
    database: Database
    alerts: Alerts
    send: Send
    now_us: int
    began: float
    seconds: float
    done: Delivered

    def channel(self, name: str, due: Sequence[KeptMessage]) -> None:
        """Its messages one after the other; the first one that it does not take now, or that somebody else
        tries, ends its turn."""
        channel = self.alerts.channels.get(name)
        with self.database.read() as connection:
            last_us = messages.last_sent_us(connection, name)
        for message in due:
            if self._passed() > self.seconds:
                return
            if channel is None:
                self._settle(message, REFUSED, GONE.format(name))
                continue
            self._pace(channel, last_us)
            with self.database.write() as connection:
                mine = messages.claim(connection, message, self._now_us() + CLAIM_US)
            if not mine or not self._try(channel, message):
                return
            last_us = self._now_us()

    def _try(self, channel: Channel, message: KeptMessage) -> bool:
        """Whether the channel is to be tried with the next message."""
        try:
            note = self.send(channel, msgspec.json.decode(message.body, type=Message))
        except LaterError as error:
            return self._later(message, error)
        except RefusedError as error:
            self._settle(message, REFUSED, str(error))
            return True
        self._settle(message, SENT, note)
        return True

    def _later(self, message: KeptMessage, error: LaterError) -> bool:
        wait_us = round(1e6 * max(error.after_seconds, wait_seconds(message)))
        next_us = self._now_us() + wait_us
        if error.after_seconds:  # it speaks of all that comes, not of this message alone
            until_us = self._now_us() + round(1e6 * error.after_seconds)
            with self.database.write() as connection:
                messages.pause(connection, message.channel, until_us)
        if next_us - message.created_us > GIVEN_UP_US:
            self._settle(message, EXPIRED, str(error))
        else:
            self._settle(message, WAITING, str(error), next_us)
        return False

    def _settle(self, message: KeptMessage, state: str, problem: str, next_us: int = 0) -> None:
        now_us = self._now_us()
        with self.database.write() as connection:
            settled = messages.mark(connection, message, state, problem, now_us, next_us)
            if settled and state in messages.FAILED:
                other = fallback_of(self.alerts, message, problem, now_us)
                if other is not None:
                    messages.add_message(connection, other)
        with self.done.lock:
            self._count(message, state, problem)

    def _count(self, message: KeptMessage, state: str, problem: str) -> None:
        self.done.sent += state == SENT
        self.done.later += state == WAITING
        self.done.refused += state in messages.FAILED
        name = f"channel {message.channel}"
        if state == SENT:
            back(name)
            return
        self.done.problems[message.channel] = problem
        if state == WAITING:
            away(name, UnavailableError(problem))
        else:
            logger.error("%s: message %s is given up: %s", name, message.message_id, problem)

    def _pace(self, channel: Channel, last_us: int) -> None:
        """Wait until the channel takes one more, in its own thread: above its pace Slack shows none."""
        wait_us = last_us + 1e6 / channel.per_second - self._now_us()
        if last_us and 0 < wait_us <= 1e6 / channel.per_second:
            time.sleep(wait_us / 1e6)  # at most a message's time at its pace

    def _passed(self) -> float:
        return time.monotonic() - self.began

    def _now_us(self) -> int:
        return self.now_us + round(1e6 * self._passed())


def wait_seconds(message: KeptMessage) -> float:
    """How long after a try in vain: longer and longer, and not all messages at the same moment.

    >>> [round(wait_seconds(KeptMessage("00", 1, "a", "", "", 0, tries=tries))) for tries in (0, 1, 2, 20)]
    [10, 20, 40, 3600]
    """
    spread = int(message.message_id[:2], 16) / 255 * 0.2
    return float(min(FIRST_WAIT_S * 2 ** min(message.tries, 16), LAST_WAIT_S) * (1 + spread))
