"""The whole chain on Kafka, one process a function: on the embedded runner, and on real Nuclio processors.

Each fault prints what was sent, stored, stored twice and lost; 'Faults tried' in the docs has the table.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import served
from chain import APP, FUNCTIONS, Chain, State
from chain_platforms import PLATFORMS, ChainPlatform, chain_on, on_kafka
from deploying import eventually
from modelmon.errors import UnavailableError
from modelmon.ledger.records import open_records
from modelmon.model import ResultStatusApp, wall_clock_us
from modelmon.streams import open_stream
from modelmon.streams.subscriptions import events_of, reports_of, windows_of
from modelmon.views.health import health
from repeating import times
from services import kafka

pytestmark = [
    pytest.mark.xdist_group("chain"),  # not with the other tests of Kafka, they would take turns for long
    *kafka.NEEDS_KAFKA,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

MINUTES, PER_MINUTE = 30, 100
EVENTS = MINUTES * PER_MINUTE
TIMES = times(10, few=2)  # each fault
SLEEPS = times(3, few=1)
PATIENCE_SECONDS = 180.0
Results = dict[tuple[str, int, str], tuple[float, int | None]]


def relative(chain: Chain, state: State) -> Results:
    """The results, by the window's place: two chains begin at different times."""
    return {
        (app, start_us - chain.start_us, name): value
        for (app, start_us, name), value in state.results.items()
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Results of the same events on the embedded runner without Kafka and without any fault."""
    chain = Chain(tmp_path_factory.mktemp("undisturbed") / "project", minutes=MINUTES)
    with chain.running() as runner:
        chain.publish(chain.events(EVENTS))
        runner.wait_until_idle(120)
    return relative(chain, chain.state())


class Load:
    """Publishes a chain's events a minute's worth at a time, with a message nobody can read in each."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.poison = 0
        self._records = list(chain.events(EVENTS))

    def publish(self, minutes: int) -> None:
        for _ in range(min(minutes, len(self._records) // PER_MINUTE)):
            records, self._records = self._records[:PER_MINUTE], self._records[PER_MINUTE:]
            self.chain.publish(records[: PER_MINUTE // 2])
            self.chain.stream.publish([("poison", b"\x00 not an event")])
            self.chain.publish(records[PER_MINUTE // 2 :])
            self.poison += 1

    def finish(self, what: str, undisturbed: Results) -> None:
        """Publish the rest, wait until everything is judged, print and check what became of it."""
        self.publish(MINUTES)
        state = eventually(self.chain.state, is_whole, within=PATIENCE_SECONDS, every=1.0)
        twice = sum(times - 1 for times in state.requests.values())
        lost = EVENTS - len(state.requests)
        print(
            f"\n{what}: sent {EVENTS}, stored {len(state.requests)}, twice {twice}, lost {lost}; unreadable "
            f"sent {self.poison}, set aside {state.dead_letters}; windows {len(state.windows)}"
        )
        state.assert_each_event_counts_once(EVENTS)
        state.assert_every_window_is_answered(MINUTES)
        assert state.dead_letters == self.poison
        assert relative(self.chain, state) == undisturbed


def is_whole(state: State) -> bool:
    return len(state.requests) == EVENTS and state.answered == len(state.windows) == MINUTES


def send_to_one_partition(chain: Chain, count: int) -> None:
    """Events of one partition, so that what is full is known."""
    chain.stream.publish(list(chain.events(count)), partition=0)


def progress(chain: Chain, function: str) -> Callable[[], int]:
    """Something that grows while the function works."""
    settings = chain.settings
    if function == "modelmon-controller":
        return lambda: len(chain.state().windows)
    read = {
        "modelmon-stream": events_of(settings),
        "modelmon-writer": reports_of(settings),
        APP: windows_of(settings, APP),
    }[function]
    stream = open_stream(read.url, read.partitions, settings)

    def committed() -> int:
        try:
            return sum(stream.committed(read.group).values())
        except UnavailableError:  # it may be kept waiting while who died is missed
            return -1

    return committed


def delivered(chain: Chain) -> int:
    """How many messages the stream function has been given, as its live workers say."""
    database = open_records(chain.settings)
    found = health(database, "modelmon-stream", wall_clock_us())
    database.close()
    return sum(each.delivered or 0 for each in found.partitions)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_requests_of_a_drifted_model_end_as_its_drift_result(
    platform: type[ChainPlatform], tmp_path: Path
) -> None:
    project = served.Served(tmp_path / "project", **on_kafka(kafka.shared_broker()))
    with platform(project.folder) as running:
        project.ask(f"http://{running.address('serving')}")
        found = eventually(project.results, within=PATIENCE_SECONDS, every=1.0)
    assert {place: value for place, (value, _) in found.items()} == pytest.approx(project.evaluated())
    # The first window began before the first request, the last one ended after the last: no verdict.
    verdicts = {place: status for place, (_, status) in found.items() if 0 < place[1] < served.MINUTES - 1}
    assert verdicts == {
        (model, minute): status
        for model, status in (("same", ResultStatusApp.no_detection), ("drifted", ResultStatusApp.detected))
        for minute in range(1, served.MINUTES - 1)
    }


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_stream_function_writes_by_size_by_time_when_drained_and_at_its_end(
    platform: type[ChainPlatform], tmp_path: Path
) -> None:
    def chain(name: str, **settings: Any) -> Chain:
        made = chain_on(kafka.shared_broker(), tmp_path / name, **settings)
        for other in set(FUNCTIONS) - {"modelmon-stream"}:  # the controller would put its clock on the stream
            shutil.rmtree(made.project / ".modelmon" / "functions" / other)
        return made

    by_size, by_time = (
        chain("size", batch_max_events=10, flush_after_seconds=3600.0),
        chain("time", flush_after_seconds=0.5),
    )
    done = progress(by_size, "modelmon-stream")
    with platform(by_size.project) as running:
        send_to_one_partition(by_size, 25)
        eventually(done, lambda now: now == 20, within=PATIENCE_SECONDS, every=0.1)
        running.add_replica()
        eventually(done, lambda now: now == 25, within=PATIENCE_SECONDS, every=0.1)
        running.remove_replica(signal.SIGTERM)
        send_to_one_partition(by_size, 5)
        # What it has been given it writes as it ends; who starts anew would hold the five for an hour.
        eventually(lambda: delivered(by_size), lambda now: now == 30, within=PATIENCE_SECONDS, every=0.2)
        running.restart("modelmon-stream")
        eventually(done, lambda now: now == 30, within=PATIENCE_SECONDS, every=0.1)
    done = progress(by_time, "modelmon-stream")
    with platform(by_time.project):
        send_to_one_partition(by_time, 3)
        eventually(done, lambda now: now == 3, within=PATIENCE_SECONDS, every=0.1)


@pytest.mark.long
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_killing_a_worker_under_load_loses_nothing(
    function: str, platform: type[ChainPlatform], tmp_path: Path, undisturbed: Results
) -> None:
    # A window whose app was killed `app_attempts` times in it counts as failed: here the kills are ours.
    chain = chain_on(kafka.shared_broker(), tmp_path / "project", minutes=MINUTES, app_attempts=100)
    load, seed = Load(chain), random.Random(7)
    done = progress(chain, function)
    with platform(chain.project) as running:
        for _ in range(TIMES):
            before = done()
            load.publish(2)
            eventually(done, lambda now, before=before: now > before, within=PATIENCE_SECONDS, every=0.05)
            load.publish(1)
            workers = eventually(lambda: running.workers(function), within=PATIENCE_SECONDS)
            time.sleep(seed.uniform(0.0, 0.3))  # the moment of the kill is the random part of this test
            os.kill(seed.choice(workers), signal.SIGKILL)
        load.finish(f"kill -9 of a worker of {function}, {TIMES} times, {platform.name}", undisturbed)


@pytest.mark.long
@pytest.mark.parametrize("platform", PLATFORMS)
def test_replicas_that_come_and_go_lose_nothing(
    platform: type[ChainPlatform], tmp_path: Path, undisturbed: Results
) -> None:
    chain = chain_on(kafka.shared_broker(), tmp_path / "project", minutes=MINUTES)
    load = Load(chain)
    with platform(chain.project) as running:
        for turn in range(TIMES):
            load.publish(1)
            running.add_replica()
            load.publish(1)
            running.remove_replica(signal.SIGTERM if turn % 2 else signal.SIGKILL)
            load.publish(1)
        load.finish(f"a replica joins and leaves, {TIMES} times, {platform.name}", undisturbed)


@pytest.mark.long
@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_owner_that_slept_through_a_rebalance_writes_nothing_when_it_wakes(
    platform: type[ChainPlatform], tmp_path: Path, undisturbed: Results
) -> None:
    # Held for long, so that the owner sleeps with messages in its hands.
    chain = chain_on(
        kafka.shared_broker(), tmp_path / "project", minutes=MINUTES, flush_after_seconds=2.0, grace_seconds=4
    )
    load, done = Load(chain), progress(chain, "modelmon-stream")
    with platform(chain.project) as running:
        for _ in range(SLEEPS):
            load.publish(2)
            eventually(done, lambda now: now > 0, within=PATIENCE_SECONDS)
            load.publish(2)
            time.sleep(0.5)  # some of it is delivered by now, and held
            running.pause("modelmon-stream")
            running.add_replica()
            all_read = sum(chain.stream.end_offsets().values())
            eventually(done, lambda now, end=all_read: now >= end, within=PATIENCE_SECONDS)
            running.wake()
            load.publish(2)
            time.sleep(1.0)  # who wakes may try to write now
            running.remove_replica(signal.SIGTERM)
        # Else it held nothing, and this proved nothing.
        assert "another owner took partition" in running.log("modelmon-stream")
        load.finish(f"an owner sleeps through a rebalance, {SLEEPS} times, {platform.name}", undisturbed)


@pytest.fixture
def broker() -> Iterator[kafka.KafkaBroker]:
    made = kafka.KafkaBroker()
    made.start()
    yield made
    made.stop()


@pytest.mark.long
@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_broker_that_is_killed_and_comes_back_loses_nothing(
    platform: type[ChainPlatform], broker: kafka.KafkaBroker, tmp_path: Path, undisturbed: Results
) -> None:
    chain = chain_on(broker, tmp_path / "project", minutes=MINUTES)
    load, seed = Load(chain), random.Random(3)
    with platform(chain.project):
        for _ in range(TIMES):
            load.publish(2)
            time.sleep(seed.uniform(0.0, 0.5))  # the moment of the kill is the random part of this test
            broker.kill()
            broker.start()
        load.finish(f"kill -9 of the broker, {TIMES} times, {platform.name}", undisturbed)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_tick_by_hand_answers_what_was_done_and_keeps_out_of_another_s_way(
    platform: type[ChainPlatform], tmp_path: Path
) -> None:
    chain = chain_on(kafka.shared_broker(), tmp_path / "project", controller_interval_seconds=0.1)
    with platform(chain.project) as running:
        url = f"http://{running.address('modelmon-controller')}/"
        chain.publish(chain.events(600))
        states = []
        for headers in ({}, {"x-nuclio-invoke-trigger": "cron"}) * 50:
            answer = httpx.post(url, headers=headers, timeout=30)
            assert answer.status_code == 200, answer.text
            states.append(answer.json()["state"])
        assert "done" in states
        assert set(states) <= {"done", "another controller is at work"}
        eventually(lambda: chain.state().windows, lambda rows: len(rows) == chain.minutes, every=0.5)
