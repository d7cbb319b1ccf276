"""What Nuclio does to a Python function, stated once; the embedded runner has to do the same.

A probe function (probe/main.py) writes down what it is given. Where the runner is stricter than Nuclio on
purpose, the test's name says so. Streams have a file of their own, test_platform_streams.py.
"""

from __future__ import annotations

import ast
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import pytest

from conformance.platforms import ALONE, Embedded, Make, Platform
from deploying import HTTP, cron_trigger, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("platform")]

SYNCHRONOUS = """
def init_context(context):
    context.user_data.answer = "from init_context"

def handler(context, event):
    return context.user_data.answer
"""

# Nuclio takes the init_context that stands beside the handler's own definition.
IMPORTED = """
import sys, types

other = types.ModuleType("other")
exec("def handler(context, event): return str(getattr(context.user_data, 'by', 'nobody'))", other.__dict__)
other.init_context = lambda context: setattr(context.user_data, "by", "the other module's")
sys.modules["other"] = other
handler = other.handler

def init_context(context):
    context.user_data.by = "main's"
"""

# Starts only when it is tried for the second time.
STUMBLING = """
import os, pathlib

async def init_context(context):
    tried = pathlib.Path(os.environ["PROBE_FILE"] + ".tried")
    if not tried.exists():
        tried.touch()
        raise ValueError("as asked")

def handler(context, event):
    return "started"
"""


@pytest.fixture(scope="module", params=ALONE)
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    make: Make = request.param
    made = make(tmp_path_factory.mktemp("platform") / "project")
    try:
        made.deploy("web", http=HTTP | {"attributes": {"maxRequestBodySize": 1000}})
        made.deploy("deep", http=HTTP)
        made.deploy("busy", http=HTTP | {"workerAvailabilityTimeoutMilliseconds": 50})
        made.deploy("pair", http=HTTP | {"numWorkers": 2})
        made.deploy("victim", http=HTTP | {"workerAvailabilityTimeoutMilliseconds": 50})
        made.deploy("plain", SYNCHRONOUS, http=HTTP)
        made.deploy("imported", IMPORTED, http=HTTP)
        made.deploy("stumbling", STUMBLING, http=HTTP)
        made.deploy(
            "clock",
            tick=cron_trigger("200ms", body='{"answer": "wait", "seconds": 0.3}', headers={"a": "b"}),
            http=HTTP,
        )
        made.start()
        yield made
    finally:
        made.close()


class TestStart:
    def test_init_context_runs_once_a_worker_and_knows_its_trigger(self, platform: Platform) -> None:
        assert [note["trigger"] for note in platform.notes("web", "init")] == [["http", "http"]]
        assert platform.notes("web", "init")[0]["worker"] == "0"
        assert [note["worker"] for note in platform.notes("pair", "init")] in (["0", "1"], ["1", "0"])

    def test_each_trigger_has_processes_of_its_own(self, platform: Platform) -> None:
        started = {note["trigger"][0]: note["pid"] for note in platform.notes("clock", "init")}
        assert started.keys() == {"cron", "http"}
        assert len(set(started.values())) == 2

    def test_a_task_started_in_init_context_lives_on_while_nothing_happens(self, platform: Platform) -> None:
        seen = len(platform.notes("busy", "alive"))
        eventually(lambda: len(platform.notes("busy", "alive")), lambda now: now > seen + 3)

    def test_init_context_and_handler_may_be_plain_functions(self, platform: Platform) -> None:
        assert platform.post("plain").text == "from init_context"

    def test_init_context_is_that_of_the_module_the_handler_is_from(self, platform: Platform) -> None:
        assert platform.post("imported").text == "the other module's"

    def test_a_function_whose_init_context_raises_is_started_again(self, platform: Platform) -> None:
        assert platform.post("stumbling").text == "started"
        assert "as asked" in platform.log("stumbling")

    def test_a_function_whose_worker_is_killed_is_started_again(self, platform: Platform) -> None:
        (before,) = platform.workers("plain")
        os.kill(before, signal.SIGKILL)
        eventually(lambda: platform.workers("plain"), lambda pids: len(pids) == 1 and pids != [before])
        assert platform.post("plain").text == "from init_context"


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
        assert ast.literal_eval(event["fields"][1]) == {"x": "1", "y": ""}
        assert "'X-Own-Header': 'v'" in event["headers"][1]
        assert event["size"] == ["int", "3"]
        assert event["shard_id"] == ["int", "-1"]
        assert event["offset"] == ["int", "0"]
        assert event["timestamp"][0] == "datetime"
        assert "tzinfo" not in event["timestamp"][1]
        assert len(event["id"][1].strip("'")) == 36

    def test_an_event_has_no_url_and_the_last_of_each_key_and_header(self, platform: Platform) -> None:
        twice = [("X-Twice", "first"), ("X-Twice", "last")]
        platform.post("web", b"", "/a?name=a&name=b&list=a,b&word=a+b%26c", headers=twice)
        event = platform.notes("web", "event")[-1]
        assert event["url"] == ["str", "''"]
        assert ast.literal_eval(event["fields"][1]) == {"name": "b", "list": "a,b", "word": "a b&c"}
        assert ast.literal_eval(event["headers"][1])["X-Twice"] == "last"

    @pytest.mark.parametrize(
        ("asked", "path"),
        [("/a%2Fb", "/a/b"), ("/%C3%BC%20x", "/ü x"), ("/a//b/./c/../d", "/a/b/d"), ("/a/", "/a/")],
    )
    def test_a_path_comes_decoded_and_straightened(self, platform: Platform, asked: str, path: str) -> None:
        platform.send("web", f"GET {asked} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert platform.notes("web", "event")[-1]["path"] == ["str", repr(path)]

    @pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
    def test_a_request_that_tells_no_length_has_no_body(self, platform: Platform, method: str) -> None:
        httpx.request(method, f"http://{platform.address('web')}/")
        # The processor gives None, or b"" where it uses again the event of a request that had a body.
        assert platform.notes("web", "event")[-1]["body"][1] in {"None", "b''"}

    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
    def test_every_method_reaches_the_function(self, platform: Platform, method: str) -> None:
        answer = httpx.request(method, f"http://{platform.address('web')}/")
        assert platform.notes("web", "event")[-1]["method"] == ["str", repr(method)]
        assert (answer.status_code, answer.headers["content-length"]) == (200, "4")
        assert answer.content == (b"" if method == "HEAD" else b"None")

    def test_a_header_of_an_answer_is_text_or_is_left_out(self, platform: Platform) -> None:
        headers = platform.ask("web", "odd headers").headers
        assert headers["x-text"] == "7"
        assert not {"x-number", "x-bool"} & {*headers}

    def test_an_answer_has_one_header_of_each_name(self, platform: Platform) -> None:
        assert len(platform.ask("web", "one header twice").headers.get_list("x-twice")) == 1

    def test_the_status_0_is_200(self, platform: Platform) -> None:
        assert platform.ask("web", "status 0").status_code == 200

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

    def test_what_a_handler_raises_is_told_to_the_caller_with_its_traceback(self, platform: Platform) -> None:
        answer = platform.ask("web", "fail")
        assert answer.headers["content-type"] == "text/plain"
        assert answer.text.startswith('Exception caught in handler - "as asked": Traceback (most recent call')

    @pytest.mark.parametrize("asked", ["list", "empty list"])
    def test_a_list_is_no_answer(self, platform: Platform, asked: str) -> None:
        """Nuclio takes it for the answers to a batch. The runner is stricter, so that it is found early."""
        if isinstance(platform, Embedded):
            assert platform.ask("web", asked).status_code == 500
            assert "returned a list" in platform.log("web")
        elif asked == "list":
            assert platform.ask("web", asked).json() == {"a": 1}, "the first item alone"
        else:
            assert platform.ask("victim", asked).status_code == 500
            assert platform.ask("victim", "text").status_code == 503, "the worker is lost for good"
        assert platform.ask("web", "text").status_code == 200

    def test_a_body_over_the_limit_is_refused(self, platform: Platform) -> None:
        seen = len(platform.notes("web", "event"))
        assert platform.post("web", b"x" * 1000).status_code == 200
        answer = platform.post("web", b"x" * 1001)
        assert (answer.status_code, answer.text) == (400, "Error when parsing request")
        assert len(platform.notes("web", "event")) == seen + 1

    @pytest.mark.parametrize(
        ("head", "status", "text"),
        [
            (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431, "Too big request header"),
            (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 10_000 + b"\r\n", 431, "Too big request header"),
            (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", 431, "Too big request header"),
            (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, 431, "Too big request header"),
            (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "Error when parsing request"),
        ],
        ids=["one long line", "many lines", "a long path", "without an end", "no number"],
    )
    def test_a_head_that_is_too_long_or_wrong_is_refused(
        self, platform: Platform, head: bytes, status: int, text: str
    ) -> None:
        seen = len(platform.notes("web", "event"))
        answer = platform.send("web", head)
        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert answer.endswith(text)
        assert len(platform.notes("web", "event")) == seen

    def test_json_that_is_nested_too_deeply_is_the_bytes_it_is(self, platform: Platform) -> None:
        platform.post("web", b"[" * 900, headers={"Content-Type": "application/json"})
        platform.post("deep", b"[" * 50_000, headers={"Content-Type": "application/json"})
        assert platform.notes("deep", "event")[-1]["body"][0] == "bytes"

    @pytest.mark.parametrize("answer", ["wait", "block"])
    def test_a_worker_handles_one_event_at_a_time_and_a_caller_waits_only_so_long(
        self, platform: Platform, answer: str
    ) -> None:
        slow = json.dumps({"answer": answer, "seconds": 0.5}).encode()
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
        assert platform.address("web").startswith("127.0.0.1:")


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
        ticking = platform.notes("clock", "event")[0]["pid"]
        what = ("init", "event", "answered")
        notes = [note for note in platform.notes("clock") if note["pid"] == ticking and note["what"] in what]
        assert [note["what"] for note in notes[:5]] == ["init", "event", "answered", "event", "answered"]
        gaps = [after["at"] - before["at"] for before, after in pairwise(notes)]
        assert all(gap >= 0.19 for gap in gaps[0::2]), "before each tick"
        assert all(gap >= 0.29 for gap in gaps[1::2]), "each tick"
