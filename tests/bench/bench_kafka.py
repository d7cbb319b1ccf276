"""From a Kafka topic to Parquet: the stream function on a real broker, one worker and two.

The limit is a function on the same platform and topic that does nothing but acknowledge each 500th message.
It gets the messages as ours does, all of a poll at once where the platform can. A message is one event, a
columnar batch as our model servers send it, or the array of the same events.
The topic is full before a function starts; measured is the fastest stretch in which half of it is committed:
while workers join, and at the end, where the last batch waits for more, nothing is done. A batch is 16 MiB, a
quarter of the default, so that there are enough commits to tell. It is measured by the clock, and in CPU of
the function's workers, for the broker and others want the same cores. On real Nuclio processors too where
NUCLIO_PROCESSOR and NUCLIO_PYTHON_WRAPPER_PATH name them.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from chain_platforms import OnProcessors, OnRunner, on_kafka
from deploying import deploy, make_project, stream_trigger
from modelmon.function_spec.folders import template
from modelmon.settings import Settings
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import events_group
from modelmon.wire import ServingEvent, batched, write_batch, write_event, write_message
from services import kafka
from services.install import missing_programs
from services.nuclio import missing_processor

FEATURES, PARTITIONS, BATCH = 10, 2, 100
BATCH_BYTES = 16 * 2**20
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
Written = Callable[[Sequence[ServingEvent]], bytes]
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
        entry
        for platform in platforms
        for case in CASES
        for workers in WORKERS
        for entry in _measure(broker, platform, case, workers)
    ]


class Case(NamedTuple):
    """So many `events` in all, so many of them `written` as one message."""

    name: str
    size: int
    events: int
    written: Written


CASES = (
    Case("single events", 1, 200_000, lambda events: write_event(events[0])),
    Case(
        f"columnar batches of {BATCH}",
        BATCH,
        1_600_000,
        lambda events: write_message([*map(batched, events)]),
    ),
    Case(f"arrays of {BATCH}", BATCH, 800_000, lambda events: write_batch([*map(write_event, events)])),
)


class Rate(NamedTuple):
    """Events a second, and a second of the workers' CPU: None where that is not known."""

    wall: float
    cpu: float | None


def _measure(broker: kafka.KafkaBroker, platform: Any, case: Case, workers: int) -> list[dict]:
    ours, limit = (_rate(broker, platform, case, workers, each) for each in (_ours, _acknowledging))
    name = f"Kafka to Parquet, {case.name}, {workers} worker{'s' * (workers > 1)}, {platform.name}"
    entries = [_entry(name, "events/s", ours.wall, limit.wall)]
    if ours.cpu and limit.cpu:
        entries.append(_entry("  in CPU of the workers", "events/CPU s", ours.cpu, limit.cpu))
    return entries


def _entry(name: str, unit: str, value: float, limit: float) -> dict:
    return {"name": name, "value": value, "unit": unit, "limit": limit, "ratio": value / limit}


def _rate(
    broker: kafka.KafkaBroker, platform: Any, case: Case, workers: int,
    deployed: Callable[[Path, Settings, int, int], None],
) -> Rate:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(
            Path(folder) / "project",
            durability="power",
            events_partitions=PARTITIONS,
            batch_max_bytes=BATCH_BYTES,
            **on_kafka(broker),
        )
        settings = Settings.load(project)
        stream = open_stream(settings.events_url, PARTITIONS, settings)
        messages = case.events // case.size
        for partition in range(PARTITIONS):
            bodies = _bodies(messages // PARTITIONS, case, partition)
            stream.publish([("", body) for body in bodies], partition=partition)
        deployed(project, settings, workers, messages // PARTITIONS)
        with platform(project) as running:
            looks = _watch(stream, events_group(settings), messages, partial(_cpu, running))
        stream.close()
    return _fastest(looks, case.size)


def _cpu(running: Any) -> float:
    """Seconds of CPU of all threads of the function's workers, on the embedded runner."""
    if not isinstance(running, OnRunner):
        return 0.0
    pids = running.workers("modelmon-stream")
    texts = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2] for pid in pids)
    return sum(int(field) for text in texts for field in text.split()[11:13]) * TICK_SECONDS


class Look(NamedTuple):
    """So many messages were committed then, after so many seconds of CPU."""

    seconds: float
    cpu: float
    committed: int


def _watch(stream: Stream, group: str, messages: int, cpu: Callable[[], float]) -> list[Look]:
    """The first look at each commit, until all is committed."""
    looks = [Look(time.monotonic(), cpu(), 0)]
    deadline = time.monotonic() + DEADLINE_SECONDS
    while looks[-1].committed < messages:
        committed = sum(stream.committed(group).values())
        if committed > looks[-1].committed:
            looks.append(Look(time.monotonic(), cpu(), committed))
        assert time.monotonic() < deadline, f"{committed} of {messages} after {DEADLINE_SECONDS} s"
        time.sleep(0.02)  # between looks at what the workers have committed
    return looks


def _fastest(looks: Sequence[Look], size: int) -> Rate:
    """Of the fastest stretch between two commits that holds half of all messages, of so many events each."""
    least = looks[-1].committed / 2
    stretches = [
        (first, last)
        for first, last in combinations(looks, 2)
        if first.committed and last.committed - first.committed >= least
    ]
    first, last = max(stretches, key=lambda each: _events(*each, size) / (each[1].seconds - each[0].seconds))
    events, cpu = _events(first, last, size), last.cpu - first.cpu
    return Rate(events / (last.seconds - first.seconds), events / cpu if cpu else None)


def _events(first: Look, last: Look, size: int) -> int:
    return (last.committed - first.committed) * size


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


def _bodies(messages: int, case: Case, partition: int) -> list[bytes]:
    draw = random.Random(partition)
    values = [[draw.random() for _ in range(FEATURES)] for _ in range(1000)]
    size = case.size
    return [
        case.written([_event(number, partition, values) for number in range(first, first + size)])
        for first in range(0, messages * size, size)
    ]


def _event(number: int, partition: int, values: list[list[float]]) -> ServingEvent:
    return ServingEvent(
        f"endpoint-{partition}", "model", "bench/function", "Model", "", f"request-{number}",
        START_US + number * 1000, 100, [values[number % 1000]], [[0.5]], effective_sample_count=1,
        publisher_id=f"publisher-{partition}", number=number + 1,
    )  # fmt: skip
