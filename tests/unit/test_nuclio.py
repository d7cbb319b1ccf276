"""The seam to Nuclio, called with the SDK's own Context and Events."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from nuclio_sdk import Context, Event, Logger, Platform

from modelmon.errors import ConfigError, RejectedError, UnavailableError
from modelmon.model import Message
from modelmon.nuclio import (
    TAKES_POLLS,
    app_handlers,
    http_handlers,
    lifecycle,
    message_handlers,
    tick_handlers,
)
from modelmon.nuclio.replies import body_bytes, reply
from modelmon.settings import Settings

pytestmark = pytest.mark.slow  # starts processes


class Called:
    """A context, and what came out of it."""

    def __init__(self) -> None:
        self.acks: list[dict[str, Any]] = []
        self.context = Context(Logger("INFO"), Platform("test", on_control_callback=self._control))

    async def _control(self, message: dict[str, Any]) -> None:
        self.acks.append(message["attributes"])


class Holding:
    """A stage that holds every message until it drains."""

    def __init__(self, acknowledge: Callable[[int, int], Awaitable[None]]) -> None:
        self._acknowledge = acknowledge
        self.held: list[Message] = []
        self.calls: list[str] = []

    async def accept(self, *messages: Message) -> None:
        self.calls.append("accept")
        await asyncio.sleep(0)
        self.held += messages

    async def drain(self) -> None:
        self.calls.append("drain")
        for message in self.held:
            await self._acknowledge(message.partition, message.offset)
        self.held.clear()

    async def close(self) -> None:
        self.calls.append("close")


def message_event(body: Any = b"{}", partition: int = 1, offset: int = 7, topic: str = "events") -> Event:
    return Event(body=body, shard_id=partition, offset=offset, topic=topic)


def request(**values: Any) -> Event:
    return Event(_id="the-id", shard_id=-1, **values)


def body_of(answer: Any) -> Any:
    return json.loads(answer.body, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1}', b'{"a":1}'),
        ("text ä", "text ä".encode()),
        ({"a": [1, None]}, b'{"a":[1,null]}'),
        ([{"a": 1}], b'[{"a":1}]'),
        ({"a": math.nan}, b'{"a":NaN}'),
        (2**70, b"1180591620717411303424"),
        (None, b""),
    ],
)
def test_a_body_is_bytes_again_however_the_platform_parsed_it(body: Any, expected: bytes) -> None:
    assert body_bytes(request(body=body)) == expected


def test_a_reply_is_strict_json_whatever_numbers_it_holds() -> None:
    value = {"nan": math.nan, "inf": np.inf, "scalar": np.float32(0.5), "array": np.arange(2), "list": [1]}
    answer = reply(200, value)
    assert body_of(answer) == {"nan": None, "inf": None, "scalar": 0.5, "array": [0, 1], "list": [1]}
    assert (answer.content_type, answer.status_code) == ("application/json", 200)


@pytest.mark.parametrize("make", [message_handlers, tick_handlers, http_handlers, app_handlers])
def test_init_context_stands_where_nuclio_looks_for_it(make: Any) -> None:
    """In the module that the handler is from: that of its caller, as if it were written there."""
    init_context, handler = make(lambda *arguments: None)
    assert handler.__module__ == init_context.__module__ == __name__


def test_a_message_reaches_the_stage_and_its_acknowledgement_names_topic_partition_and_offset() -> None:
    async def run() -> tuple[Called, Any]:
        called, stages = Called(), []

        def make(settings: Settings, acknowledge: Any) -> Holding:
            stages.append(Holding(acknowledge))
            return stages[0]

        init_context, handler = message_handlers(make)
        await init_context(called.context)
        await handler(called.context, message_event())
        assert stages[0].held == [Message(1, 7, "", b"{}")]
        assert called.acks == []
        await called.context.platform._on_signal("drain")
        return called, stages[0]

    called, stage = asyncio.run(run())
    assert called.acks == [{"topic": "events", "partition": 1, "offset": 7}]
    assert stage.calls == ["accept", "drain"]


def test_the_messages_of_a_poll_are_handed_over_at_once() -> None:
    async def run() -> tuple[Called, Any]:
        called, stages = Called(), []
        init_context, handler = message_handlers(
            lambda settings, ack: stages.append(Holding(ack)) or stages[0]
        )
        await init_context(called.context)
        messages = [Message(partition, offset, "", b"{}") for offset in (7, 8) for partition in (0, 1)]
        await getattr(handler, TAKES_POLLS)(called.context, "events", messages)
        await called.context.platform._on_signal("drain")
        return called, stages[0]

    called, stage = asyncio.run(run())
    assert stage.calls == ["accept", "drain"]
    assert [(ack["topic"], ack["partition"], ack["offset"]) for ack in called.acks] == [
        ("events", 0, 7), ("events", 1, 7), ("events", 0, 8), ("events", 1, 8),
    ]  # fmt: skip


def test_an_app_gets_its_windows_one_by_one() -> None:
    """A stop need not wait for all that were polled."""
    _, handler = app_handlers(lambda: None)
    assert not hasattr(handler, TAKES_POLLS)


def test_termination_drains_and_then_closes() -> None:
    async def run() -> list[str]:
        called, stages = Called(), []
        init_context, _ = message_handlers(lambda settings, ack: stages.append(Holding(ack)) or stages[0])
        await init_context(called.context)
        await called.context.platform._on_signal("termination")
        return stages[0].calls

    assert asyncio.run(run()) == ["drain", "close"]


def test_a_drain_waits_for_the_message_that_is_being_accepted() -> None:
    async def run() -> Called:
        called = Called()
        init_context, handler = message_handlers(lambda settings, ack: Holding(ack))
        await init_context(called.context)
        accepting = asyncio.ensure_future(handler(called.context, message_event()))
        await asyncio.sleep(0)  # it is inside accept now
        await called.context.platform._on_signal("drain")
        await accepting
        return called

    assert [ack["offset"] for ack in asyncio.run(run()).acks] == [7]


def test_a_stream_function_refuses_http_requests() -> None:
    async def run() -> Any:
        called = Called()
        init_context, handler = message_handlers(lambda settings, ack: Holding(ack))
        await init_context(called.context)
        return await handler(called.context, request(body=b"{}", method="POST"))

    answer = asyncio.run(run())
    assert answer.status_code == 400
    assert "publish" in body_of(answer)["error"]


DYING = """
import asyncio, sys
from nuclio_sdk import Context, Event, Logger, Platform
from modelmon.errors import *
from modelmon.nuclio import message_handlers

class Stage:
    async def accept(self, *messages): {accept}
    async def drain(self): {drain}
    async def close(self): pass
    async def failed(self): {failed}

async def control(message): print("acknowledged")

async def main():
    logger = Logger("INFO")
    from nuclio_sdk.logger import HumanReadableFormatter
    logger.set_handler("default", sys.stdout, HumanReadableFormatter())
    context = Context(logger, Platform("test", on_control_callback=control))
    init_context, handler = message_handlers(lambda settings, acknowledge: Stage())
    await init_context(context)
    for topic in {topics}:
        await handler(context, Event(body=b"", shard_id=0, offset=0, topic=topic))
    await asyncio.sleep(0)
    await context.platform._on_signal("drain")
    print("survived")

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("accept", "drain", "topics", "code", "said"),
    [
        ("1 / 0", "pass", ["a"], lifecycle.BUG, "ZeroDivisionError"),
        ("pass", "1 / 0", ["a"], lifecycle.BUG, "ZeroDivisionError"),
        (
            "raise ConfigError('the log is gone')",
            "pass",
            ["a"],
            lifecycle.WRONG_CONFIGURATION,
            "the log is gone",
        ),
        ("raise RejectedError('no such field')", "pass", ["a"], lifecycle.BUG, "no such field"),
        ("pass", "pass", ["a", "b"], lifecycle.WRONG_CONFIGURATION, "one trigger reads one topic"),
    ],
)
def test_what_a_stream_stage_raises_ends_the_process_with_nothing_acknowledged(
    accept: str, drain: str, topics: list[str], code: int, said: str
) -> None:
    script = DYING.format(accept=accept, drain=drain, topics=topics, failed="pass")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert said in done.stdout
    assert "survived" not in done.stdout
    assert "acknowledged\n" not in done.stdout


def test_a_failed_task_of_the_stage_ends_the_process_although_no_message_comes() -> None:
    script = DYING.format(accept="pass", drain="pass", topics=[], failed="1 / 0")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == lifecycle.BUG, done.stderr
    assert "ZeroDivisionError" in done.stdout
    assert "survived" not in done.stdout


def test_a_wrong_setting_fails_the_start() -> None:
    def make(settings: Settings, acknowledge: Any) -> Holding:
        raise ConfigError("records_url is not a database URL")

    init_context, _ = message_handlers(make)
    with pytest.raises(ConfigError, match="records_url"):
        asyncio.run(init_context(Called().context))


def test_a_dependency_that_is_down_delays_the_messages_and_not_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "INIT_SECONDS", 0.05)
    monkeypatch.setenv("MODELMON_UNAVAILABLE_FIRST_WAIT_SECONDS", "0.01")
    up = False

    async def run() -> None:
        nonlocal up
        called, stages = Called(), []

        def make(settings: Settings, acknowledge: Any) -> Holding:
            if not up:
                raise UnavailableError("the database does not answer")
            stages.append(Holding(acknowledge))
            return stages[0]

        init_context, handler = message_handlers(make)
        await init_context(called.context)
        await called.context.platform._on_signal("drain")  # nothing is held, so nothing to wait for
        accepting = asyncio.ensure_future(handler(called.context, message_event()))
        await asyncio.wait({accepting}, timeout=0.05)
        assert not accepting.done()
        up = True
        await asyncio.wait_for(accepting, 10)
        assert len(stages[0].held) == 1

    asyncio.run(run())


class Ticking:
    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.ticks: list[int] = []

    async def tick(self, now_us: int) -> dict[str, Any]:
        self.ticks.append(now_us)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def tick(stage: Ticking, event: Event) -> Any:
    async def run() -> Any:
        called = Called()
        init_context, handler = tick_handlers(lambda settings: stage)
        await init_context(called.context)
        return await handler(called.context, event)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "event",
    [
        request(body=b""),  # cron
        request(body=b"", method="POST", path="/tick"),
        request(body=b"x", method="POST", headers={"x-nuclio-invoke-trigger": "cron"}),  # CronJob
    ],
)
def test_every_event_is_a_tick_at_the_time_of_the_clock(event: Event) -> None:
    stage = Ticking({"sent": 2})
    before = time.time_ns() // 1000
    assert body_of(tick(stage, event)) == {"sent": 2}
    assert before <= stage.ticks[0] <= time.time_ns() // 1000


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UnavailableError("the records do not answer"), 503, "the records do not answer"),
        (ConfigError("base_period: must be at least 1"), 500, "base_period"),
        (ValueError("secret detail"), 500, "internal error"),
    ],
)
def test_a_failed_tick_is_answered_without_a_traceback(error: Exception, status: int, said: str) -> None:
    answer = tick(Ticking(error), request(body=b""))
    assert answer.status_code == status
    assert said in body_of(answer)["error"]
    assert body_of(answer)["id"] == "the-id"
    assert "secret" not in answer.body
    assert "Traceback" not in answer.body


class Answering:
    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.closed = False

    def handle(self, *request: Any) -> tuple[int, bytes, str]:
        self.seen.append(request)
        if request[1] == "/rejected":
            raise RejectedError("must be a list", "inputs")
        return 201, b"made", "text/plain"

    async def close(self) -> None:
        self.closed = True


class AnsweringLater(Answering):
    async def handle(self, *request: Any) -> tuple[int, bytes, str]:  # type: ignore[override]
        return super().handle(*request)


@pytest.mark.parametrize("kind", [Answering, AnsweringLater])
def test_an_http_stage_answers_and_is_closed(kind: type[Answering]) -> None:
    async def run() -> tuple[Answering, Any, Any]:
        called, stage = Called(), kind()
        init_context, handler = http_handlers(lambda settings: stage)
        await init_context(called.context)
        event = request(
            body={"inputs": [1]}, method="POST", path="/v2", headers={"Content-Type": "application/json"}
        )
        made = await handler(called.context, event)
        rejected = await handler(called.context, request(body=b"", method="GET", path="/rejected"))
        await called.context.platform._on_signal("termination")
        return stage, made, rejected

    stage, made, rejected = asyncio.run(run())
    assert (made.status_code, made.body, made.content_type) == (201, b"made", "text/plain")
    assert stage.seen[0] == ("POST", "/v2", {"content-type": "application/json"}, {"inputs": [1]})
    assert (rejected.status_code, body_of(rejected)["error"]) == (400, "inputs: must be a list")
    assert stage.closed


def test_python_logging_reaches_the_platforms_logger_once_and_does_not_echo(
    capfd: pytest.CaptureFixture[str],
) -> None:
    script = """
import asyncio, logging, sys
from nuclio_sdk import Context, Logger
from nuclio_sdk.logger import HumanReadableFormatter
from modelmon.nuclio import tick_handlers

async def main():
    logger = Logger("INFO")
    logger.set_handler("default", sys.stdout, HumanReadableFormatter())
    context = Context(logger)
    init_context, _ = tick_handlers(lambda settings: None)
    await init_context(context)
    await init_context(context)  # a rebalance starts workers again
    logging.getLogger("modelmon.stages").info("batch %d written", 3)
    logging.getLogger("other.library").info("chatter")
    logging.getLogger("other.library").warning("trouble")
    context.logger.info("the function's own line")

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = [line.partition("] ")[2] for line in done.stdout.splitlines()]
    assert lines == [
        "modelmon.stages: batch 3 written", "other.library: trouble", "the function's own line"
    ]  # fmt: skip
