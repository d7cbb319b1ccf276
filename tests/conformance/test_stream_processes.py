"""What stream back-ends that several processes share promise, with real processes that are killed."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.stream_backends import SHARED_BACKENDS, Backend
from conformance.stream_process import batch_records
from modelmon.model import Message
from modelmon.streams import Stream
from repeating import times

pytestmark = pytest.mark.e2e
PATIENCE_SECONDS = 60.0
SESSION_SECONDS = 1.5  # a member that was killed is missed after this
KILLS = times(10, few=3)
TURNS = times(8, few=3)
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(params=SHARED_BACKENDS, ids=lambda make: make.__name__.removesuffix("_backend"))
def backend(request: pytest.FixtureRequest, tmp_path) -> Iterator[Backend]:
    backend = request.param(tmp_path)
    backend.settings = backend.settings.changed(kafka_session_seconds=SESSION_SECONDS)
    yield backend
    backend.close()


@pytest.fixture
def start(backend: Backend) -> Iterator[Start]:
    """Starts tests/conformance/stream_process.py on the stream `events`; ends them all at last."""
    script = Path(__file__).with_name("stream_process.py")
    processes: list[subprocess.Popen[str]] = []

    def run(command: str, *arguments: object) -> subprocess.Popen[str]:
        line = [sys.executable, str(script), command, backend.url(), *map(str, arguments)]
        environment = os.environ | backend.settings.environment()
        processes.append(subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment))
        return processes[-1]

    yield run
    for process in processes:
        assert process.stdout is not None
        process.kill()
        process.wait()
        process.stdout.close()


def everything(stream: Stream) -> list[Message]:
    """All messages of a stream that nobody writes to any more."""
    consumer = stream.consumer("everything")
    messages: list[Message] = []
    while len(messages) < sum(stream.end_offsets().values()):
        found = consumer.poll(10_000, PATIENCE_SECONDS)
        assert found, "the stream says it has more messages than it gives"
        messages += found
    consumer.close()
    return messages


def batches_of(messages: list[Message], name: str) -> dict[tuple[int, int], list[int]]:
    """(batch, partition) → the numbers of its records, in the order they lie there."""
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for message in messages:
        publisher, batch, number, *_ = message.body.split(b" ")
        if publisher.decode() == name:
            found[int(batch), message.partition].append(int(number))
    return found


def test_publishers_in_several_processes_lose_and_repeat_nothing(backend, start):
    stream = backend.open(partitions=3)
    names = ["a", "b", "c"]
    for process in [start("publish", name, "process", 200, 100) for name in names]:
        process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0
    messages = everything(stream)
    for partition in range(3):
        offsets = [m.offset for m in messages if m.partition == partition]
        assert offsets == list(range(len(offsets)))
    for name in names:
        sent = [record for batch in range(100) for record in batch_records(name, batch, 200)]
        for key in {key for key, _ in sent}:
            assert [m.body for m in messages if m.key == key] == [body for k, body in sent if k == key]


def test_many_who_create_a_stream_at_once_end_with_one(backend, start):
    processes = [start("publish", f"p{number}", "process", 10, 3) for number in range(6)]
    for process in processes:
        process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0
    stream = backend.open()
    assert stream.partitions == 3
    expected = [
        r for number in range(6) for batch in range(3) for r in batch_records(f"p{number}", batch, 10)
    ]
    assert sorted((m.key, m.body) for m in everything(stream)) == sorted(expected)


@pytest.mark.long
@pytest.mark.parametrize("durability", ["power", "process"])
def test_a_publisher_killed_in_the_middle_loses_nothing_acknowledged_and_leaves_nothing_half(
    backend, start, durability
):
    stream = backend.open(partitions=3)
    chance = random.Random(durability)
    acknowledged: dict[str, int] = {}
    for kill in range(KILLS):
        name = f"w{kill}"
        process = start("publish", name, durability, 60_000, 0)
        assert process.stdout is not None
        text = "".join(process.stdout.readline() for _ in range(chance.randrange(1, 60)))
        spin_until = time.perf_counter() + chance.random() * 0.01
        while time.perf_counter() < spin_until:
            pass  # into the middle of a publish, at no particular place
        process.kill()
        text += process.communicate()[0]
        # Only whole lines count: of one that the kill cut off the number is not sure.
        acknowledged[name] = int(re.findall(r"(\d+)\n", text)[-1])
    messages = everything(stream)
    for name, last in acknowledged.items():
        assert_whole(batches_of(messages, name), name, last)


def assert_whole(found: dict[tuple[int, int], list[int]], name: str, acknowledged: int) -> None:
    """Acknowledged batches are there once, in order; of the one in flight a partition's part, or nothing."""
    highest = max(batch for batch, _ in found)
    assert highest in (acknowledged, acknowledged + 1)
    for batch in range(highest + 1):
        parts = {place: numbers for place, numbers in found.items() if place[0] == batch}
        assert all(numbers == sorted(set(numbers)) for numbers in parts.values())
        there = sorted(number for numbers in parts.values() for number in numbers)
        expected = batch_records(name, batch, 60_000)
        if batch <= acknowledged:
            assert there == list(range(len(expected)))
        for (_, partition), numbers in parts.items():
            keys = {expected[number][0] for number in numbers}
            whole = [number for number, record in enumerate(expected) if record[0] in keys]
            assert numbers == whole, f"partition {partition} of batch {batch} is half there"


def test_the_partitions_of_a_member_killed_with_9_go_to_the_others(backend, start):
    stream = backend.open(partitions=3)
    stream.publish([("", b"%d" % i) for i in range(5)], partition=0)
    first = start("consume", "g")
    assert first.stdout is not None
    assert first.stdout.readline() == "0 1 2\n"
    survivor = stream.consumer("g")
    first.kill()
    first.wait()
    deadline = time.monotonic() + PATIENCE_SECONDS
    messages: list[Message] = []
    while len(survivor.assignment) < 3 or len(messages) < 5:
        assert time.monotonic() < deadline
        messages += survivor.poll(10, 0.1)
    assert [int(m.body) for m in messages] == list(range(5))
    survivor.close()


@pytest.mark.long
def test_consumers_killed_again_and_again_skip_nothing(backend, start):
    stream = backend.open(partitions=3)
    chance = random.Random(7)
    members = [start("drain", "g"), start("drain", "g")]
    output = ""
    for turn in range(TURNS):
        stream.publish([(f"k{i}", b"%d" % (100 * turn + i)) for i in range(100)])
        wait_for_lag(stream, chance.randrange(80))
        victim = members.pop(chance.randrange(2))
        victim.kill()
        output += victim.communicate()[0]
        members.append(start("drain", "g"))
    wait_for_lag(stream, 0)
    for member in members:
        member.kill()
        output += member.communicate()[0]
    # The commit comes before the line, so each kill hides at most one.
    seen = {int(number) for number in re.findall(r"\d+ \d+ (\d+)\n", output)}
    assert seen <= set(range(100 * TURNS))
    assert len(seen) >= 100 * TURNS - 10


def wait_for_lag(stream: Stream, most: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(stream.lag("g").values()) > most:
        assert time.monotonic() < deadline, f"nobody reads on: {stream.lag('g')}"
        time.sleep(0.005)  # between looks, to leave the processor to who reads
