"""The whole chain in a folder: the four functions as deployed, one endpoint, events that are known."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from modelmon.ledger import endpoints
from modelmon.ledger.records import open_records
from modelmon.local import Runner
from modelmon.model import Endpoint, endpoint_id_of, from_us, to_us
from modelmon.project import get_or_create_project
from modelmon.settings import Settings
from modelmon.stats import describe
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_sample
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.streams import open_stream
from modelmon.views.dead_letters import list_dead_letters
from modelmon.views.endpoint_facts import Looking
from modelmon.views.endpoints import read_summaries
from modelmon.views.traffic import read_traffic_buckets
from modelmon.views.windows import list_windows
from modelmon.windows import WindowState
from modelmon.wire import ServingEvent, write_event

APP = "histogram-data-drift"
FUNCTIONS = ("modelmon-stream", "modelmon-controller", "modelmon-writer", APP)
MINUTE_US = 60_000_000
FAR_US = 2**62
ENDPOINT = endpoint_id_of("chain", "serving", "model")
QUICK: dict[str, Any] = {
    "base_period": 1, "durability": "process", "grace_seconds": 0.5, "controller_interval_seconds": 0.3,
    "flush_after_seconds": 0.1, "app_retry_seconds": 0.2, "unavailable_max_wait_seconds": 0.2,
}  # fmt: skip


class Chain:
    """A project with everything deployed. Events lie in whole minutes, an hour ago: `minutes` windows."""

    def __init__(self, folder: Path, *, minutes: int = 6, **settings: Any) -> None:
        self.project = folder
        project = get_or_create_project("chain", context=folder, **{**QUICK, **settings})
        project.enable_model_monitoring(apps=["histogram-data-drift"])
        self.settings = Settings.load(self.project)
        self.minutes = minutes
        self.start_us = (time.time_ns() // 1000 // MINUTE_US - 60) * MINUTE_US
        self._rng = np.random.default_rng(1)
        self.sent: list[tuple[str, bytes]] = []
        self._register()
        self.stream = open_stream(self.settings.events_url, 2, self.settings)

    def _register(self) -> None:
        reference = pa.table(
            {
                "amount": self._rng.normal(size=2000),
                "kind": self._rng.integers(0, 3, 2000),
                "p": self._rng.random(2000),
            }
        )
        endpoint = Endpoint(
            ENDPOINT, "chain", "model", function_name="serving", feature_names=("amount", "kind"),
            label_names=("p",), feature_stats=describe(reference),
        )  # fmt: skip
        database, now_us = open_records(self.settings), time.time_ns() // 1000
        with database.write() as connection:
            endpoints.put(connection, endpoint, now_us)
        database.close()

    def events(self, count: int) -> Sequence[tuple[str, bytes]]:
        """`count` events of one row, spread evenly and in order over the chain's minutes."""
        step = self.minutes * MINUTE_US // count
        return [(ENDPOINT, self._event(index, self.start_us + index * step)) for index in range(count)]

    def _event(self, index: int, when_us: int) -> bytes:
        row = [float(self._rng.normal()), int(self._rng.integers(0, 3))]
        return write_event(
            ServingEvent(
                endpoint_id=ENDPOINT, endpoint_name="model", function_uri="chain/serving",
                model_class="Model", version="", request_id=f"r{index}", when_us=when_us, latency_us=100,
                inputs=[row], outputs=[[float(self._rng.random())]], effective_sample_count=1,
            )
        )  # fmt: skip

    def publish(self, records: Sequence[tuple[str, bytes]]) -> None:
        self.stream.publish(records)
        self.sent.extend(records)

    @contextmanager
    def running(self) -> Iterator[Runner]:
        with Runner(self.project, tell=lambda level, text: None) as runner:
            yield runner

    def state(self) -> State:
        return State(self)


class State:
    """What the stores hold, read as any user reads it."""

    def __init__(self, chain: Chain) -> None:
        database, samples = open_records(chain.settings), open_samples(chain.settings)
        series = open_series(chain.settings)
        table = read_sample(database, samples, ENDPOINT, 0, FAR_US, columns=["request_id", "amount", "kind"])
        with database.read() as connection:
            looking = Looking(time.time_ns() // 1000, chain.settings)
            self.endpoint = read_summaries(connection, looking, [ENDPOINT])[0]
            page = list_windows(connection, chain.settings, ENDPOINT, APP, limit=10_000)
            self.windows = page.windows
            self.dead_letters = list_dead_letters(connection).total
        self.requests = Counter(table.column("request_id").to_pylist())
        always = from_us(0), from_us(chain.start_us + 1_000 * 60 * MINUTE_US)
        buckets = read_traffic_buckets(database, series, ENDPOINT, *always)
        self.series_rows = sum(bucket.rows for bucket in buckets)
        self.results = {
            (point.application_name, point.start_us, point.name): (point.value, point.status)
            for point in read_all_values(database, series, [ENDPOINT], 0, FAR_US)
        }
        database.close()
        series.close()

    def assert_each_event_counts_once(self, count: int) -> None:
        wrong = {request: times for request, times in self.requests.items() if times != 1}
        assert (len(self.requests), wrong) == (count, {})
        assert self.series_rows == count
        mine = self.endpoint
        assert (mine.received, mine.stored, mine.errors, mine.rejected) == (count, count, 0, 0)

    def assert_every_window_is_answered(self, minutes: int) -> None:
        starts = {to_us(window.start_infer_time) for window in self.windows}
        assert len(starts) == minutes
        assert {window.state for window in self.windows} == {WindowState.DONE}, self.windows
        assert {start for _, start, _ in self.results} == starts

    @property
    def answered(self) -> int:
        """How many windows have been judged as they are now."""
        return sum(window.state in (WindowState.DONE, WindowState.FAILED) for window in self.windows)


def moments(seed: int, count: int, between: tuple[float, float]) -> list[float]:
    """Random waits, printed by their seed when a test fails."""
    return [random.Random(seed + index).uniform(*between) for index in range(count)]
