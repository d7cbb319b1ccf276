"""Messages of streams, handed over in order: one by one as Nuclio's triggers do, or a poll at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from modelmon.function_spec.topics import open_topic
from modelmon.function_spec.triggers import StreamTrigger
from modelmon.local.handler_output import EXPLICIT_ONLY, acknowledges
from modelmon.local.nuclio_events import now, stream_event
from modelmon.local.worker import Worker
from modelmon.model import Message
from modelmon.streams import Consumer, Stream
from modelmon.waiting import when_available

T = TypeVar("T")

POLL_MESSAGES = 1_000
POLL_SECONDS = 0.2
BREATH_SECONDS = 0.001  # how long messages may follow each other before the function's own tasks run


async def run(worker: Worker) -> None:
    """Feed the handler until the worker stops; then let it drain, commit what it acknowledged, and leave."""
    trigger = worker.spec.trigger
    assert isinstance(trigger, StreamTrigger)
    turn = asyncio.Lock()  # one event in flight a worker, whatever topic it is of
    feeds = {topic: _Feed(worker, trigger, topic, turn) for topic in trigger.topics}
    worker.acknowledged = lambda topic, partition, offset: feeds[topic].acknowledge(partition, offset)
    await asyncio.gather(*(feed.run() for feed in feeds.values()))
    await worker.stop()
    for feed in feeds.values():
        await feed.close()


class _Feed:
    """One topic: what was delivered, what was acknowledged, what is committed."""

    def __init__(self, worker: Worker, trigger: StreamTrigger, topic: str, turn: asyncio.Lock) -> None:
        self._worker = worker
        self._trigger = trigger
        self._topic = topic
        self._what = f"stream {topic}"
        self._turn = turn
        self._stream: Stream | None = None
        self._consumer: Consumer | None = None
        self._assigned: frozenset[int] = frozenset()
        self._first: dict[int, int] = {}  # per partition: first offset delivered since it is ours
        self._next: dict[int, int] = {}  # per partition: offset to commit
        self._committed: dict[int, int] = {}
        self._committing = asyncio.Lock()
        self._commits: asyncio.Task[None] | None = None

    async def run(self) -> None:
        while (messages := await self._or_stop(self._poll)) is not None:
            if self._commits is not None and self._commits.done():
                self._commits.result()
            await self._hand_over()
            await self._deliver(messages)

    async def close(self) -> None:
        await self._commit()
        if self._consumer is not None and self._stream is not None:
            self._consumer.close()
            self._stream.close()

    def acknowledge(self, partition: int, offset: int) -> None:
        """Note that the partition is done up to `offset`; committed at once, in the background."""
        first = self._first.get(partition)
        if first is None or offset < max(first, self._next.get(partition, 0)):
            return  # of a time before the partition went to another worker
        self._next[partition] = offset + 1
        if self._commits is not None and self._commits.done():
            self._commits.result()  # raises what made the commit impossible
            self._commits = None
        if self._commits is None:
            self._commits = asyncio.create_task(self._commit())

    def _poll(self) -> Sequence[Message]:
        if self._consumer is None:
            self._stream = self._stream or open_topic(self._worker.settings, self._topic)
            self._consumer = self._stream.consumer(self._trigger.group)
        return self._consumer.poll(POLL_MESSAGES, POLL_SECONDS)

    async def _hand_over(self) -> None:
        """Partitions that other workers shall have: the function drains, its position is committed."""
        assert self._consumer is not None
        lost, self._assigned = self._assigned - self._consumer.assignment, self._consumer.assignment
        if lost:
            async with self._turn:
                await self._worker.drain()
            await self._commit()
            for partition in lost:
                for offsets in (self._first, self._next, self._committed):
                    offsets.pop(partition, None)

    async def _deliver(self, messages: Sequence[Message]) -> None:
        # A handler that answers one message at a time may acknowledge each by its answer.
        if messages and self._worker.takes_polls and self._trigger.ack_mode == EXPLICIT_ONLY:
            await self._deliver_poll(messages)
        else:
            await self._deliver_each(messages)

    async def _deliver_poll(self, messages: Sequence[Message]) -> None:
        if self._worker.stopping.is_set():
            return
        for message in messages:
            self._first.setdefault(message.partition, message.offset)
        async with self._turn:
            await self._worker.deliver_poll(self._topic, messages)
        await asyncio.sleep(0)

    async def _deliver_each(self, messages: Sequence[Message]) -> None:
        timestamp, last_breath = now(), time.perf_counter()
        for message in messages:
            if self._worker.stopping.is_set():
                return
            self._first.setdefault(message.partition, message.offset)
            async with self._turn:
                event = stream_event(self._trigger, self._topic, message, timestamp)
                output = await self._worker.deliver(event)
            if acknowledges(self._trigger.ack_mode, output):
                self.acknowledge(message.partition, message.offset)
            if time.perf_counter() - last_breath > BREATH_SECONDS:
                await asyncio.sleep(0)
                last_breath = time.perf_counter()

    async def _commit(self) -> None:
        async with self._committing:
            while offsets := self._uncommitted():
                await when_available(partial(self._write, offsets), self._worker.settings, self._what)
                self._committed.update(offsets)

    def _uncommitted(self) -> dict[int, int]:
        return {
            partition: offset
            for partition, offset in self._next.items()
            if self._committed.get(partition) != offset
        }

    def _write(self, offsets: dict[int, int]) -> None:
        assert self._consumer is not None, "something was acknowledged, so something was delivered"
        self._consumer.commit(offsets)

    async def _or_stop(self, action: Callable[[], T]) -> T | None:
        """The result of the blocking `action`, waited for while unavailable; None when the worker stops."""
        work = asyncio.ensure_future(when_available(action, self._worker.settings, self._what))
        stop = asyncio.ensure_future(self._worker.stopping.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stopped = stop.done()
        (work if stopped else stop).cancel()
        return None if stopped else work.result()
