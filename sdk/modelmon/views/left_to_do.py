"""What is left to do, until nothing is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from modelmon.ledger.schema import dirty
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.views.lag import Lagging
from modelmon.views.window_counts import count_pending
from modelmon.windows import WindowState


@dataclass(frozen=True, slots=True)
class LeftToDo:
    """Messages to read by consumer group, minutes with new rows to look at, windows to come by state."""

    messages: Mapping[str, int]
    minutes: int
    windows: Mapping[WindowState, int]

    @property
    def is_idle(self) -> bool:
        return not (any(self.messages.values()) or self.minutes or self.windows)


def left_to_do(
    database: Database, streams: Mapping[str, Lagging], now_us: int, settings: Settings
) -> LeftToDo:
    """What is left to do on these streams, each by its consumer group, and in the ledger.

    Windows that end in the future, or that wait for the completion of a batch job, are not waited for.
    """
    # In the direction of the flow, so that what moves on meanwhile is met further down.
    messages = {group: sum(stream.lag(group).values()) for group, stream in streams.items()}
    with database.read() as connection:
        minutes = connection.scalar(select(func.count()).select_from(dirty)) or 0
        pending = count_pending(connection, now_us, settings.app_attempts)
    return LeftToDo(messages, minutes, pending)
