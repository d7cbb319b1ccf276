"""Whether the whole chain is well: streams are read, ticks come, verdicts are written, messages arrive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Select, and_, or_, select

from modelmon.alerting.heartbeat import Heartbeat
from modelmon.ledger.channel_states import todays
from modelmon.ledger.delivery_schema import messages
from modelmon.ledger.messages import FAILED, WAITING
from modelmon.model import MINUTE_US, WorkerState
from modelmon.notify.beating import call
from modelmon.sql.database import Database
from modelmon.stages.notifier.measuring import known_functions
from modelmon.views.silence import read_silence

LATE_US = 15 * MINUTE_US
FAILED_US = 60 * MINUTE_US
"""So long a message that was given up is trouble: after that somebody else has been told of it."""


def troubles(connection: Connection, now_us: int) -> Iterator[str]:
    """What is not well, in words; nothing where all is."""
    functions = known_functions(connection, now_us)
    for name, each in sorted(functions.items()):
        if each.health.state != WorkerState.READY.value:
            reason = f" ({each.health.reason})" if each.health.reason else ""
            yield f"{name}: {each.health.state}{reason}"
    if not functions:
        yield "no function has a heartbeat"
    silence = read_silence(connection)
    if silence is not None:
        yield silence.words
    for channel in todays(connection, [str(each) for each in connection.scalars(_not_taken(now_us))]):
        yield f"channel {channel}: it does not take messages"


def _not_taken(now_us: int) -> Select[tuple[str]]:
    given_up = and_(messages.c.state.in_(FAILED), messages.c.done_us >= now_us - FAILED_US)
    is_late = and_(
        messages.c.state == WAITING, messages.c.problem != "", messages.c.created_us <= now_us - LATE_US
    )
    return select(messages.c.channel).where(or_(given_up, is_late)).distinct().order_by(messages.c.channel)


@dataclass(slots=True)
class Beating:
    """Calls the switch at most once a minute."""

    database: Database
    called_us: int = 0

    def beat(self, heartbeat: Heartbeat, problem: str, now_us: int) -> str:
        """Returns why it could not be called, or "". `problem` is what this tick could not do."""
        if not heartbeat.url or 0 <= now_us - self.called_us < MINUTE_US:
            return ""
        self.called_us = now_us
        with self.database.read() as connection:
            found = [*troubles(connection, now_us), *([problem] if problem else [])]
        return call(heartbeat, found)
