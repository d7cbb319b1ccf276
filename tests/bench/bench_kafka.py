"""From a Kafka topic to Parquet: the stream function on a real broker, one worker and two.

The limit is a function on the same platform and topic that does nothing but acknowledge each 500th message.
It gets the messages as ours does, all of a poll at once where the platform can.
The topic is full before a function starts; measured is from a tenth of it committed to all of it. On real
Nuclio processors too where NUCLIO_PROCESSOR and NUCLIO_PYTHON_WRAPPER_PATH name them.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chain_platforms import OnProcessors, OnRunner, on_kafka
from deploying import deploy, make_project, stream_trigger
from modelmon.function_spec.folders import template
from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import events_group
from modelmon.wire import ServingEvent, write_batch, write_event
from services import kafka
from services.install import missing_programs
from services.nuclio import missing_processor

FEATURES, PARTITIONS, MICRO_BATCH = 10, 2, 100
CASES = ((1, 200_000), (MICRO_BATCH, 800_000))  # events of a message, events in all
WORKERS = (1, 2)
START_US = 1_700_000_000_000_000
DEADLINE_SECONDS = 300.0
ACKNOWLEDGES = """
from modelmon.nuclio import message_handlers
from modelmon.streams.subscriptions import events_of

class Acknowledging:
    def __init__(self, settings, acknowledge):
        self.subscription, self.acknowledge = events_of(settings), acknowledge
    async def accept(self, *messages):
        for message in messages:
            if message.offset % 500 == 499 or message.offset == LAST:
                await self.acknowledge(message.partition, message.offset)
    async def drain(self): pass
    async def close(self): pass

init_context, handler = message_handlers(Acknowledging)
"""


def measure() -> list[dict]:
    """Entries for `make bench`; none where there is no Kafka."""
    missing = missing_programs()
    if missing:
        print(f"  left out: {missing}", file=sys.stderr)
        return []
    platforms: list[Any] = [OnRunner]
    if missing_processor():
        print(f"  real processors left out: {missing_processor()}", file=sys.stderr)
    else:
        platforms.append(OnProcessors)
    broker = kafka.shared_broker()
    return [
        _measure(broker, platform, size, events, workers)
        for platform in platforms
        for size, events in CASES
        for workers in WORKERS
    ]


def _measure(broker: kafka.KafkaBroker, platform: Any, size: int, events: int, workers: int) -> dict:
    rates = [_rate(broker, platform, size, events, workers, deployed) for deployed in (_ours, _acknowledging)]
    kind = "single events" if size == 1 else f"micro-batches of {size}"
    return {
        "name": f"Kafka to Parquet, {kind}, {workers} worker{'s' * (workers > 1)}, {platform.name}",
        "value": rates[0],
        "unit": "events/s",
        "limit": rates[1],
        "ratio": rates[0] / rates[1],
    }


def _rate(
    broker: kafka.KafkaBroker, platform: Any, size: int, events: int, workers: int,
    deployed: Callable[[Path, Settings, int, int], None],
) -> float:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(
            Path(folder) / "project", durability="power", events_partitions=PARTITIONS, **on_kafka(broker)
        )
        settings = Settings.load(project)
        stream = open_stream(settings.events_url, PARTITIONS, settings)
        messages = events // size
        for partition in range(PARTITIONS):
            bodies = _bodies(messages // PARTITIONS, size, partition)
            stream.publish([("", body) for body in bodies], partition=partition)
        deployed(project, settings, workers, messages // PARTITIONS)
        with platform(project):
            seconds, share = _time(stream, events_group(settings), messages)
        stream.close()
    return events * share / seconds


def _time(stream: Stream, group: str, messages: int) -> tuple[float, float]:
    """Seconds from the first look at which a tenth is committed to all of it, and what share that was."""
    started, before = 0.0, 0
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        committed = sum(stream.committed(group).values())
        now = time.monotonic()
        if committed >= messages:
            return now - started, (messages - before) / messages
        if not started and committed >= messages / 10:
            started, before = now, committed
        assert now < deadline, f"{committed} of {messages} after {DEADLINE_SECONDS} s"
        time.sleep(0.05)


def _ours(project: Path, settings: Settings, workers: int, _last: int) -> None:
    main = (template("stream") / "main.py").read_text(encoding="utf-8")
    _deploy(project, settings, workers, main)


def _acknowledging(project: Path, settings: Settings, workers: int, messages: int) -> None:
    _deploy(project, settings, workers, ACKNOWLEDGES.replace("LAST", str(messages - 1)))


def _deploy(project: Path, settings: Settings, workers: int, main: str) -> None:
    trigger = stream_trigger(settings.events_stream, events_group(settings), numWorkers=workers)
    trigger["attributes"] |= {
        "brokers": [settings.stream_path.removeprefix("kafka://")],
        "initialOffset": "earliest",
    }
    deploy(project, "modelmon-stream", main, {"events": trigger})


def _bodies(messages: int, size: int, partition: int) -> list[bytes]:
    draw = random.Random(partition)
    values = [[draw.random() for _ in range(FEATURES)] for _ in range(1000)]
    bodies = []
    for number in range(messages):
        events = [_event(number * size + place, partition, values) for place in range(size)]
        bodies.append(events[0] if size == 1 else write_batch(events))
    return bodies


def _event(number: int, partition: int, values: list[list[float]]) -> bytes:
    return write_event(
        ServingEvent(
            f"endpoint-{partition}", "model", "bench/function", "Model", "", f"request-{number}",
            START_US + number * 1000, 100, [values[number % 1000]], [[0.5]], effective_sample_count=1,
            publisher_id=f"publisher-{partition}", number=number + 1,
        )
    )  # fmt: skip
