"""A worker says every few seconds how it is, where others can read it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
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
TICKING = "ticks"
LEAST_TICK_SECONDS = 60.0
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
    """Beats with every tick of a function that is called now and then.

    The function has one heartbeat, whoever of its workers ticks: it is as its last tick was.
    """

    def __init__(self, context: Any) -> None:
        settings: Settings = context.user_data.settings
        self._longest = 2 * max(settings.base_period * 60.0, settings.controller_interval_seconds)
        self._is_cron = getattr(context.trigger, "kind", "") == "cron"
        self._last: float | None = None
        self._pulse = Pulse(context, Progress(), TICKING)

    async def begin(self) -> None:
        """The function has started and waits for its first tick."""
        await _beat(lambda: self._pulse.beat(WorkerState.READY, "no tick yet", self._longest))

    async def ticked(self, unavailable: Mapping[str, str]) -> None:
        """A tick has ended; `unavailable` is what it could not reach, and why."""
        state = WorkerState.WAITING if unavailable else WorkerState.READY
        reason = "; ".join(f"{what}: {why}" for what, why in unavailable.items())
        seconds = self._until_missed(time.monotonic())
        await _beat(lambda: self._pulse.beat(state, reason, seconds))

    def _until_missed(self, now: float) -> float:
        """Three ticks of a cron trigger, by the time between the last two, and a minute at least."""
        last, self._last = self._last, now
        if last is None or not self._is_cron:
            return self._longest
        return min(self._longest, max(LEAST_TICK_SECONDS, MISSED_BEATS * (now - last)))

    async def end(self) -> None:
        """The last worker to end takes the heartbeat back; one that goes on will beat again."""
        await _end(self._pulse)


async def _beat(beat: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(beat)
    except Exception:  # no mistake in here may end a worker that does its work
        logger.exception("the heartbeat failed; what the function does is not concerned")


async def _end(pulse: Pulse) -> None:
    # Records that hang must not keep a worker from ending; it then counts as gone a little later.
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(pulse.end), END_SECONDS)
