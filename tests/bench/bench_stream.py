"""The stream function's graph, with fsync and ledger, beside decode, columns and as many Parquet files alone.

The limit is what the same bytes cost without storey, SQL, checks, series, counts or fsync: msgspec into typed
structs, `zip` into typed Arrow arrays, one `pq.write_table` per endpoint, hour and batch. Both run in turns,
by the clock and in CPU: the disk syncs what others write, too, so the clock alone says little of the code.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelmon.local.stream_trigger import POLL_MESSAGES
from modelmon.model import Message
from modelmon.settings import Settings
from modelmon.stages.stream import StreamStage
from modelmon.streams import open_stream
from modelmon.wire import ServingEvent, write_event
from streaming import graph

FEATURES = 10
ROUNDS = 5
START_US = 1_700_000_000_000_000
CASES = (  # (rows of an event, endpoints, events, events of a batch)
    (1, 1, 40_000, 10_000),
    (1, 100, 40_000, 10_000),
    (100, 1, 1_500, 500),
    (100, 100, 1_500, 500),
)


class Request(msgspec.Struct, gc=False):
    id: str
    inputs: list[list[float]]


class Response(msgspec.Struct, gc=False):
    outputs: list[list[float]]


class Event(msgspec.Struct, gc=False):
    endpoint_id: str
    request: Request
    resp: Response
    when: str
    microsec: int
    sampling_percentage: float
    effective_sample_count: int


def measure() -> list[dict]:
    """Entries for `make bench`: events/s and rows/s of each case."""
    return [entry for case in CASES for entry in _measure(*case)]


def _measure(rows: int, endpoints: int, events: int, batch: int) -> list[dict]:
    messages = messages_of(rows, endpoints, events)
    ours: list[Seconds] = []
    limits: list[Seconds] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            _limit(messages[:batch], batch, Path(folder))  # warms up
            limits.append(_limit(messages, batch, Path(folder)))
        with tempfile.TemporaryDirectory() as folder:
            ours.append(asyncio.run(graph_seconds(messages, batch, folder)))
    name = f"stream graph, {rows}-row events, {endpoints} endpoint{'s' * (endpoints > 1)}"
    counted = [("events", 1), *[("rows", rows)] * (rows > 1)]
    return [
        entry
        for what, count in counted
        for entry in _entries(name, what, events * count, _medians(ours), _medians(limits))
    ]


def _entries(name: str, what: str, count: int, ours: Seconds, limit: Seconds) -> list[dict]:
    clocks = (
        (name, f"{what}/s", ours.wall, limit.wall),
        (f"{name}, in CPU", f"{what}/CPU s", ours.cpu, limit.cpu),
    )
    return [
        {
            "name": named,
            "value": count / value,
            "unit": unit,
            "limit": count / of_limit,
            "ratio": of_limit / value,
        }
        for named, unit, value, of_limit in clocks
    ]


def _medians(found: Sequence[Seconds]) -> Seconds:
    return Seconds(*map(statistics.median, zip(*found, strict=True)))


def messages_of(rows: int, endpoints: int, events: int) -> list[Message]:
    draw = random.Random(7)
    bodies = [
        write_event(
            ServingEvent(
                f"endpoint-{number % endpoints}", "model", "bench/function", "Model", "", f"request-{number}",
                START_US + number * 1000, draw.randrange(100_000),
                [[draw.random() for _ in range(FEATURES)] for _ in range(rows)],
                [[draw.random()] for _ in range(rows)],
                effective_sample_count=rows, publisher_id="publisher", number=number // endpoints + 1,
            )
        )
        for number in range(events)
    ]  # fmt: skip
    return [Message(0, offset, "", body) for offset, body in enumerate(bodies)]


class Seconds(NamedTuple):
    """By the clock, and of CPU in all threads."""

    wall: float
    cpu: float


async def graph_seconds(messages: Sequence[Message], batch: int, folder: str) -> Seconds:
    """From the first message to the last acknowledgement, the first batch (which warms up) apart."""
    settings = Settings(
        project_dir=folder,
        project="bench",
        stream_path=f"memory://{folder}",
        events_partitions=1,
        batch_max_events=batch,
        flush_after_seconds=3600.0,
    )
    acknowledged: list[int] = []

    async def acknowledge(_partition: int, offset: int) -> None:
        acknowledged.append(offset)

    stream = open_stream(settings.events_url, 1)
    stream.publish([("", message.body) for message in messages])
    stage = StreamStage(settings, acknowledge, graph)
    await stage.accept(*messages[:batch])
    started = time.perf_counter(), time.process_time()
    for first in range(batch, len(messages), POLL_MESSAGES):
        await stage.accept(*messages[first : first + POLL_MESSAGES])
    await stage.drain()
    wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
    assert acknowledged[-1] == messages[-1].offset
    await stage.close()
    share = len(messages) / (len(messages) - batch)
    return Seconds(wall * share, cpu * share)


def _limit(messages: Sequence[Message], batch: int, folder: Path) -> Seconds:
    decoder = msgspec.json.Decoder(Event)
    started = time.perf_counter(), time.process_time()
    for first in range(0, len(messages), batch):
        gc.disable()  # as the graph does
        groups: dict[str, list[Event]] = {}
        for message in messages[first : first + batch]:
            event = decoder.decode(message.body)
            groups.setdefault(event.endpoint_id, []).append(event)
        tables = {endpoint_id: _table(events) for endpoint_id, events in groups.items()}
        gc.enable()
        for endpoint_id, table in tables.items():
            _write(table, folder / f"{endpoint_id}-{first}.parquet")
    return Seconds(time.perf_counter() - started[0], time.process_time() - started[1])


def _table(events: Sequence[Event]) -> pa.Table:
    rows = list(chain.from_iterable(event.request.inputs for event in events))
    outputs = list(chain.from_iterable(event.resp.outputs for event in events))
    counts = [len(event.request.inputs) for event in events]
    when = np.array([event.when[:26] for event in events], "datetime64[us]")
    latency = np.array([event.microsec for event in events])
    ids = pa.array([event.request.id for event in events]).take(
        pa.array(np.repeat(np.arange(len(events)), counts))
    )
    return pa.table(
        {
            "timestamp": pa.array(np.repeat(when, counts)),
            **{
                f"f{place}": pa.array(column, pa.float64())
                for place, column in enumerate(zip(*rows, strict=True))
            },
            "p0": pa.array([row[0] for row in outputs], pa.float64()),
            "request_id": ids,
            "latency": pa.array(np.repeat(latency, counts)),
        }
    )


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="snappy", use_dictionary=False, write_statistics=["timestamp"])
