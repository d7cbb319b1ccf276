"""HTTP requests, one in flight a worker, as Nuclio's HTTP trigger hands them over.

As there the server is not the function: it runs in a thread of its own, so that a handler that blocks keeps
nobody from an answer, be it that no worker is free.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn

from modelmon.function_spec.triggers import HttpTrigger
from modelmon.local import http_requests
from modelmon.local.handler_output import HandlerAnswer
from modelmon.local.http_requests import MALFORMED, TOO_MUCH_HEAD, TOO_SLOW, head_bytes, protocol
from modelmon.local.http_turns import Turns
from modelmon.local.listening import BACKLOG
from modelmon.local.nuclio_events import http_event
from modelmon.local.worker import Worker

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_TEXT, _LAST = "text/plain; charset=utf-8", {"Connection": "close"}
IDLE_SECONDS = 3600
"""A connection may wait so long for its next request. Nuclio sets no end to it; one after seconds breaks a
client that writes just then."""
TOO_LARGE = HandlerAnswer(400, MALFORMED.encode(), _TEXT, _LAST)  # so little says Nuclio, too
TOO_LATE = HandlerAnswer(408, TOO_SLOW.encode(), _TEXT, _LAST)
TOO_LONG_A_HEAD = HandlerAnswer(431, TOO_MUCH_HEAD.encode(), _TEXT, _LAST)


async def run(worker: Worker) -> None:
    """Serve on the inherited socket until the worker stops; requests under way are answered first."""
    trigger = worker.spec.trigger
    assert isinstance(trigger, HttpTrigger)
    config = uvicorn.Config(
        _Application(worker, trigger, asyncio.get_running_loop()), http=protocol(trigger.max_head_bytes),
        lifespan="off", ws="none", log_config=None, access_log=False, proxy_headers=False,
        server_header=False, timeout_keep_alive=IDLE_SECONDS,
        backlog=1,  # also the connections taken at once: leave some to the other workers
    )  # fmt: skip
    server = _Server(config)
    serving = _in_thread(lambda: server.serve(sockets=[socket.socket(fileno=worker.spec.listening)]))
    stop = asyncio.ensure_future(worker.stopping.wait())
    await asyncio.wait((serving, stop), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    await worker.stop()


def _in_thread(serve: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Future[None]:
    """Run it in an event loop of its own; done when it is."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def target() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # the function's own thread raises it
            loop.call_soon_threadsafe(ended.set_exception, error)
        else:
            loop.call_soon_threadsafe(ended.set_result, None)

    threading.Thread(target=target, name="http", daemon=True).start()
    return ended


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the worker decides when to stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or []:
            each.listen(BACKLOG)


class _Application:
    """ASGI: reads the body, waits for its turn, has the worker handle an event in the function's loop."""

    def __init__(self, worker: Worker, trigger: HttpTrigger, loop: asyncio.AbstractEventLoop) -> None:
        self._worker = worker
        self._trigger = trigger
        self._turns = Turns(worker, trigger.worker_wait_seconds, loop)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            answer = await self._read_and_answer(scope, receive)
        except ConnectionResetError:
            return
        await send(
            {"type": "http.response.start", "status": answer.status or 200, "headers": _headers(answer)}
        )
        await send({"type": "http.response.body", "body": answer.body})

    async def _read_and_answer(self, scope: Mapping[str, Any], receive: Receive) -> HandlerAnswer:
        if head_bytes(scope) > self._trigger.max_head_bytes:
            return TOO_LONG_A_HEAD
        try:
            async with asyncio.timeout(http_requests.REQUEST_SECONDS):
                body = await _read(receive, self._trigger.max_body_bytes)
        except TimeoutError:
            return TOO_LATE
        return TOO_LARGE if body is None else await self._answer(scope, body)

    async def _answer(self, scope: Mapping[str, Any], body: bytes) -> HandlerAnswer:
        return await self._turns.take(http_event(self._trigger, scope, body))


def _headers(answer: HandlerAnswer) -> list[tuple[bytes, bytes]]:
    """One of each name; as under Nuclio one whose value is no text is left out without a word."""
    headers = {"content-type": answer.content_type}
    headers |= {name.lower(): value for name, value in answer.headers.items() if isinstance(value, str)}
    headers["content-length"] = str(len(answer.body))
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None when it is longer than `limit` bytes. Raises when the client went away."""
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)
