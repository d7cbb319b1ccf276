"""A worker says every few seconds how it is, where others can read it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modelmon.model import WorkerState
from modelmon.nuclio.progress import Progress
from modelmon.nuclio.pulse import Pulse
from modelmon.settings import Settings
from modelmon.waiting import outages

if TYPE_CHECKING:
    from modelmon.streams.subscriptions import Subscription

logger = logging.getLogger(__name__)

MISSED_BEATS = 3
"""A worker that was not heard for so many beats is gone."""
UNCOMMITTED_SECONDS = 30.0
"""An acknowledgement that is not committed after so long does not arrive; platforms need seconds."""
END_SECONDS = 2.0
UNCOMMITTED = (
    "what was acknowledged {seconds:.0f} s ago is still not committed for group {group}: the platform loses "
    "acknowledgements (Nuclio 1.14 can't commit to Kafka 4; Kafka 3.9 works), and all of it comes again "
    "after a restart"
)


class StreamPulse:
    """Beats for a worker that reads a stream, until it is ended."""

    def __init__(self, context: Any, progress: Progress) -> None:
        self._making = context.user_data.making
        self._settings: Settings = context.user_data.settings
        self._pulse = Pulse(context, progress)
        self._progress = progress
        self._task = asyncio.ensure_future(self._beat_for_ever())

    async def end(self) -> None:
        """Stop, and take the heartbeat back."""
        self._task.cancel()
        await _end(self._pulse)

    async def _beat_for_ever(self) -> None:
        while True:
            await _beat(self._beat)
            await asyncio.sleep(self._settings.heartbeat_seconds)

    def _beat(self) -> None:
        seconds = self._settings.heartbeat_seconds * MISSED_BEATS
        self._pulse.beat(*self._state(), seconds)

    def _state(self) -> tuple[WorkerState, str]:
        waiting = [f"waiting for {outage.what}: {outage.reason}" for outage in outages()]
        if waiting:
            return WorkerState.WAITING, "; ".join(waiting)
        if not self._making.done():
            return WorkerState.STARTING, "opening streams and stores"
        subscription: Subscription = self._making.result().subscription
        failure = self._pulse.observe(subscription)
        if failure:
            return WorkerState.WAITING, f"waiting for its stream: {failure}"
        if self._progress.uncommitted_seconds > UNCOMMITTED_SECONDS:
            reason = UNCOMMITTED.format(seconds=self._progress.uncommitted_seconds, group=subscription.group)
            return WorkerState.UNCOMMITTED, reason
        if self._progress.behind_seconds > self._settings.behind_after_seconds:
            return WorkerState.BEHIND, f"messages wait for {self._progress.behind_seconds:.0f} s"
        return WorkerState.READY, ""


class TickPulse:
    """Beats with every tick of a worker that is called now and then."""

    def __init__(self, context: Any) -> None:
        settings: Settings = context.user_data.settings
        self._seconds = 2 * max(settings.base_period * 60, settings.controller_interval_seconds)
        self._pulse = Pulse(context, Progress())

    async def ticked(self, failure: str = "") -> None:
        """A tick has ended, well or with this failure; two more may be missed before it counts as gone."""
        state = WorkerState.WAITING if failure else WorkerState.READY
        reason = f"the last tick failed: {failure}" if failure else ""
        await _beat(lambda: self._pulse.beat(state, reason, self._seconds))

    async def end(self) -> None:
        """Take the heartbeat back."""
        await _end(self._pulse)


async def _beat(beat: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(beat)
    except Exception:
        logger.exception("the heartbeat failed; what the function does is not concerned")


async def _end(pulse: Pulse) -> None:
    # Records that hang must not keep a worker from ending; it then counts as gone a little later.
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(pulse.end), END_SECONDS)
