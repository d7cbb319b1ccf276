"""What Nuclio does to a Python function, stated once; the embedded runner has to do the same.

A probe function (probe/main.py) writes down what it is given. Where the runner is stricter than Nuclio on
purpose, the test's name says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploying import HTTP, cron_trigger, deploy, eventually, log_of, make_project, stream_trigger, workers_of
from modelmon.local import Runner
from modelmon.streams import Stream, open_stream

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("platform")]
PROBE = (Path(__file__).parent / "probe" / "main.py").read_text()
JSON = {"Content-Type": "application/json"}


@dataclass
class Platform:
    """A running project, and what its probes wrote down."""

    project: Path
    runner: Runner

    def notes(self, function: str, what: str = "") -> list[dict[str, Any]]:
        path = self.project / f"{function}.notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [note for note in map(json.loads, lines) if what in ("", note["what"])]

    def deploy(self, function: str, **triggers: Any) -> None:
        deploy(self.project, function, PROBE, triggers, PROBE_FILE=str(self.project / f"{function}.notes"))

    def post(self, function: str, content: bytes = b"", path: str = "/", **more: Any) -> httpx.Response:
        url = f"http://{self.runner.address(function)}{path}"
        return httpx.post(url, content=content, timeout=60, **more)

    def ask(self, function: str, answer: str) -> httpx.Response:
        return self.post(function, json.dumps({"answer": answer}).encode(), headers=JSON)

    def stream(self, name: str, partitions: int = 1) -> Stream:
        return open_stream(self.runner.settings.stream_url(name), partitions, self.runner.settings)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    project = make_project(tmp_path_factory.mktemp("platform") / "project")
    runner = Runner(project, tell=lambda level, text: None)
    made = Platform(project, runner)
    made.deploy("web", http=HTTP | {"attributes": {"maxRequestBodySize": 1000}})
    made.deploy("busy", http=HTTP | {"workerAvailabilityTimeoutMilliseconds": 50})
    made.deploy("pair", http=HTTP | {"numWorkers": 2})
    made.deploy(
        "clock", tick=cron_trigger("200ms", body='{"answer": "wait", "seconds": 0.3}', headers={"a": "b"})
    )
    made.deploy("explicit", events=stream_trigger("explicit-events"))
    made.deploy("implicit", events=stream_trigger("implicit-events", mode="disable"))
    made.deploy("enabled", events=stream_trigger("enabled-events", mode="enable"))
    with runner:
        runner.wait_until_ready()
        yield made


def publish(stream: Stream, *answers: str) -> None:
    stream.publish([("key", json.dumps({"answer": answer}).encode()) for answer in answers])


class TestStart:
    def test_init_context_runs_once_a_worker_and_knows_its_trigger(self, platform: Platform) -> None:
        assert [note["trigger"] for note in platform.notes("web", "init")] == [["http", "http"]]
        assert [note["trigger"] for note in platform.notes("explicit", "init")] == [
            ["kafka-cluster", "events"]
        ]
        assert platform.notes("web", "init")[0]["worker"] == "0"

    def test_a_task_started_in_init_context_lives_on_while_nothing_happens(self, platform: Platform) -> None:
        seen = len(platform.notes("enabled", "alive"))
        eventually(lambda: len(platform.notes("enabled", "alive")), lambda now: now > seen + 3)


class TestHttp:
    @pytest.mark.parametrize(
        ("content", "content_type", "expected"),
        [
            (b'{"a": 1}', "application/json", ["dict", "{'a': 1}"]),
            (b"[1]", "application/json", ["list", "[1]"]),
            (b'{"a": 1}', "application/json; charset=utf-8", ["bytes", "b'{\"a\": 1}'"]),
            (b"{wrong", "application/json", ["bytes", "b'{wrong'"]),
            (b"", "application/json", ["bytes", "b''"]),
            (b"text", "text/plain", ["bytes", "b'text'"]),
        ],
    )
    def test_a_body_is_parsed_only_when_the_content_type_is_exactly_json(
        self, platform: Platform, content: bytes, content_type: str, expected: list[str]
    ) -> None:
        platform.post("web", content, headers={"Content-Type": content_type})
        event = platform.notes("web", "event")[-1]
        assert event["body"] == expected
        assert event["content_type"] == ["str", repr(content_type)]

    def test_an_event_tells_the_request(self, platform: Platform) -> None:
        platform.post("web", b"abc", "/a/b?x=1&y=", headers={"X-Own-Header": "v"})
        event = platform.notes("web", "event")[-1]
        assert event["trigger"] == ["http", "http"]
        assert event["method"] == ["str", "'POST'"]
        assert event["path"] == ["str", "'/a/b'"]
        assert event["fields"] == ["dict", "{'x': '1', 'y': ''}"]
        assert "'X-Own-Header': 'v'" in event["headers"][1]
        assert event["size"] == ["int", "3"]
        assert event["shard_id"] == ["int", "-1"]
        assert event["offset"] == ["int", "0"]
        assert event["timestamp"][0] == "datetime"
        assert "tzinfo" not in event["timestamp"][1]
        assert len(event["id"][1].strip("'")) == 36

    @pytest.mark.parametrize(
        ("asked", "status", "content_type", "body"),
        [
            ("text", 200, "text/plain", b"text"),
            ("dict", 200, "application/json", b'{"nan": "NaN", "one": 1}'),
            ("tuple", 202, "application/json", b'{"a": 1}'),
            ("bytes", 200, "text/plain", b"\xff\x00"),
            ("none", 200, "text/plain", b"None"),
            ("response", 418, "application/json", b'{"a":1}'),
        ],
    )
    def test_what_a_handler_returns_becomes_the_answer(
        self, platform: Platform, asked: str, status: int, content_type: str, body: bytes
    ) -> None:
        answer = platform.ask("web", asked)
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (
            status,
            content_type,
            body,
        )

    def test_the_headers_of_a_response_reach_the_caller(self, platform: Platform) -> None:
        assert platform.ask("web", "response").headers["x-own"] == "yes"

    @pytest.mark.parametrize("asked", ["fail", "leave"])
    def test_what_a_handler_raises_is_a_500_and_the_worker_lives(
        self, platform: Platform, asked: str
    ) -> None:
        assert platform.ask("web", asked).status_code == 500
        assert platform.ask("web", "text").status_code == 200
        assert len(platform.notes("web", "init")) == 1

    @pytest.mark.parametrize("asked", ["list", "empty list"])
    def test_stricter_than_nuclio_a_list_is_refused_with_the_reason_in_the_log(
        self, platform: Platform, asked: str
    ) -> None:
        assert platform.ask("web", asked).status_code == 500
        assert "returned a list" in log_of(platform.project, "web")
        assert platform.ask("web", "text").status_code == 200

    def test_a_body_over_the_limit_is_refused(self, platform: Platform) -> None:
        seen = len(platform.notes("web", "event"))
        assert platform.post("web", b"x" * 1000).status_code == 200
        assert platform.post("web", b"x" * 1001).status_code == 413
        assert len(platform.notes("web", "event")) == seen + 1

    def test_a_worker_handles_one_event_at_a_time_and_a_caller_waits_only_so_long(
        self, platform: Platform
    ) -> None:
        slow = json.dumps({"answer": "wait", "seconds": 0.5}).encode()
        with ThreadPoolExecutor() as pool:
            statuses = sorted(
                answer.status_code for answer in pool.map(lambda _: platform.post("busy", slow), range(3))
            )
        assert statuses == [200, 503, 503]

    def test_two_workers_share_the_events(self, platform: Platform) -> None:
        slow = json.dumps({"answer": "wait", "seconds": 0.1}).encode()

        def share() -> set[int]:
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda _: platform.post("pair", slow), range(8)))
            assert {answer.status_code for answer in answers} == {200}
            return {note["pid"] for note in platform.notes("pair", "event")}

        # The kernel says which worker gets a connection; on a busy machine one may get the first eight.
        assert len(eventually(share, lambda pids: len(pids) == 2)) == 2

    def test_it_listens_on_this_machine_alone(self, platform: Platform) -> None:
        assert platform.runner.address("web").startswith("127.0.0.1:")


class TestStream:
    def test_an_event_is_one_message_with_its_place_and_without_its_key(self, platform: Platform) -> None:
        publish(platform.stream("explicit-events"), "acknowledge")
        event = eventually(lambda: platform.notes("explicit", "event"))[0]
        assert event["trigger"] == ["kafka-cluster", "events"]
        assert event["body"] == ["bytes", repr(b'{"answer": "acknowledge"}')]
        assert event["content_type"] == ["str", "''"]
        assert event["method"] == ["str", "''"]
        assert event["topic"] == event["path"] == ["str", "'explicit-events'"]
        assert event["shard_id"] == ["int", "0"]
        assert event["offset"] == ["int", "0"]
        assert event["num_shards"] == ["int", "0"]
        assert event["headers"] == event["fields"] == ["dict", "{}"]
        assert event["timestamp"][0] == "datetime"

    def test_messages_come_one_by_one_in_order(self, platform: Platform) -> None:
        stream = platform.stream("implicit-events")
        start = len(platform.notes("implicit", "event"))
        publish(stream, *["text"] * 50)
        eventually(lambda: len(platform.notes("implicit", "answered")), lambda count: count >= start + 50)
        notes = [note for note in platform.notes("implicit") if note["what"] in ("event", "answered")]
        assert [note["what"] for note in notes] == ["event", "answered"] * (len(notes) // 2)
        offsets = [int(note["offset"][1]) for note in notes if note["what"] == "event"]
        assert offsets == sorted(offsets)

    def test_explicit_only_commits_what_was_acknowledged_and_all_before_it(self, platform: Platform) -> None:
        stream = platform.stream("explicit-events")
        end = stream.end_offsets()[0]
        publish(stream, "text", "fail", "acknowledge", "text", "fail")
        eventually(lambda: stream.committed("readers").get(0), lambda offset: offset == end + 3)
        offsets = lambda: [int(note["offset"][1]) for note in platform.notes("explicit", "event")]  # noqa: E731
        eventually(offsets, lambda seen: end + 4 in seen)
        assert stream.committed("readers")[0] == end + 3

    def test_what_was_not_acknowledged_comes_again_after_a_restart(self, platform: Platform) -> None:
        platform.deploy("again", events=stream_trigger("again-events"))
        stream = platform.stream("again-events")
        publish(stream, "acknowledge", "text", "text")
        events = lambda: [int(note["offset"][1]) for note in platform.notes("again", "event")]  # noqa: E731
        eventually(events, lambda seen: seen == [0, 1, 2])
        (platform.project / ".modelmon/functions/again/touched").touch()
        eventually(events, lambda seen: seen == [0, 1, 2, 1, 2])
        ends = [note["what"] for note in platform.notes("again") if note["what"] in ("drain", "termination")]
        assert ends == ["drain", "termination"]

    def test_without_explicit_mode_even_a_failure_is_committed(self, platform: Platform) -> None:
        stream = platform.stream("implicit-events")
        publish(stream, "fail", "fail")
        end = stream.end_offsets()[0]
        eventually(lambda: stream.committed("readers").get(0), lambda offset: offset == end)

    def test_in_mode_enable_the_no_ack_header_keeps_a_message_uncommitted(self, platform: Platform) -> None:
        stream = platform.stream("enabled-events")
        publish(stream, "text", "no ack")
        eventually(lambda: len(platform.notes("enabled", "answered")), lambda count: count == 2)
        eventually(lambda: stream.committed("readers").get(0), lambda offset: offset == 1)
        publish(stream, "text")
        eventually(lambda: stream.committed("readers").get(0), lambda offset: offset == 3)

    def test_a_partition_moves_to_a_new_worker_after_a_drain_and_nothing_comes_twice(
        self, platform: Platform
    ) -> None:
        trigger = stream_trigger("shared-events", mode="disable")
        platform.deploy("first", events=trigger)
        stream = platform.stream("shared-events", 2)
        stream.publish([("", b"{}")] * 5, partition=0)
        stream.publish([("", b"{}")] * 5, partition=1)
        eventually(lambda: len(platform.notes("first", "event")), lambda count: count == 10)
        platform.deploy("second", events=trigger)
        eventually(lambda: platform.notes("first", "drain"))
        eventually(
            lambda: [each["state"] for each in workers_of(platform.project, "second")],
            lambda s: s == ["ready"],
        )
        stream.publish([("", b"{}")] * 5, partition=0)
        stream.publish([("", b"{}")] * 5, partition=1)
        count = lambda name: len(platform.notes(name, "event"))  # noqa: E731
        eventually(lambda: (count("first"), count("second")), lambda counts: counts == (15, 5))


class TestCron:
    def test_a_tick_is_an_event_of_1970_with_what_the_trigger_says(self, platform: Platform) -> None:
        event = eventually(lambda: platform.notes("clock", "event"))[0]
        assert event["trigger"] == ["cron", "tick"]
        assert event["timestamp"] == ["datetime", "datetime.datetime(1970, 1, 1, 0, 0)"]
        assert event["body"][0] == "bytes"
        assert event["headers"] == ["dict", "{'a': 'b'}"]
        assert event["path"] == ["str", "'/'"]
        assert event["content_type"] == ["str", "''"]
        assert event["shard_id"] == ["int", "-1"]

    def test_ticks_never_overlap_and_the_interval_counts_from_the_end_of_the_last(
        self, platform: Platform
    ) -> None:
        eventually(lambda: len(platform.notes("clock", "answered")), lambda count: count >= 3)
        notes = [note for note in platform.notes("clock") if note["what"] in ("init", "event", "answered")]
        assert [note["what"] for note in notes[:5]] == ["init", "event", "answered", "event", "answered"]
        gaps = [after["at"] - before["at"] for before, after in pairwise(notes)]
        assert all(gap >= 0.19 for gap in gaps[0::2]), "before each tick"
        assert all(gap >= 0.29 for gap in gaps[1::2]), "each tick"
