"""Actuals through real processes: stream function, controller and writer are ended by `kill -9`, often.

Predictions and their actuals come by different partitions, before and after each other, and are corrected. In
the end each prediction stands beside the newest of its actuals, the app that asks for them has judged every
window on exactly these, and the writer has stored what it said last.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from e2e.test_stream_kill import (
    HOUR_US,
    ROOT,
    START_US,
    Load,
    Worker,
    check_folder,
    check_rows,
    records,
    stream,
    wait_until_read,
)
from ledger_rows import counts_of_actuals, news
from modelmon.apps import ModelMonitoringApplicationBase, MonitoringApplicationContext
from modelmon.apps.stage import AppStage
from modelmon.ledger import endpoints, registry, schema
from modelmon.model import Endpoint, to_us
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.stages.controller import Controller
from modelmon.stores.actuals import open_actuals
from modelmon.stores.samples import open_samples
from modelmon.stores.samples_reading import read_sample
from modelmon.stores.series import open_series
from modelmon.stores.series.acknowledged_points import read_all_values
from modelmon.streams import Stream, open_stream
from modelmon.streams.subscriptions import reports_of, windows_of
from modelmon.upkeep.sweep import sweep
from modelmon.wire import Actuals, write_actuals
from repeating import times
from services.postgres import NEEDS_POSTGRES, shared_postgres

__all__ = ["records", "stream"]  # fixtures
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.long]

KILLS = times(16, few=4)
APP = "right"
TICKING = """
import sys, time
from modelmon.settings import Settings
from modelmon.stages.controller import Controller
controller = Controller.open(Settings.load(sys.argv[1]))
while True:
    controller.tick_blocking(time.time_ns() // 1000)
    time.sleep(0.02)  # its pace
"""


class Right(ModelMonitoringApplicationBase):
    """Remembers of each window what it saw last: what came true, and how often."""

    requires = frozenset({"actuals"})

    def __init__(self) -> None:
        self.saw: dict[tuple[str, int], Counter[int]] = {}

    def do_tracking(self, monitoring_context: MonitoringApplicationContext) -> dict[str, float]:
        place = monitoring_context.endpoint_id, to_us(monitoring_context.window.start)
        found = monitoring_context.actuals.column("late").to_pylist()
        self.saw[place] = Counter(each for each in found if each is not None)
        return {"late_sum": float(sum(self.saw[place].elements()))}


class LoadWithActuals(Load):
    """Publishes actuals too: of requests that were, of some that are to come, and corrections of them."""

    def __init__(self, stream: Stream, seed: int) -> None:
        super().__init__(stream, seed)
        self.newest: dict[tuple[str, str], int] = {}
        self._told = 0

    def publish(self, events: int) -> None:
        for _ in range(20):
            super().publish(events // 20)
            for place, endpoint_id in enumerate(self.rows):
                partition = place % 2  # one for each endpoint, so that its actuals have an order
                self._stream.publish([(endpoint_id, self._actuals(place, endpoint_id))], partition=partition)

    def _actuals(self, place: int, endpoint_id: str) -> bytes:
        last = self._numbers[place]
        numbers = self._random.sample(range(1, last + 40), min(20, last + 39))
        ids = [f"{endpoint_id}/{number}" for number in numbers]
        values = [self._told + number for number in range(len(ids))]
        self._told += len(ids)
        self.newest |= {(endpoint_id, each): value for each, value in zip(ids, values, strict=True)}
        return write_actuals(Actuals(endpoint_id, {"late": values}, ids, [0] * len(ids)))


class Ticking:
    """The controller in a process of its own."""

    def __init__(self, folder: Path) -> None:
        with (folder / "controller.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", TICKING, str(folder)], stdout=log, stderr=log
            )

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(
    params=[pytest.param("", id="sqlite"), pytest.param("postgresql", id="postgresql", marks=NEEDS_POSTGRES)]
)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = shared_postgres().database() if request.param else ""
    return Settings(
        project_dir=str(tmp_path), project="kill", events_partitions=2, batch_max_events=300,
        flush_after_seconds=0.05, records_url=url,
    )  # fmt: skip


@pytest.fixture
def project(settings: Settings, records: Database, tmp_path: Path) -> Settings:
    """A project with the app, whose windows are an hour; the endpoints are known before anything comes."""
    text = "project: kill\nevents_partitions: 2\ngrace_seconds: 0\nbase_period: 60\napp_retry_seconds: 600\n"
    text += f"records_url: {settings.records_url}\n" if settings.records_url else ""
    (tmp_path / "modelmon.yaml").write_text(text, encoding="utf-8")
    found = Settings.load(tmp_path, {})
    for url in (found.app_url(APP), found.writer_url):
        open_stream(url, 1).close()
    with records.write() as connection:
        registry.register_app(connection, APP, None, 0)
        for place in range(6):
            name = f"endpoint-{place}"
            endpoints.put(connection, Endpoint(name, "kill", name, label_names=("late",)), 0)
    return found


class Judging:
    """The app, which takes what the controller has sent whenever it is asked to."""

    def __init__(self, project: Settings) -> None:
        self.app = Right()
        self._stream = open_stream(project.app_url(APP), 1)
        self._consumer = self._stream.consumer(windows_of(project, APP).group)
        self._stage = asyncio.run(self._open(project))

    async def _open(self, project: Settings) -> AppStage:
        return AppStage(self.app, project, self._acknowledge, APP)

    async def _acknowledge(self, partition: int, offset: int) -> None:
        self._consumer.commit({partition: offset + 1})

    def take(self) -> int:
        messages = list(self._consumer.poll(1_000, 0))
        asyncio.run(self._stage.accept(*messages))
        return len(messages)

    def close(self) -> None:
        asyncio.run(self._stage.close())
        self._consumer.close()
        self._stream.close()


@pytest.fixture
def judging(project: Settings) -> Iterator[Judging]:
    judging = Judging(project)
    yield judging
    judging.close()


@pytest.mark.timeout(600)
def test_every_actual_stands_beside_its_prediction_and_is_judged_after_many_kills(
    tmp_path: Path, settings: Settings, project: Settings, stream: Stream, records: Database, judging: Judging
) -> None:
    assert ROOT.is_dir()
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance, load = random.Random(seed), LoadWithActuals(stream, seed)
    workers, controller = [Worker(tmp_path, settings, number) for number in range(2)], Ticking(tmp_path)
    writer = Worker(tmp_path, project, 0, function="writer")
    for _ in range(KILLS):
        publishing = threading.Thread(target=load.publish, args=(1_000,))
        publishing.start()
        victim = chance.randrange(2)
        workers[victim].wait_until_ready()
        time.sleep(chance.uniform(0.0, 0.4))  # the moment of the kill is what this test is about
        workers[victim].kill()
        controller.kill()
        workers[victim], controller = Worker(tmp_path, settings, victim), Ticking(tmp_path)
        judging.take()
        writer.wait_until_ready()
        writer.kill()
        writer = Worker(tmp_path, project, 0, function="writer")
        publishing.join()
    wait_until_read(stream)
    controller.kill()
    judge_what_is_left(project, records, judging)
    wait_until_written(project)
    for worker in (*workers, writer):
        worker.stop()
    check_rows(settings, records, load)
    check_folder(settings, records)
    check_actuals(settings, records, load, judging.app)
    check_answers(project, records, judging.app)


def judge_what_is_left(project: Settings, records: Database, judging: Judging) -> None:
    """Until the controller sends nothing more; the last windows close by silence, which takes its clock."""
    controller = Controller.open(project)
    deadline, rest = time.monotonic() + 120, 0
    while rest < 20:
        assert time.monotonic() < deadline, "the controller does not come to rest"
        controller.tick_blocking(time.time_ns() // 1000)
        rest = 0 if judging.take() or has_news(records) else rest + 1
        time.sleep(0.05)  # others are at work, in processes of their own
    asyncio.run(controller.close())


def wait_until_written(project: Settings) -> None:
    group, deadline = reports_of(project).group, time.monotonic() + 120
    with closing(open_stream(project.writer_url, 1)) as stream:
        while any(stream.lag(group).values()):
            assert time.monotonic() < deadline, f"not written: {stream.lag(group)}"
            time.sleep(0.05)  # the writer is a process of its own


def check_answers(project: Settings, records: Database, app: Right) -> None:
    """Each window is answered in its newest revision, and its one stored value is what the app said last."""
    with records.read() as connection:
        windows = connection.execute(select(schema.windows)).all()
    assert {(row.endpoint_id, row.start_us) for row in windows} == app.saw.keys()
    assert all(row.answered == row.sent == row.wanted for row in windows)
    assert max(row.answered for row in windows) > 1, "no window was opened again: the load was too small"
    series = open_series(project)
    found = read_all_values(records, series, sorted({row.endpoint_id for row in windows}), 0, 2 * START_US)
    values = [((each.endpoint_id, each.start_us), each.value) for each in found]
    series.close()
    assert len(values) == len(app.saw)
    assert dict(values) == {place: float(sum(saw.elements())) for place, saw in app.saw.items()}


def has_news(records: Database) -> bool:
    with records.read() as connection:
        return bool(news(connection))


def check_actuals(settings: Settings, records: Database, load: LoadWithActuals, app: Right) -> None:
    stores = open_samples(settings), open_actuals(settings)
    expected: dict[tuple[str, int], Counter[int]] = {}
    for endpoint_id in load.rows:
        table = read_sample(records, stores[0], endpoint_id, 0, 2 * START_US, actuals=stores[1])
        columns = ("timestamp", "request_id", "event_row", "actual.late")
        for when, request_id, row, late in zip(*(table[name].to_pylist() for name in columns), strict=True):
            own = load.newest.get((endpoint_id, request_id)) if row == 0 else None
            assert late == own, f"{request_id}, row {row}: {late} instead of {own}"
            start_us = to_us(when) // HOUR_US * HOUR_US
            expected.setdefault((endpoint_id, start_us), Counter()).update([late] if late is not None else [])
    assert app.saw == expected
    with records.read() as connection:
        counts = counts_of_actuals(connection)
    assert sum(each[0] for each in counts) == load._told
    assert all(received == stored + waiting for received, stored, waiting, _ in counts)
    known = {(endpoint_id, request_id) for endpoint_id, rows in load.rows.items() for _, request_id in rows}
    assert sum(each[2] for each in counts) >= len(load.newest.keys() - known)
    sweep(records, stores[1], time.time_ns() // 1000, float("inf"))
    with records.read() as connection:
        listed = set(connection.scalars(stores[1].listed.select().with_only_columns(stores[1].listed.c.path)))
    assert {path for path in stores[1].list() if path.endswith(".parquet")} == listed
