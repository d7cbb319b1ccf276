"""The embedded HTTP server where it is hard: requests that never end, handlers that block, many at once."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.client import HTTPResponse
from types import SimpleNamespace
from typing import Any

import pytest

from modelmon.function_spec.triggers import HttpTrigger
from modelmon.local import http_requests, http_trigger

PATIENCE_SECONDS = 20.0
WHOLE = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nwait"


class Function:
    """A worker whose handler answers with the body, after it has blocked until `may_go_on` if asked to."""

    def __init__(self, **trigger: Any) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.address = self.socket.getsockname()
        made = HttpTrigger("http", 1, **trigger)
        self.spec = SimpleNamespace(trigger=made, listening=self.socket.detach())
        self.stopping = asyncio.Event()
        self.context = SimpleNamespace(logger=None)
        self.in_flight = self.most_in_flight = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.answers_after = asyncio.Event()
        self.answers_after.set()

    async def deliver(self, event: Any) -> Any:
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        if event.body == b"wait":
            self.may_go_on.wait(PATIENCE_SECONDS)
            await self.answers_after.wait()
        await asyncio.sleep(0)
        self.in_flight -= 1
        return event.body

    async def stop(self) -> None:
        pass


@asynccontextmanager
async def running(function: Function) -> AsyncIterator[None]:
    serving = asyncio.ensure_future(http_trigger.run(function))  # type: ignore[arg-type]
    try:
        yield
    finally:
        function.stopping.set()
        await serving


def converse(function: Function, *parts: bytes) -> bytes:
    """All that comes back, until the server hangs up."""
    with socket.create_connection(function.address, PATIENCE_SECONDS) as connection:
        received = b""
        for part in parts:
            connection.sendall(part)
            if part is not parts[-1]:
                received += connection.recv(65536)
        while data := connection.recv(65536):
            received += data
        return received


def listens(function: Function) -> bool:
    try:
        socket.create_connection(function.address, PATIENCE_SECONDS).close()
    except ConnectionError:
        return False
    return True


def answer_on(connection: socket.socket) -> bytes:
    response = HTTPResponse(connection)
    response.begin()
    return response.read()


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 60))  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "end"),
    [
        ((b"POST / HTTP/1.1\r\nHo",), b"Request timeout"),
        ((b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nha",), b"Request timeout"),
        ((b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",), b"Request timeout"),
        ((WHOLE, b"POST / HT"), b"Request timeout"),
        ((b"",), b""),
    ],
    ids=["half a head", "half a body", "half a chunk", "half a second one", "nothing at all"],
)
def test_a_request_that_never_ends_is_ended_and_the_others_are_answered(
    parts: tuple[bytes, ...], end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_requests, "REQUEST_SECONDS", 0.5)

    async def work() -> None:
        function = Function()
        async with running(function):
            slow = [asyncio.to_thread(converse, function, *parts) for _ in range(4)]
            ended = asyncio.gather(*slow)
            last = b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
            assert (await asyncio.to_thread(converse, function, last)).endswith(b"hi")
            for answer in await ended:
                assert answer.endswith(end)
                assert (b"HTTP/1.1 408 " in answer) == bool(end)

    run(work)


def test_a_request_that_comes_slowly_but_in_time_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_requests, "REQUEST_SECONDS", 10.0)

    def drip(function: Function) -> bytes:
        with socket.create_connection(function.address, PATIENCE_SECONDS) as connection:
            for place in range(len(WHOLE)):
                connection.sendall(WHOLE[place : place + 1])
            return answer_on(connection)

    async def work() -> None:
        function = Function()
        async with running(function):
            assert await asyncio.to_thread(drip, function) == b"wait"

    run(work)


def test_who_waits_for_a_handler_that_blocks_gets_503_meanwhile_and_the_next_one_an_answer() -> None:
    async def work() -> None:
        function = Function(worker_wait_seconds=0.1)
        function.may_go_on.clear()
        request = WHOLE.replace(b"Content", b"Connection: close\r\nContent")
        came: list[tuple[bytes, bool]] = []

        def ask() -> None:
            status = converse(function, request).split(b" ")[1]
            came.append((status, function.may_go_on.is_set()))
            if len(came) == 3:
                function.may_go_on.set()

        async with running(function):
            await asyncio.gather(*(asyncio.to_thread(ask) for _ in range(4)))
            assert came == [(b"503", False)] * 3 + [(b"200", True)]
            await asyncio.to_thread(ask)
            assert came[-1] == (b"200", True)

    run(work)


def test_many_at_once_are_answered_one_by_one_each_with_its_own() -> None:
    def ask(function: Function, number: int) -> None:
        body = b"%d" % number
        with socket.create_connection(function.address, PATIENCE_SECONDS) as connection:
            for _ in range(20):
                connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                assert answer_on(connection) == body

    async def work() -> None:
        function = Function()
        async with running(function):
            await asyncio.gather(*(asyncio.to_thread(ask, function, number) for number in range(6)))
        assert function.most_in_flight == 1

    run(work)


@pytest.mark.slow
def test_what_is_under_way_is_answered_at_the_stop() -> None:
    async def work() -> None:
        function = Function()
        function.answers_after = function.stopping
        async with running(function):
            answer = asyncio.ensure_future(asyncio.to_thread(converse, function, WHOLE))
            while not function.most_in_flight:
                await asyncio.sleep(0.01)
        assert (await answer).endswith(b"wait")

    run(work)


@pytest.mark.parametrize(
    "before", [b"", b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"], ids=["new", "kept"]
)
def test_a_request_that_arrives_while_the_server_stops_is_answered_as_the_last(
    before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_requests, "ARRIVING_SECONDS", PATIENCE_SECONDS)

    def ask_late(function: Function, stop: Callable[[], None]) -> HTTPResponse:
        with socket.create_connection(function.address, PATIENCE_SECONDS) as connection:
            # Whoever is answered second was taken second: so this connection is taken by then.
            if before:
                connection.sendall(before)
                assert answer_on(connection) == b"hi"
            assert converse(function, b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nyo").endswith(b"yo")
            stop()
            connection.sendall(WHOLE)
            response = HTTPResponse(connection)
            response.begin()
            assert response.read() == b"wait"
            assert not connection.recv(1)
            return response

    async def work() -> None:
        function = Function()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.call_soon_threadsafe(function.stopping.set)
            while listens(function):  # the request comes when the server has begun to stop
                time.sleep(0.01)

        async with running(function):
            response = await asyncio.to_thread(ask_late, function, stop)
        assert (response.status, response.headers["connection"]) == (200, "close")

    run(work)


@pytest.mark.slow
@pytest.mark.slow
def test_a_client_may_pause_between_its_requests() -> None:
    """Longer than the five seconds that uvicorn would wait."""

    async def work() -> None:
        function = Function()
        async with running(function):
            with await asyncio.to_thread(socket.create_connection, function.address, PATIENCE_SECONDS) as one:
                for pause in (6.0, 0.0):
                    one.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nyo")
                    assert await asyncio.to_thread(answer_on, one) == b"yo"
                    await asyncio.sleep(pause)

    run(work)


def test_a_server_that_stops_waits_for_nobody_who_is_silent() -> None:
    async def work() -> None:
        function = Function()
        async with running(function):
            silent = await asyncio.to_thread(socket.create_connection, function.address, PATIENCE_SECONDS)
            last = b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nyo"
            assert (await asyncio.to_thread(converse, function, last)).endswith(b"yo")
        with silent:
            assert await asyncio.to_thread(silent.recv, 1) == b""

    run(work)
