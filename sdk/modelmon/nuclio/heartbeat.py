"""A worker says every few seconds how it is, where others can read it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modelmon.model import WorkerState
from modelmon.nuclio.kept import kept
from modelmon.nuclio.pulse import TICKING, WORD_SECONDS, Pulse
from modelmon.nuclio.stream_progress import StreamProgress
from modelmon.waiting import outages

if TYPE_CHECKING:
    from modelmon.streams.subscriptions import Subscription

logger = logging.getLogger(__name__)

MISSED_BEATS = 3
"""A worker that was not heard for so many beats is gone."""
UNCOMMITTED_SECONDS = 30.0
"""An acknowledgement that is not committed after so long does not arrive; platforms need seconds."""
SETTLED_SECONDS = 20.0
"""A worker that has lived so long has outlived what ended the one before it."""
BEGIN_SECONDS, END_SECONDS = 8.0, 2.0
LEAST_TICK_SECONDS = 60.0
UNCOMMITTED = (
    "what was acknowledged {seconds:.0f} s ago is still not committed for group {group}: the platform loses "
    "acknowledgements (Nuclio 1.14 can't commit to Kafka 4; Kafka 3.9 works), and all of it comes again "
    "after a restart"
)


class StreamPulse:
    """Beats for a worker that reads a stream, until it is ended.

    A worker that was started in the place of one that failed is `failed` too, until it has read everything
    or has lived for a while: else a function that fails at each message would be ready between two tries.
    """

    def __init__(self, context: Any, progress: StreamProgress) -> None:
        self._making, self._settings = kept(context).begun(), kept(context).known_settings()
        self.pulse = Pulse(context, progress)
        self._progress = progress
        self._began = time.monotonic()
        self._last_exit = _last_exit(context)
        self._word: str | None = None
        self._has_beaten = asyncio.Event()
        self._task = asyncio.ensure_future(self._beat_for_ever())

    async def begin(self) -> None:
        """Say how the last worker ended before a message comes that may end this one in the same way."""
        if self._last_exit:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_beaten.wait(), BEGIN_SECONDS)

    async def end(self) -> None:
        """Stop, and take the heartbeat back."""
        self._task.cancel()
        await _end(self.pulse)

    async def _beat_for_ever(self) -> None:
        while True:
            await _beat(self._beat)
            self._has_beaten.set()
            await asyncio.sleep(self._settings.heartbeat_seconds)

    def _beat(self) -> None:
        state, reason = self._state()
        # A failure is heard until the next worker in its place speaks, as the platform lets it wait.
        failed = state is WorkerState.FAILED
        self.pulse.beat(
            state, reason, WORD_SECONDS if failed else self._settings.heartbeat_seconds * MISSED_BEATS
        )

    def _state(self) -> tuple[WorkerState, str]:
        waiting = [f"waiting for {outage.what}: {outage.reason}" for outage in outages()]
        if waiting:
            return WorkerState.WAITING, "; ".join(waiting)
        if self._word is None:
            self._word = self.pulse.last_word() or self._last_exit
            if self._word:
                self.pulse.note_error(self._word, restarts=1)
        if not self._making.done():
            return self._or_failed(WorkerState.STARTING, "opening streams and stores")
        subscription: Subscription = self._making.result().subscription
        failure = self.pulse.observe(subscription)
        if failure:
            return WorkerState.WAITING, f"waiting for its stream: {failure}"
        if self._progress.uncommitted_seconds > UNCOMMITTED_SECONDS:
            reason = UNCOMMITTED.format(seconds=self._progress.uncommitted_seconds, group=subscription.group)
            return WorkerState.UNCOMMITTED, reason
        if self._progress.behind_seconds > self._settings.behind_after_seconds:
            return self._or_failed(
                WorkerState.BEHIND, f"messages wait for {self._progress.behind_seconds:.0f} s"
            )
        return self._or_failed(WorkerState.READY, "")

    def _or_failed(self, state: WorkerState, reason: str) -> tuple[WorkerState, str]:
        if self._progress.is_caught_up or time.monotonic() - self._began > SETTLED_SECONDS:
            self._word = ""
        return (WorkerState.FAILED, self._word) if self._word else (state, reason)


class TickPulse:
    """Beats with every tick of a function that is called now and then.

    The function has one heartbeat, whoever of its workers ticks: it is as its last tick was.
    """

    def __init__(self, context: Any) -> None:
        settings = kept(context).known_settings()
        self._behind_after = settings.behind_after_seconds
        self._longest = 2 * max(settings.base_period * 60.0, settings.controller_interval_seconds)
        self._is_cron = getattr(context.trigger, "kind", "") == "cron"
        self._last: float | None = None
        self._last_exit = _last_exit(context)
        self.pulse = Pulse(context, StreamProgress(), TICKING)

    async def begin(self) -> None:
        """The function has started and waits for its first tick."""
        await _beat(self._begin)

    def _begin(self) -> None:
        word = self.pulse.last_word() or self._last_exit
        if word:
            self.pulse.note_error(word, restarts=1)
        state = WorkerState.FAILED if word else WorkerState.READY
        self.pulse.beat(state, word or "no tick yet", self._longest)

    async def ticked(self, unavailable: Mapping[str, str], queue: Sequence[int] | None = None) -> None:
        """A tick has ended; `unavailable` is what it could not reach, and why. `queue`: where that which it
        works off ends, and how far it has come."""
        if queue is not None:
            self.pulse.progress.observe({0: queue[0]}, {0: queue[1]}, time.monotonic())
        state, reason = WorkerState.READY, ""
        if unavailable:
            state = WorkerState.WAITING
            reason = "; ".join(f"{what}: {why}" for what, why in unavailable.items())
        elif (behind := self.pulse.progress.behind_seconds) > self._behind_after:
            state, reason = WorkerState.BEHIND, f"what is to be sent waits for {behind:.0f} s"
        seconds = self._until_missed(time.monotonic())
        await _beat(lambda: self.pulse.beat(state, reason, seconds))

    def _until_missed(self, now: float) -> float:
        """Three ticks of a cron trigger, by the time between the last two, and a minute at least."""
        last, self._last = self._last, now
        if last is None or not self._is_cron:
            return self._longest
        return min(self._longest, max(LEAST_TICK_SECONDS, MISSED_BEATS * (now - last)))

    async def end(self) -> None:
        """The last worker to end takes the heartbeat back; one that goes on will beat again."""
        await _end(self.pulse)


def _last_exit(context: Any) -> str:
    # Told by a platform that knows it: who is killed can't say so itself.
    last_exit = kept(context).last_exit
    return f"its last worker {last_exit}, see the function's log" if last_exit else ""


async def _beat(beat: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(beat)
    except Exception:  # no mistake in here may end a worker that does its work
        logger.exception("the heartbeat failed; what the function does is not concerned")


async def _end(pulse: Pulse) -> None:
    # Records that hang must not keep a worker from ending; it then counts as gone a little later.
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.to_thread(pulse.end), END_SECONDS)
