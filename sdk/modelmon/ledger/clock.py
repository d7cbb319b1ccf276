"""The wall clock was ahead and has been set right: what was noted ahead of it is taken for done by now.

Nothing that was noted happened later than now, so now is a bound of it, and what waits for a moment after it
waits no longer than it has to.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from modelmon.ledger.due_windows import NEVER_US
from modelmon.ledger.schema import positions, traffic, windows

STEP_US = 60_000_000
"""A clock may be set by less than this without a word: the machines of a cluster differ too."""


def is_behind(connection: Connection, now_us: int) -> bool:
    """Whether the newest commits or clock messages of a stream come from after this moment."""
    newest = connection.execute(select(func.max(positions.c.applied_us), func.max(positions.c.nop_us))).one()
    return max(newest[0] or 0, newest[1] or 0) > now_us + STEP_US


def set_back(connection: Connection, now_us: int) -> None:
    """Take every commit, change and wait that is noted for after this moment to be of this moment."""
    ahead_us = now_us + STEP_US
    connection.execute(update(traffic).where(traffic.c.committed_us > ahead_us).values(committed_us=now_us))
    connection.execute(update(windows).where(windows.c.dirty_us > ahead_us).values(dirty_us=now_us))
    late = (windows.c.check_us > ahead_us, windows.c.end_us <= now_us)
    connection.execute(update(windows).where(*late).values(check_us=now_us, watermark_us=0))
    waits = windows.c.watermark_us.between(ahead_us, NEVER_US - 1)
    connection.execute(update(windows).where(waits).values(watermark_us=0))
