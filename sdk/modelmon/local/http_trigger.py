"""HTTP requests, one in flight a worker, as Nuclio's HTTP trigger hands them over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn

from modelmon.local.answers import Answer, answer_of, failed
from modelmon.local.events import http_event
from modelmon.local.listening import BACKLOG
from modelmon.local.triggers import HttpTrigger
from modelmon.local.worker import Worker

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

# In these words, though they say less than 413 would: so does Nuclio's server.
TOO_LARGE = Answer(400, b"Error when parsing request", "text/plain; charset=utf-8", {"Connection": "close"})
NO_WORKER = Answer(503, b"", "text/plain", {})


async def run(worker: Worker) -> None:
    """Serve on the inherited socket until the worker stops; requests under way are answered first."""
    trigger = worker.spec.trigger
    assert isinstance(trigger, HttpTrigger)
    config = uvicorn.Config(
        _Application(worker, trigger), lifespan="off", ws="none", log_config=None, access_log=False,
        proxy_headers=False, server_header=False,
        backlog=1,  # also the connections taken at once: leave some to the other workers
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[socket.socket(fileno=worker.spec.listening)]))
    stop = asyncio.ensure_future(worker.stopping.wait())
    await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    await worker.stop()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the worker decides when to stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or []:
            each.listen(BACKLOG)


class _Application:
    """ASGI: reads the body, waits for its turn, hands an event to the worker."""

    def __init__(self, worker: Worker, trigger: HttpTrigger) -> None:
        self._worker = worker
        self._trigger = trigger
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await _read(receive, self._trigger.max_body_bytes)
        except ConnectionResetError:
            return
        answer = TOO_LARGE if body is None else await self._answer(scope, body)
        headers = {"Content-Type": answer.content_type, **answer.headers}
        headers["Content-Length"] = str(len(answer.body))
        pairs = [(name.lower().encode(), str(value).encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Mapping[str, Any], body: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._trigger.worker_wait_seconds):
                await self._turn.acquire()
        except TimeoutError:
            return NO_WORKER
        try:
            output = await self._worker.deliver(http_event(self._trigger, scope, body))
        finally:
            self._turn.release()
        try:
            return answer_of(output)
        except Exception as error:  # seam: what the user's handler returned
            self._worker.context.logger.error("the handler's answer can't be sent: %s", error)
            return answer_of(failed(error))


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
