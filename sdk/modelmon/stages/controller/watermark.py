"""How the watermark rises: the controller's clock goes through every partition of the events.

When the stream function has applied it everywhere, everything published before that clock has been applied.
"""

from __future__ import annotations

from modelmon import wire
from modelmon.streams import Stream

SECOND_US = 1_000_000
UNSEEN_GRACES = 10


class WatermarkClock:
    """Sends the clock no more often than it helps, so that none pile up before a function that is down."""

    def __init__(self, project: str, grace_us: int) -> None:
        self._project = project
        self._seen_wait_us = max(grace_us // 2, SECOND_US)
        self._unseen_wait_us = max(UNSEEN_GRACES * grace_us, 60 * SECOND_US)
        self._sent_us: int | None = None

    def is_due(self, now_us: int, watermark_us: int) -> bool:
        """Whether sending now helps; `watermark_us` is the newest clock that came through everywhere."""
        if self._sent_us is None or now_us < self._sent_us:  # the first, or the clock has gone back
            return True
        wait_us = self._seen_wait_us if watermark_us >= self._sent_us else self._unseen_wait_us
        return now_us >= self._sent_us + wait_us

    def send(self, events: Stream, now_us: int) -> None:
        """Put the clock on every partition. Raises what `publish` raises."""
        body = wire.write_nop_event(now_us, project=self._project)
        for partition in range(events.partitions):
            events.publish([("", body)], partition=partition)
        self._sent_us = now_us

    def forget(self) -> None:
        """What was sent went with its stream: the next one is due at once."""
        self._sent_us = None
