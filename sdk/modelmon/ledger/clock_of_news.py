"""The notifier's clock was ahead and has been set right: what was noted by it is put back by as much.

News waits for moments, repeats and escalations count from them: until the clock came there again nobody would
be told. What was noted in order stays in order.
"""

from __future__ import annotations

from sqlalchemy import Connection, update

from modelmon.ledger.action_runs import action_runs
from modelmon.ledger.delivery_schema import channel_pauses, messages, notices
from modelmon.ledger.incident_schema import incidents

_MOMENTS = (
    notices.c.at_us, notices.c.due_us, messages.c.created_us, messages.c.next_us, messages.c.done_us,
    channel_pauses.c.until_us, action_runs.c.made_us, action_runs.c.next_us, action_runs.c.done_us,
    incidents.c.raised_us,
)  # fmt: skip
"""Without what a person has said: an acknowledgement or a silence ends when they said."""


def set_news_back(connection: Connection, now_us: int, ahead_us: int) -> None:
    """Every moment after now is earlier by so much: by how far the clock was ahead."""
    for moment in _MOMENTS:
        earlier = update(moment.table).where(moment > now_us).values({moment: moment - ahead_us})
        connection.execute(earlier)
