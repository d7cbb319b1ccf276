"""Whether this machine's clock went back, and what was set aside for it: seen in what was written before."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from modelmon.ledger.clock import STEP_US
from modelmon.ledger.dead_letters import Chosen, count
from modelmon.ledger.schema import traffic
from modelmon.wire import write_moment

IN_THE_FUTURE = "in the future"
"""Stands in the reason of every event that was set aside because its time had not come."""


def clock(connection: Connection, now_us: int) -> dict[str, Any]:
    """What the clock did, as JSON values.

    `behind_seconds`: how far it stands before the newest commit of the stream function, 0.0 where it does
    not; `newest_commit`, null while there was none; `set_aside`: events that were set aside because their
    time had not come, and not sent again.
    """
    newest_us = connection.scalar(select(func.max(traffic.c.committed_us)))
    behind_us = 0 if newest_us is None else newest_us - now_us
    return {
        "behind_seconds": behind_us / 1_000_000 if behind_us > STEP_US else 0.0,
        "newest_commit": None if newest_us is None else write_moment(newest_us),
        "set_aside": count(connection, Chosen(reason=IN_THE_FUTURE, resent=False, whole=True)),
    }
