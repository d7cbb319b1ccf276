"""The real stream function in real processes, ended by `kill -9` under load at random moments, many times.

Every row that was published is then compared with what is stored. The handler is called as the embedded
runner calls it; streams, files and ledger are those of a laptop, with fsync.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from ledger_rows import listed_paths
from modelmon.function_spec.function_yaml import read_function
from modelmon.ledger import schema
from modelmon.ledger.batches import void_ranges
from modelmon.ledger.records import open_records
from modelmon.local.worker import WorkerSpec
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_sample
from modelmon.stores.series import open_series
from modelmon.streams import Stream, open_stream
from modelmon.upkeep.sweep import sweep
from modelmon.wire import ServingEvent, write_batch, write_event
from repeating import IN_FULL, times

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long]

ROOT = Path(__file__).parents[2]
KILLS = times(24, few=6)
ENDPOINTS = 6
EVENTS_A_ROUND = 2_000
START_US = 1_700_000_000_000_000
HOUR_US = 3_600_000_000
Row = tuple[float, str]


class Load:
    """Publishes events in the background, and remembers every row that is certainly on the stream."""

    def __init__(self, stream: Stream, seed: int) -> None:
        self._stream = stream
        self._random = random.Random(seed)
        self._numbers = [0] * ENDPOINTS
        self.rows: dict[str, list[Row]] = {f"endpoint-{n}": [] for n in range(ENDPOINTS)}
        self.events = 0

    def publish(self, events: int) -> None:
        """Some messages hold one event, some an array; an event has one to three rows."""
        while events > 0:
            records = []
            for _ in range(20):
                place = self._random.randrange(ENDPOINTS)
                count = self._random.choice((1, 1, 1, 5))
                bodies = [self._event(place) for _ in range(count)]
                records.append((f"endpoint-{place}", bodies[0] if count == 1 else write_batch(bodies)))
                events -= count
            self._stream.publish(records)

    def _event(self, place: int) -> bytes:
        endpoint_id = f"endpoint-{place}"
        self._numbers[place] += 1
        self.events += 1
        request_id = f"{endpoint_id}/{self._numbers[place]}"
        inputs = [[self._random.random()] for _ in range(self._random.choice((1, 1, 3)))]
        self.rows[endpoint_id] += [(row[0], request_id) for row in inputs]
        return write_event(
            ServingEvent(
                endpoint_id, endpoint_id, "project/function", "Model", "", request_id,
                START_US + self._random.randrange(3 * HOUR_US), 100, inputs, [[0.0]] * len(inputs),
                publisher_id="publisher", number=self._numbers[place],
            )
        )  # fmt: skip


class Worker:
    """The stream function, or another one, in a process of its own."""

    def __init__(self, folder: Path, settings: Settings, number: int, function: str = "stream") -> None:
        made = read_function(ROOT / "functions" / function, settings)
        lifeline, self._alive = os.pipe()
        self._reports, reports = os.pipe()
        spec = WorkerSpec(
            made.name, str(made.folder), made.handler, made.triggers[0], number,
            lifeline, reports,
        )  # fmt: skip
        with (folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "modelmon.local.worker", msgspec.json.encode(spec).decode()],
                env={**os.environ, **settings.environment()},
                pass_fds=[lifeline, reports],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.close(lifeline)
        os.close(reports)
        self._log = folder / "worker.log"
        self._is_ready = False

    def wait_until_ready(self) -> None:
        while not self._is_ready:
            lines = os.read(self._reports, 4096).splitlines()
            self._is_ready = any(b'"level"' not in line for line in lines)
            assert lines, f"the worker ended by itself:\n{self._log.read_text()[-5000:]}"

    def kill(self) -> None:
        self._process.kill()
        code = self._process.wait()
        assert code == -signal.SIGKILL, f"the worker ended by itself:\n{self._log.read_text()[-5000:]}"
        self._close()

    def stop(self) -> None:
        self.wait_until_ready()
        self._process.terminate()
        assert self._process.wait(60) == 0
        self._close()

    def _close(self) -> None:
        for descriptor in (self._alive, self._reports):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        project_dir=str(tmp_path),
        project="kill",
        events_partitions=2,
        batch_max_events=300,
        flush_after_seconds=0.05,
    )


@pytest.fixture
def stream(settings: Settings) -> Iterator[Stream]:
    stream = open_stream(settings.events_url, settings.events_partitions)
    yield stream
    stream.close()


@pytest.fixture
def records(settings: Settings) -> Iterator[Database]:
    database = open_records(settings)
    yield database
    database.close()


@pytest.mark.timeout(600)
def test_every_row_is_stored_once_after_many_kills_under_load(
    tmp_path: Path, settings: Settings, stream: Stream, records: Database
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance, load = random.Random(seed), Load(stream, seed)
    workers = [Worker(tmp_path, settings, number) for number in range(2)]
    open_at_kill = 0
    for _ in range(KILLS):
        publishing = threading.Thread(target=load.publish, args=(EVENTS_A_ROUND,))
        publishing.start()
        victim = chance.randrange(2)
        workers[victim].wait_until_ready()
        time.sleep(chance.uniform(0.0, 0.4))  # the moment of the kill is what this test is about
        workers[victim].kill()
        open_at_kill += open_batches(records)
        workers[victim] = Worker(tmp_path, settings, victim)
        publishing.join()
    wait_until_read(stream)
    for worker in workers:
        worker.stop()
    print(f"{open_at_kill} open batches were left by {KILLS} kills")
    if IN_FULL:  # few kills may all fall between two batches
        assert open_at_kill > 0, "no kill hit a batch: the load was too small"
    check_rows(settings, records, load)
    check_counts(settings, records, load)
    check_folder(settings, records)


def open_batches(records: Database) -> int:
    with records.read() as connection:
        opened = schema.positions.c.open_first.is_not(None)
        return connection.scalar(select(func.count()).select_from(schema.positions).where(opened)) or 0


def wait_until_read(stream: Stream) -> None:
    deadline = time.monotonic() + 120
    while any(stream.lag("modelmon-stream").values()):
        assert time.monotonic() < deadline, f"not read: {stream.lag('modelmon-stream')}"
        time.sleep(0.05)  # whoever reads it is a process of its own


def check_rows(settings: Settings, records: Database, load: Load) -> None:
    samples = open_samples(settings)
    for endpoint_id, rows in load.rows.items():
        table = read_sample(records, samples, endpoint_id, 0, 2 * START_US)
        stored = list(zip(table["f0"].to_pylist(), table["request_id"].to_pylist(), strict=True))
        assert len(stored) == len(rows)
        assert sorted(stored) == sorted(rows)


def check_counts(settings: Settings, records: Database, load: Load) -> None:
    columns = schema.traffic.c
    counts = (columns.received, columns.stored, columns.errors, columns.rejected, columns.missing)
    with records.read() as connection:
        found: Any = connection.execute(select(columns.endpoint_id, *counts)).all()
        dirty = connection.scalar(select(func.sum(schema.dirty.c.rows)))
        void = void_ranges(connection)
    expected = {(name, len(rows), len(rows), 0, 0, 0) for name, rows in load.rows.items()}
    assert {tuple(row) for row in found} == expected
    series = open_series(settings)
    points = series.read_traffic(list(load.rows), 0, 2 * START_US, void=void)
    series.close()
    total = sum(map(len, load.rows.values()))
    assert sum(point.rows for point in points) == dirty == total
    assert sum(point.predictions for point in points) == load.events


def check_folder(settings: Settings, records: Database) -> None:
    """After a sweep the folder holds the listed files and nothing else that a reader would open."""
    samples = open_samples(settings)
    sweep(records, samples, time.time_ns() // 1000, float("inf"))
    with records.read() as connection:
        listed = set(listed_paths(connection))
    assert {path for path in samples.list() if path.endswith(".parquet")} == listed
