"""Whether this machine's clock went back, and what was set aside for it: seen in what was written before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from modelmon.ledger.clock import STEP_US
from modelmon.ledger.dead_letters import Chosen, count
from modelmon.ledger.schema import traffic
from modelmon.model import from_us

IN_THE_FUTURE = "in the future"
"""Stands in the reason of every event that was set aside because its time had not come."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the clock did.

    `behind_seconds`: how far it stands before the newest commit of the stream function, 0.0 where it does
    not; `newest_commit`, None while there was none; `set_aside`: events that were set aside because their
    time had not come, and not sent again.
    """

    behind_seconds: float
    newest_commit: datetime | None
    set_aside: int


def read_clock(connection: Connection, now_us: int) -> ClockState:
    """What the clock did, as far as it is known at this time."""
    newest_us = connection.scalar(select(func.max(traffic.c.committed_us)))
    behind_us = 0 if newest_us is None else newest_us - now_us
    return ClockState(
        behind_us / 1_000_000 if behind_us > STEP_US else 0.0,
        None if newest_us is None else from_us(newest_us),
        count(connection, Chosen(reason=IN_THE_FUTURE, resent=False, whole=True)),
    )
