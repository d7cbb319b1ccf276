"""What state a function is in: from its positions, its heartbeats, and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuclio_sdk import Context, Event, Logger, Platform, TriggerInfo

from deploying import deploy, make_project, stream_trigger
from modelmon.cli.health import read_health
from modelmon.errors import ConfigError, UnavailableError
from modelmon.function_spec.folders import report_file
from modelmon.ledger import heartbeats
from modelmon.ledger.records import open_records
from modelmon.local.runner_state import RunnerState, RunningFunction, RunningWorker, lock_project
from modelmon.model import Heartbeat, Message, PartitionProgress, WorkerState
from modelmon.nuclio import heartbeat as beating
from modelmon.nuclio import http_handlers, message_handlers, tick_handlers
from modelmon.nuclio.kept import kept
from modelmon.nuclio.pulse import Pulse
from modelmon.nuclio.stream_progress import StreamProgress
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.streams import open_stream
from modelmon.streams.subscriptions import Subscription, events_of
from modelmon.views.health import every_health, function_health, health
from modelmon.waiting import outages, when_available

SECOND = 1_000_000
BEAT = Heartbeat("modelmon-stream", "host/1", "events", WorkerState.READY, "", 0, 10 * SECOND, 25 * SECOND)


# --- positions ------------------------------------------------------------------------------------------


def test_a_worker_that_keeps_up_is_not_behind() -> None:
    progress = StreamProgress()
    for end in range(5):
        progress.observe({0: end}, {0: end}, float(end))
    assert (progress.behind_seconds, progress.uncommitted_seconds) == (0.0, 0.0)


def test_behind_is_since_the_end_was_first_seen_where_the_group_is_not_yet() -> None:
    progress = StreamProgress()
    progress.observe({0: 10, 1: 4}, {0: 10}, 0.0)
    assert progress.behind_seconds == 0.0
    progress.observe({0: 20, 1: 4}, {0: 15}, 7.0)
    assert progress.behind_seconds == 7.0  # partition 1 was never committed
    progress.observe({0: 30, 1: 4}, {0: 15, 1: 4}, 9.0)
    assert progress.behind_seconds == 2.0  # the end at 7.0 is what is not reached
    progress.observe({0: 30, 1: 4}, {0: 30, 1: 4}, 11.0)
    assert progress.behind_seconds == 0.0


def test_an_acknowledgement_is_owed_until_the_group_has_committed_it() -> None:
    progress = StreamProgress()
    progress.deliver(0, 9)
    progress.acknowledge(0, 4)
    for now in (0.0, 31.0):
        progress.observe({0: 10}, {}, now)
    assert progress.uncommitted_seconds == 31.0
    assert progress.partitions() == (PartitionProgress(0, 10, 0, 10, 5),)
    progress.observe({0: 10}, {0: 5}, 32.0)
    assert progress.uncommitted_seconds == 0.0


def test_a_steady_flow_of_commits_a_little_late_owes_little() -> None:
    progress = StreamProgress()
    for now in range(1000):
        progress.acknowledge(0, now)
        progress.observe({0: now + 1}, {0: max(0, now - 2)}, float(now))
        assert progress.uncommitted_seconds <= 4.0
        assert progress.behind_seconds <= 4.0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_positions_in_any_order_never_give_a_negative_time(
    steps: list[tuple[int, int, int]],
) -> None:
    progress, end, committed = StreamProgress(), dict.fromkeys(range(3), 0), {}
    for now, (partition, produced, done) in enumerate(steps):
        end[partition] += produced
        committed[partition] = min(end[partition], done)
        progress.acknowledge(partition, done)
        progress.observe(dict(end), dict(committed), float(now))
        assert 0 <= progress.behind_seconds <= now
        assert 0 <= progress.uncommitted_seconds <= now
    caught_up = {partition: max(offset, 31) for partition, offset in end.items()}
    progress.observe(end, caught_up, 100.0)
    assert (progress.behind_seconds, progress.uncommitted_seconds) == (0.0, 0.0)


# --- heartbeats -----------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        project_dir=str(tmp_path), durability="process", heartbeat_seconds=0.1,
        unavailable_first_wait_seconds=0.01, unavailable_max_wait_seconds=0.02,
    )  # fmt: skip


@pytest.fixture
def records(settings: Settings) -> Iterator[Database]:
    database = open_records(settings)
    yield database
    database.close()


def put(records: Database, *beats: Heartbeat) -> None:
    with records.write() as connection:
        for beat in beats:
            heartbeats.put(connection, beat)


def test_a_function_is_as_its_worst_live_worker(records: Database) -> None:
    late = replace(BEAT, worker="host/2", state=WorkerState.BEHIND, reason="late", behind_seconds=70.0)
    gone = replace(BEAT, worker="host/3", state=WorkerState.WAITING, expires_us=11 * SECOND)
    put(records, BEAT, late, gone)
    found = health(records, "modelmon-stream", 12 * SECOND)
    assert (found.state, found.healthy, found.reason) == ("behind", True, "late")
    assert (found.behind_seconds, len(found.workers)) == (70.0, 2)


@pytest.mark.parametrize("state", list(WorkerState))
def test_what_counts_as_healthy(state: WorkerState) -> None:
    found = function_health("f", [replace(BEAT, state=state)], 12 * SECOND)
    assert found.healthy == (state in (WorkerState.READY, WorkerState.BEHIND))


def test_a_worker_that_is_not_heard_any_more_is_not_running_and_its_lag_stays_known(
    records: Database,
) -> None:
    put(records, replace(BEAT, partitions=(PartitionProgress(0, 10, 4, 6, 4),)))
    found = health(records, "modelmon-stream", 26 * SECOND)
    assert (found.state, found.healthy, found.behind_messages) == ("not running", False, 6)
    assert "heard at 1970-01-01 00:00:10" in found.reason


def test_each_partition_is_shown_as_the_worker_saw_it_that_reads_it(records: Database) -> None:
    one = replace(BEAT, partitions=(PartitionProgress(0, 9, 9, 9, 9), PartitionProgress(1, 5, 4)))
    two = replace(
        BEAT, worker="host/2", partitions=(PartitionProgress(0, 9, 9), PartitionProgress(1, 5, 4, 5, 4))
    )
    put(records, one, two)
    found = health(records, "modelmon-stream", 12 * SECOND)
    assert [each.delivered for each in found.partitions] == [9, 5]
    assert found.behind_messages == 1


def test_a_worker_that_ended_in_good_order_leaves_nothing_and_old_ones_are_forgotten(
    records: Database,
) -> None:
    put(records, BEAT, replace(BEAT, worker="host/2", beat_us=heartbeats.FORGOTTEN_US + 11 * SECOND))
    with records.write() as connection:
        assert [beat.worker for beat in heartbeats.by_function(connection)["modelmon-stream"]] == ["host/2"]
        heartbeats.forget(connection, "modelmon-stream", "host/2")
    (found,) = every_health(records, ["modelmon-stream"], 0)
    assert (found.state, found.workers) == ("not running", ())


@pytest.mark.parametrize(("platform", "is_named"), [("embedded", False), ("local", True)])
def test_a_function_that_crashed_and_was_removed_is_not_missed(
    tmp_path: Path, platform: str, is_named: bool
) -> None:
    settings = Settings.load(make_project(tmp_path / "project", platform=platform, nuclio_brokers="k:9092"))
    with closing(open_records(settings)) as records:
        put(records, replace(BEAT, state=WorkerState.FAILED))
    found = [each.function for each in read_health(settings, [])]
    assert ("modelmon-stream" in found) is is_named  # elsewhere this folder does not say what runs


def test_on_a_full_disk_what_runs_is_said_to_wait_and_not_to_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load(make_project(tmp_path / "project"))
    for name in ("modelmon-stream", "other"):
        deploy(Path(settings.project_dir), name, "", {"events": stream_trigger()})
    worker = RunningWorker("events", 0, "ready", pid=1)
    report = RunnerState(1, (RunningFunction("modelmon-stream", "as-it-runs", workers=(worker,)),))
    report_file(Path(settings.project_dir)).write_bytes(msgspec.json.encode(report))
    held = lock_project(Path(settings.project_dir))
    try:
        states = {each.function: each.state for each in read_health(settings, [])}
        assert set(states.values()) == {"not running"}  # with room a process that says nothing is gone
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=4096))
        found = {each.function: each for each in read_health(settings, [])}
    finally:
        os.close(held)
    assert found["modelmon-stream"].state == "waiting"
    assert f"no space left on the disk of {settings.project_dir}" in found["modelmon-stream"].reason
    assert found["other"].state == "not running"


def test_what_a_process_waits_for_is_known_while_it_waits(settings: Settings) -> None:
    async def wait() -> str:
        answers = iter([UnavailableError("down"), UnavailableError("still down"), "up"])
        seen = []

        def action() -> str:
            seen.append([(outage.what, outage.reason) for outage in outages()])
            answer = next(answers)
            if isinstance(answer, UnavailableError):
                raise answer
            return answer

        found = await when_available(action, settings, "the records")
        assert seen == [[], [("the records", "down")], [("the records", "still down")]]
        return found

    assert asyncio.run(wait()) == "up"
    assert outages() == ()


# --- over HTTP ------------------------------------------------------------------------------------------


class Reading:
    """A stage that acknowledges every message at once."""

    def __init__(self, settings: Settings, acknowledge: Any) -> None:
        self.subscription: Subscription = events_of(settings)
        self._acknowledge = acknowledge

    async def accept(self, *messages: Message) -> None:
        for message in messages:
            await self._acknowledge(message.partition, message.offset)

    async def drain(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Function:
    """Workers of one function with a stream trigger and an HTTP trigger, and the stream it reads."""

    def __init__(self, settings: Settings, *, commits: bool = True) -> None:
        self._commits = commits
        self.subscription = events_of(settings)
        self.stream = open_stream(self.subscription.url, self.subscription.partitions, settings)
        self.init_context, self.handler = message_handlers(Reading)
        self.reader, self.http = self._context("kafka-cluster", "events"), self._context("http", "health")

    def _context(self, kind: str, name: str) -> Context:
        platform = Platform("test", on_control_callback=self._control)
        return Context(Logger("INFO"), platform, trigger=TriggerInfo(kind, name))

    async def _control(self, message: dict[str, Any]) -> None:
        attributes = message["attributes"]
        if self._commits:
            consumer = self.stream.consumer(self.subscription.group)
            consumer.poll(1, 0)
            consumer.commit({attributes["partition"]: attributes["offset"] + 1})
            consumer.close()

    async def start(self) -> None:
        await self.init_context(self.reader)
        await self.init_context(self.http)

    async def stop(self) -> None:
        await self.reader.platform._on_signal("termination")
        self.stream.close()

    async def deliver(self, messages: int) -> None:
        self.stream.publish([("", b"{}")] * messages, partition=0)
        for offset in range(messages):
            await self.handler(self.reader, Event(body=b"{}", shard_id=0, offset=offset, topic="events"))

    async def health(self) -> tuple[int, dict[str, Any]]:
        answer = await self.handler(self.http, Event(method="GET", path="/health", shard_id=-1))
        return answer.status_code, json.loads(answer.body)

    async def until(self, state: str) -> tuple[int, dict[str, Any]]:
        async with asyncio.timeout(30):
            while (found := await self.health())[1]["state"] != state:
                await asyncio.sleep(0.02)
        return found


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("NUCLIO_FUNCTION_NAME", "modelmon-stream")
    monkeypatch.setenv("MODELMON_PROJECT_DIR", settings.project_dir)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return settings


def test_a_function_answers_get_with_its_health_and_its_positions(environment: Settings) -> None:
    async def run() -> None:
        function = Function(environment)
        assert (await function.health())[0] == 503
        await function.start()
        await function.deliver(3)
        status, found = await function.until("ready")
        async with asyncio.timeout(30):
            while found["partitions"][0]["committed"] < 3:
                await asyncio.sleep(0.02)
                status, found = await function.health()
        assert (status, found["function"], found["behind_messages"]) == (200, "modelmon-stream", 0)
        first = {"partition": 0, "end": 3, "delivered": 3, "acknowledged": 3, "committed": 3}
        assert found["partitions"][0] == first
        await function.stop()
        status, found = await function.health()
        assert (status, found["state"]) == (503, "not running")

    asyncio.run(run())


def test_acknowledgements_that_do_not_arrive_are_seen_and_named(
    environment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beating, "UNCOMMITTED_SECONDS", 0.3)

    async def run() -> None:
        function = Function(environment, commits=False)
        await function.start()
        await function.deliver(2)
        status, found = await function.until("not committing")
        assert status == 503
        assert "Nuclio 1.14 can't commit to Kafka 4" in found["reason"]
        assert [found["partitions"][0][name] for name in ("acknowledged", "committed")] == [2, 0]
        await function.stop()

    asyncio.run(run())


def test_messages_that_nobody_reads_put_it_behind(
    environment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELMON_BEHIND_AFTER_SECONDS", "0.3")

    async def run() -> None:
        function = Function(environment)
        await function.start()
        function.stream.publish([("", b"{}")] * 5, partition=0)
        status, found = await function.until("behind")
        assert (status, found["healthy"], found["behind_messages"]) == (200, True, 5)
        assert found["behind_seconds"] > 0
        await function.stop()

    asyncio.run(run())


def test_records_that_are_down_are_the_answer(environment: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELMON_RECORDS_URL", "sqlite:////proc/no/such/folder/records.db")

    async def run() -> None:
        status, found = await Function(environment).health()
        assert (status, found["state"], found["healthy"]) == (503, "waiting", False)
        assert "waiting for the records" in found["reason"]

    asyncio.run(run())


def test_a_worker_that_has_nothing_to_write_tells_the_log_of_an_outage_and_of_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "store"
    folder.touch()  # a file in the place of the folder: the database can't be opened
    settings = Settings(project="flights", records_url=f"sqlite:///{folder}/records.db")
    context = SimpleNamespace(user_data=SimpleNamespace(), trigger=None, worker_id=0)
    kept(context).settings = settings
    pulse = Pulse(context, StreamProgress())
    for _ in range(2):
        pulse.beat(WorkerState.READY, "", 15.0)
    folder.unlink()
    for _ in range(2):
        pulse.beat(WorkerState.READY, "", 15.0)
    pulse.end()
    first, last = [record.getMessage() for record in caplog.records]
    assert first.startswith("waiting for the records: database folder ")
    assert last.startswith("the records: back after")


def test_a_message_that_is_posted_is_still_told_where_to_go(environment: Settings) -> None:
    async def run() -> None:
        function = Function(environment)
        await function.start()
        answer = await function.handler(function.http, Event(method="POST", body=b"{}", shard_id=-1))
        assert answer.status_code == 400
        assert "publish the message" in answer.body
        await function.stop()

    asyncio.run(run())


class Ticking:
    def __init__(self) -> None:
        self.ticks = 0
        self.down = False
        self.unavailable: dict[str, str] = {}

    async def tick(self, now_us: int) -> dict[str, Any]:
        if self.down:
            raise UnavailableError("the lease does not answer")
        self.ticks += 1
        return {"unavailable": self.unavailable}


class Controller:
    """A function that ticks, with workers of a cron and of an HTTP trigger."""

    def __init__(self) -> None:
        self.stage = Ticking()
        self.init_context, self.handler = tick_handlers(lambda settings: self.stage)
        self.workers = {
            kind: Context(Logger("INFO"), Platform("test"), trigger=TriggerInfo(kind, kind), worker_id="0")
            for kind in ("cron", "http")
        }

    async def start(self) -> None:
        for context in self.workers.values():
            await self.init_context(context)

    async def tick(self, kind: str = "cron", **request: Any) -> int:
        status: int = (await self.handler(self.workers[kind], Event(**request))).status_code
        return status

    async def health(self, **request: Any) -> tuple[int, str, str]:
        event = Event(**{"method": "GET", "path": "/health"} | request)
        answer = await self.handler(self.workers["http"], event)
        found = json.loads(answer.body)
        return answer.status_code, found["state"], found["reason"]


def test_a_ticking_function_is_as_its_last_tick_was_whoever_ticked(environment: Settings) -> None:
    async def run() -> None:
        function = Controller()
        await function.start()
        assert await function.health() == (200, "ready", "no tick yet")
        function.stage.down = True
        assert await function.tick("http", method="POST", path="/") == 503
        down = (503, "waiting", "the tick: the lease does not answer")
        assert await function.health() == down
        function.stage.down = False
        # A CronJob's request without a body is a GET too, to the root.
        assert await function.tick("http", method="GET", path="/") == 200
        assert await function.health() == (200, "ready", "")

    asyncio.run(run())


def test_a_tick_that_could_not_reach_a_stream_is_no_good_tick(environment: Settings) -> None:
    async def run() -> None:
        function = Controller()
        await function.start()
        function.stage.unavailable = {"the events stream": "the broker refuses the password"}
        assert await function.tick() == 200
        expected = (503, "waiting", "the events stream: the broker refuses the password")
        assert await function.health() == expected

    asyncio.run(run())


def test_a_tick_that_left_the_work_to_another_says_nothing_of_it(environment: Settings) -> None:
    async def run() -> None:
        function = Controller()
        await function.start()
        function.stage.unavailable = {"the events stream": "down"}
        await function.tick()

        async def busy(now_us: int) -> dict[str, Any]:
            return {"state": "another controller is at work"}

        function.stage.tick = busy  # type: ignore[method-assign]
        await function.tick("http", method="POST", path="/")
        assert (await function.health())[1] == "waiting"

    asyncio.run(run())


@pytest.mark.parametrize("request_", [{"method": "HEAD"}, {"method": "POST"}, {"path": "/health/"}], ids=str)
def test_whoever_asks_for_the_health_does_not_tick(environment: Settings, request_: dict[str, str]) -> None:
    async def run() -> None:
        function = Controller()
        await function.start()
        assert (await function.health(**request_))[0] == 200
        assert function.stage.ticks == 0

    asyncio.run(run())


def test_a_cron_that_stops_is_missed_after_three_ticks_and_a_minute(environment: Settings) -> None:
    context = Context(Logger("INFO"), Platform("test"), trigger=TriggerInfo("cron", "tick"), worker_id="0")
    kept(context).settings = environment  # base period: 10 minutes
    pulse = beating.TickPulse(context)
    assert [pulse._until_missed(now) for now in (0.0, 5.0, 55.0)] == [1200.0, 60.0, 150.0]
    by_request = Context(Logger("INFO"), Platform("test"), trigger=TriggerInfo("http", "http"), worker_id="0")
    kept(by_request).settings = environment
    pulse = beating.TickPulse(by_request)
    assert [pulse._until_missed(now) for now in (0.0, 5.0)] == [1200.0, 1200.0]


def test_a_function_that_works_a_queue_off_says_how_far_behind_it_is(environment: Settings) -> None:
    context = Context(Logger("INFO"), Platform("test"), trigger=TriggerInfo("cron", "tick"), worker_id="0")
    kept(context).settings = environment.changed(behind_after_seconds=0)
    records = open_records(environment)

    async def run() -> AsyncIterator[tuple[str, int, str]]:
        pulse = beating.TickPulse(context)
        for unavailable, queue in (({}, (7, 7)), ({}, (9, 7)), ({}, (9, 8)), ({"it": "is down"}, (9, 8))):
            await pulse.ticked(unavailable, queue)
            found = health(records, os.environ.get("NUCLIO_FUNCTION_NAME", ""), time.time_ns() // 1000)
            yield found.state, found.behind_messages, found.reason.partition(" for ")[0]

    async def every() -> list[Any]:
        return [each async for each in run()]

    assert asyncio.run(every()) == [
        ("ready", 0, ""), ("ready", 2, ""), ("behind", 1, "what is to be sent waits"),
        ("waiting", 1, "it: is down"),
    ]  # fmt: skip
    records.close()


def test_a_function_that_can_not_start_says_why(environment: Settings) -> None:
    def refuse(settings: Settings, acknowledge: Any) -> Any:
        raise ConfigError("the broker refuses the password")

    async def run() -> None:
        function = Function(environment)
        init_context, _ = message_handlers(refuse)
        with pytest.raises(ConfigError):
            await init_context(function.reader)
        status, found = await function.health()
        assert (status, found["state"]) == (503, "failed")
        assert found["reason"] == "it stops: the broker refuses the password"
        await function.start()  # the platform starts another one in its place
        await function.until("ready")
        await function.stop()

    asyncio.run(run())


def test_a_beat_that_is_under_way_does_not_take_the_last_word_back(environment: Settings) -> None:
    context = Context(Logger("INFO"), Platform("test"), trigger=TriggerInfo("kafka-cluster", "events"))
    kept(context).settings = environment
    pulse = Pulse(context, StreamProgress())
    with ThreadPoolExecutor() as threads:
        with pulse._turn:  # as a beat that writes
            waiting = [threads.submit(pulse.beat, WorkerState.READY, "", 5.0) for _ in range(2)]
            word = threads.submit(pulse.leave_word, "it stops")
            waiting += [threads.submit(pulse.beat, WorkerState.READY, "", 5.0) for _ in range(2)]
        for each in (*waiting, word):
            each.result(30)
    database = open_records(environment)
    assert health(database, "modelmon-stream", time.time_ns() // 1000).state == "failed"
    database.close()


def test_a_serving_function_answers_for_itself() -> None:
    class Serving:
        def health(self) -> dict[str, Any]:
            return {"state": "ready", "healthy": True, "tracking": {"dropped": 0}}

    init_context, handler = http_handlers(lambda settings: Serving())
    context = Context(Logger("INFO"), Platform("test"), trigger=TriggerInfo("http", "http"))

    async def run() -> None:
        await init_context(context)
        answer = await handler(context, Event(method="GET", path="/health"))
        assert (answer.status_code, json.loads(answer.body)["tracking"]) == (200, {"dropped": 0})

    asyncio.run(run())


def test_a_worker_that_was_heard_before_the_clock_went_back_is_not_taken_for_a_live_one() -> None:
    found = function_health("modelmon-stream", [BEAT], BEAT.beat_us - 61 * SECOND)
    assert (found.state, found.healthy) == ("not running", False)
    assert "heard at 1970-01-01 00:00:10" in found.reason
    assert found.reason.endswith("which is still to come: the clock went back")
    assert function_health("modelmon-stream", [BEAT], BEAT.beat_us - 59 * SECOND).state == "ready"
