"""What our own `init_context, handler` pairs promise, on each platform: see modelmon.nuclio."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from conformance.platforms import ALONE, STREAMING, Make, Platform
from deploying import HTTP, cron_trigger, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("kafka")]

TICKING = """
import json, os
from modelmon.nuclio import tick_handlers

class Ticking:
    async def tick(self, now_us):
        with open(os.environ["PROBE_FILE"], "a") as notes:
            notes.write(json.dumps({"what": "tick", "pid": os.getpid(), "now_us": now_us}) + "\\n")
        return {"numbers": [float("nan"), 1.5]}

init_context, handler = tick_handlers(lambda settings: Ticking())
"""

# Answers what the path asks for.
ANSWERING = """
import sys
from modelmon.errors import RejectedError, UnavailableError
from modelmon.nuclio import http_handlers

class Answering:
    def handle(self, method, path, headers, body):
        if path == "/bug":
            raise ValueError("secret detail")
        if path == "/leave":
            sys.exit("secret detail")
        if path == "/rejected":
            raise RejectedError("inputs", "none are there")
        if path == "/down":
            raise UnavailableError("the store is down")
        return 200, b"[1, 2]", "application/json"

    async def close(self):
        pass

init_context, handler = http_handlers(lambda settings: Answering())
"""

# Holds what comes; "flush" acknowledges everything, "bug" and "leave" end it the first time.
HOLDING = """
import json, os, sys
from pathlib import Path
from modelmon.nuclio import message_handlers

def note(**values):
    with open(os.environ["PROBE_FILE"], "a") as notes:
        notes.write(json.dumps({"pid": os.getpid(), **values}) + "\\n")

class Holding:
    def __init__(self, settings, acknowledge):
        self.acknowledge, self.held = acknowledge, []

    async def accept(self, *messages):
        for message in messages:
            await self.hold(message)

    async def hold(self, message):
        note(what="message", place=message.offset)
        body, once = message.body.decode(), Path(os.environ["PROBE_FILE"] + f".{message.body.decode()}")
        if body in ("bug", "leave") and not once.exists():
            once.touch()
            raise ValueError("as asked") if body == "bug" else SystemExit("as asked")
        self.held.append(message)
        if body == "flush":
            await self.drain()

    async def drain(self):
        for message in self.held:
            await self.acknowledge(message.partition, message.offset)
        note(what="drained", count=len(self.held))
        self.held.clear()

    async def close(self):
        note(what="closed")

init_context, handler = message_handlers(Holding)
"""


@pytest.fixture(scope="module", params=ALONE)
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    make: Make = request.param
    made = make(tmp_path_factory.mktemp("functions") / "project")
    try:
        made.deploy("ticking", TICKING, tick=cron_trigger("1h"), http=HTTP)
        made.deploy("quick", TICKING, tick=cron_trigger("100ms"))
        made.deploy("answering", ANSWERING, http=HTTP)
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module", params=STREAMING)
def streaming(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    make: Make = request.param
    made = make(tmp_path_factory.mktemp("functions") / "project")
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_a_tick_of_the_cron_trigger_has_the_time_of_the_clock(platform: Platform) -> None:
    ticks = eventually(lambda: platform.notes("quick", "tick"), lambda found: len(found) >= 3)
    assert abs(ticks[0]["now_us"] / 1e6 - time.time()) < 60
    assert ticks[0]["now_us"] < ticks[1]["now_us"] < ticks[2]["now_us"]


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"{}", {"Content-Type": "application/json"}),
        (
            b"run=now",
            {"Content-Type": "application/x-www-form-urlencoded", "x-nuclio-invoke-trigger": "cron"},
        ),
    ],
    ids=["by-hand", "json", "cronjob"],
)
def test_a_request_ticks_whoever_sends_it(
    platform: Platform, content: bytes, headers: dict[str, str]
) -> None:
    before = len(platform.notes("ticking", "tick"))
    answer = platform.post("ticking", content, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"numbers": [None, 1.5]})
    assert len(platform.notes("ticking", "tick")) == before + 1


@pytest.mark.parametrize("path", ["/bug", "/leave"])
def test_a_bug_is_answered_without_its_traceback_which_is_in_the_log(platform: Platform, path: str) -> None:
    answer = platform.post("answering", path=path)
    assert answer.status_code == 500
    assert answer.json().keys() == {"error", "id"}
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text
    eventually(lambda: "secret detail" in platform.log("answering"))
    assert platform.post("answering").json() == [1, 2]


@pytest.mark.parametrize(("path", "status"), [("/rejected", 400), ("/down", 503)])
def test_our_own_errors_say_what_was_wrong(platform: Platform, path: str, status: int) -> None:
    answer = platform.post("answering", path=path)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("what", ["bug", "leave"])
def test_an_exception_acknowledges_nothing_and_its_message_comes_again(
    streaming: Platform, what: str
) -> None:
    deploy(streaming, what)
    send(streaming, what, "held", what, "held", "flush")
    eventually(lambda: streaming.committed(what), lambda offset: offset == 4)
    places = [note["place"] for note in streaming.notes(what, "message")]
    assert places == [0, 1, 0, 1, 2, 3]
    assert "as asked" in streaming.log(what)
    assert "drained" not in [note["what"] for note in streaming.notes(what)[:2]]


def test_at_its_end_a_function_writes_what_it_holds_and_closes(streaming: Platform) -> None:
    deploy(streaming, "ending")
    send(streaming, "ending", "held", "held")
    eventually(lambda: streaming.notes("ending", "message"), lambda found: len(found) == 2)
    streaming.restart("ending")
    eventually(lambda: streaming.committed("ending"), lambda offset: offset == 2)
    ends = [note["what"] for note in streaming.notes("ending") if note["what"] != "message"]
    assert ends == ["drained", "closed"]


def test_one_that_was_drained_reads_on(streaming: Platform) -> None:
    deploy(streaming, "drained", partitions=2)
    stream = streaming.stream("drained", 2)

    def send_both(body: bytes) -> None:
        for partition in (0, 1):
            stream.publish([("", body)], partition=partition)

    def committed() -> dict[int, int]:
        return dict(stream.committed(streaming.group("drained")))

    send_both(b"held")
    eventually(lambda: streaming.notes("drained", "message"), lambda found: len(found) == 2)
    streaming.deploy("joining", HOLDING, events=streaming.reads("drained"))
    eventually(committed, lambda offsets: offsets == {0: 1, 1: 1})
    send_both(b"flush")
    eventually(committed, lambda offsets: offsets == {0: 2, 1: 2})
    places = [note["place"] for name in ("drained", "joining") for note in streaming.notes(name, "message")]
    assert sorted(places) == [0, 0, 1, 1]
    stream.close()


def deploy(streaming: Platform, name: str, partitions: int = 1) -> None:
    streaming.stream(name, partitions).close()
    streaming.deploy(name, HOLDING, events=streaming.reads(name))


def send(streaming: Platform, name: str, *bodies: str) -> None:
    stream = streaming.stream(name)
    stream.publish([("key", body.encode()) for body in bodies])
    stream.close()
