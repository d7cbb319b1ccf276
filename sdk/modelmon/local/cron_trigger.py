"""Ticks, one after the other, the first after one interval, as Nuclio's cron trigger does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from modelmon.function_spec.schedule import Schedule
from modelmon.function_spec.triggers import CronTrigger
from modelmon.local.nuclio_events import cron_event
from modelmon.local.worker import Worker


async def run(worker: Worker) -> None:
    """Tick until the worker stops. An interval counts from the end of the tick before."""
    trigger = worker.spec.trigger
    assert isinstance(trigger, CronTrigger)
    while not await _stops_within(worker, _seconds_to_next(trigger, datetime.now(UTC))):
        await worker.deliver(cron_event(trigger))
    await worker.stop()


def _seconds_to_next(trigger: CronTrigger, now: datetime) -> float:
    if trigger.interval_seconds is not None:
        return trigger.interval_seconds
    assert trigger.schedule is not None, "a cron trigger has an interval or a schedule"
    return (Schedule(trigger.schedule).next_after(now) - now).total_seconds()


async def _stops_within(worker: Worker, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await worker.stopping.wait()
    except TimeoutError:
        return False
