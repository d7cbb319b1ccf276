"""The stream function, free of Nuclio: takes messages, writes batches, acknowledges last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

from modelmon.ledger.batches import Position, read_position
from modelmon.ledger.clock import STEP_US
from modelmon.ledger.records import open_records
from modelmon.model import Message, wall_clock_us
from modelmon.settings import Settings
from modelmon.stages.stream.exactly_once import Parts, apply_batch
from modelmon.stages.stream.files import writer_threads
from modelmon.stages.stream.partition import PartitionBuffer
from modelmon.stages.stream.taking_over import passed_over, take_over_partition
from modelmon.stores.actuals import open_actuals
from modelmon.stores.samples import open_samples
from modelmon.stores.series import open_series
from modelmon.streams.base import Acknowledge
from modelmon.streams.subscriptions import Subscription, events_of
from modelmon.waiting import when_available

logger = logging.getLogger(__name__)

LOST_SECONDS = 60.0
"""How long messages of a partition that another owner took may still arrive before this is an error."""


class StreamStage:
    """Applies the events stream to samples, series and records, each message once.

    A partition is taken over with its first message. Its batches are cut by messages, bytes and time, and
    written one at a time; `accept` writes a full one before it returns, and a task of our own those that
    have waited long enough. What fails for good is raised by `accept`, `drain` or `close`, whichever is
    called next, with nothing of it acknowledged; `failed` waits for it.
    """

    def __init__(
        self,
        settings: Settings,
        acknowledge: Acknowledge,
        graph: Callable[[Parts], Any],
        clock: Callable[[], int] = wall_clock_us,
    ) -> None:
        self._settings = settings
        self._acknowledge = acknowledge
        self._writers = ThreadPoolExecutor(writer_threads(settings), "samples")
        self._parts = Parts(
            settings=settings,
            samples=open_samples(settings),
            samples_path=settings.location("samples_path"),
            series=open_series(settings),
            records=open_records(settings),
            writers=self._writers,
            actuals=open_actuals(settings),
            clock=clock,
        )
        self._flow = graph(self._parts).run()
        self._buffers: dict[int, PartitionBuffer] = {}
        self._held_bytes = 0
        self._newest_us = 0
        self._writing = asyncio.Lock()
        self._something_held = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._timer = loop.create_task(self._write_by_time())
        self._ending = loop.create_task(self._flow.await_termination())
        for task in (self._timer, self._ending):
            task.add_done_callback(_retrieve)

    @property
    def subscription(self) -> Subscription:
        """What it reads."""
        return events_of(self._settings)

    async def accept(self, *messages: Message) -> None:
        """Hold messages, and write what is then ready; waits while too many bytes are held."""
        if len(messages) == 1:  # Nuclio's way, and each microsecond counts
            await self._take(messages)
            return
        for _, run in groupby(messages, key=attrgetter("partition")):
            rest: Sequence[Message] = tuple(run)
            while rest:
                rest = rest[await self._take(rest) :]

    async def _take(self, messages: Sequence[Message]) -> int:
        """Hold messages of one partition up to one that makes its batch full, and write that; how many."""
        self._raise_failure()
        message = messages[0]
        buffer = self._buffers.get(message.partition)
        if buffer is None or not buffer.is_owned:
            buffer = self._buffers[message.partition] = await self._owned(message, buffer)
            await self._catch_up(buffer, message.offset)
            if self._buffers.get(message.partition) is not buffer:  # drained meanwhile
                return await self._take(messages)
        if message.offset <= buffer.applied:
            buffer.delivered = message.offset
            if message.offset == buffer.applied:  # done already, but the platform may not know
                await self._acknowledge(message.partition, message.offset)
            return 1
        if self._held_bytes + len(message.body) > self._settings.buffer_max_bytes:
            buffer.delivered = message.offset
            await self._make_room(len(message.body))
        before, now = buffer.bytes, _monotonic()
        count = 0
        if len(messages) > 1:
            count = buffer.fill(messages, self._settings.buffer_max_bytes - self._held_bytes, now)
        is_held = count > 0 or buffer.add(message, now)
        count = count or 1
        buffer.delivered = messages[count - 1].offset
        if is_held:
            self._held_bytes += buffer.bytes - before
            self._something_held.set()
            if buffer.is_full:
                await self._write(buffer, only_full=True)
        return count

    async def drain(self) -> None:
        """Write and acknowledge everything that can be cut; every partition is newly taken over after it.

        What can't be cut is an open batch that has not arrived whole: it stays held, unacknowledged.
        """
        self._raise_failure()
        for partition, buffer in list(self._buffers.items()):
            while buffer.can_cut:
                await self._write(buffer)
            if buffer.is_clean:
                del self._buffers[partition]
            else:
                buffer.is_drained = True

    async def close(self) -> None:
        """Drain, then release everything."""
        try:
            await self.drain()
            await self._flow.terminate(wait=True)
        finally:
            self._timer.cancel()
            await asyncio.wait({self._timer})
            self._writers.shutdown()
            self._parts.records.close()
            self._parts.series.close()

    async def failed(self) -> None:
        """Raises what the task that writes by time failed with; returns when the stage is closed."""
        with suppress(asyncio.CancelledError):
            await asyncio.shield(self._timer)

    async def _owned(self, message: Message, held: PartitionBuffer | None) -> PartitionBuffer:
        """The buffer of a partition that is new here, was drained, or was taken by another owner."""
        if held is not None and message.offset > held.delivered:
            return await self._continued(message, held)
        self._held_bytes -= held.lose(_monotonic()) if held is not None else 0
        look = partial(take_over_partition, self._settings, self._parts, message)
        position = await when_available(look, self._settings, "the records and the events stream")
        return PartitionBuffer(position, self._settings)

    async def _continued(self, message: Message, held: PartitionBuffer) -> PartitionBuffer:
        """The buffer of a partition whose delivery goes on where it was when it was drained or lost.

        An owner must have every message after what is applied. So what was dropped must be applied by now,
        or nobody else may have had the partition; else we stay out of it until its delivery starts anew.
        """
        if held.is_drained:
            look = partial(_look_up, self._parts, held.position)
            position = await when_available(look, self._settings, "the records")
            is_ours = held.lost_at is None and position.epoch == held.position.epoch
            if is_ours and position.applied < held.newest:
                held.is_drained = False
                return held
            self._held_bytes -= held.lose(_monotonic())
            if position.applied >= held.newest:
                return await self._owned(message, None)
        _check_lost(held, message)
        return held

    async def _catch_up(self, buffer: PartitionBuffer, before: int) -> None:
        """Hold what lies between what is applied and the first message that was delivered: the group read it
        already, but the records, which came from a backup, don't know of it."""
        partition = buffer.position.partition
        while buffer.is_owned and buffer.newest + 1 < before:
            look = partial(passed_over, self._settings, partition, buffer.newest + 1, before)
            rest = await when_available(look, self._settings, "the events stream")
            if not rest:
                return
            while rest and buffer.is_owned and self._buffers.get(partition) is buffer:
                rest = rest[await self._take(rest) :]
            if rest:
                return

    async def _make_room(self, size: int) -> None:
        """Write until `size` more bytes may be held, or nothing is left that can be written."""
        while self._held_bytes + size > self._settings.buffer_max_bytes:
            ready = [buffer for buffer in self._buffers.values() if buffer.can_cut]
            if not ready:
                return
            await self._write(max(ready, key=lambda buffer: buffer.bytes))

    async def _write(self, buffer: PartitionBuffer, *, only_full: bool = False) -> None:
        async with self._writing:
            # While we waited for our turn, someone else may have written it or lost the partition.
            if not buffer.can_cut or (only_full and not buffer.is_full):
                return
            cut, partition = buffer.cut(), buffer.position.partition
            if await apply_batch(self._parts, buffer.position, cut, self._now_us(), self._flow.emit):
                self._held_bytes -= buffer.done(cut, _monotonic())
                await self._acknowledge(partition, cut.open.last)
            else:
                self._held_bytes -= buffer.lose(_monotonic())
                logger.warning("another owner took partition %d over; dropped what was held", partition)

    def _now_us(self) -> int:
        now_us = self._parts.clock()
        if now_us < self._newest_us - STEP_US:
            logger.warning(
                "the clock went back by %.0f s: events that are %g s ahead of it are set aside, and windows "
                "wait; `modelmon status` says what to send again",
                (self._newest_us - now_us) / 1_000_000,
                self._settings.future_seconds,
            )
        self._newest_us = now_us
        return now_us

    async def _write_by_time(self) -> None:
        """Cut what has waited long enough; while nothing is held, wait for something."""
        while True:
            waiting = [buffer for buffer in self._buffers.values() if buffer.can_cut]
            if not waiting:
                self._something_held.clear()
                await self._something_held.wait()
                continue
            due = min(buffer.since for buffer in waiting) + self._settings.flush_after_seconds
            await asyncio.sleep(max(0.0, due - _monotonic()))
            for buffer in waiting:
                if buffer.is_due(_monotonic()):
                    await self._write(buffer)

    def _raise_failure(self) -> None:
        if self._timer.done() and not self._timer.cancelled():
            self._timer.result()


def _retrieve(task: asyncio.Task[Any]) -> None:
    # What a step raises reaches us through `emit`; unread in its task it would be logged once more.
    if not task.cancelled():
        task.exception()


def _look_up(parts: Parts, position: Position) -> Position:
    with parts.records.read() as connection:
        return read_position(connection, position.stream_id, position.partition)


def _check_lost(buffer: PartitionBuffer, message: Message) -> None:
    if buffer.lost_at is not None and _monotonic() - buffer.lost_at > LOST_SECONDS:
        raise RuntimeError(
            f"partition {message.partition} is still delivered here although another owner took it over "
            f"{LOST_SECONDS:g} s ago; only a restart reads again from what is acknowledged"
        )


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
