"""An ASGI application as a Nuclio function: an event becomes a request, and what is answered a response.

The platform's HTTP trigger differs from a server's in ways that no application can hide: a repeated query key
or header has its last value alone, the path comes decoded, a body that is exactly application/json comes
parsed, and an answer has one header of each name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, urlencode

from nuclio_sdk import Response

from modelmon.nuclio.replies import body_bytes

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

STRIPPED = ("content-length", "content-type", "connection", "date", "server", "transfer-encoding")
"""Headers that the platform writes itself."""


class Lifespan:
    """The application's start and end, in a task of their own, as a server runs them."""

    def __init__(self, application: Application) -> None:
        self.state: dict[str, Any] = {}
        self._said: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._heard: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        self._task = asyncio.ensure_future(self._run(application, scope))

    async def start(self) -> None:
        """Raises what the application's start raised."""
        await self._say("startup")

    async def end(self) -> None:
        if not self._task.done():
            await self._say("shutdown")

    async def _say(self, what: str) -> None:
        await self._said.put({"type": f"lifespan.{what}"})
        heard = asyncio.ensure_future(self._heard.get())
        await asyncio.wait({heard, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not heard.done():
            heard.cancel()
            self._task.result()
        elif heard.result()["type"].endswith("failed"):
            await self._task
            raise RuntimeError(f"the application's {what} failed: {heard.result().get('message', '')}")

    async def _run(self, application: Application, scope: Scope) -> None:
        await application(scope, self._said.get, self._heard.put)


async def answer(application: Application, state: Mapping[str, Any], event: Any) -> Response:
    """What the application says to the event."""
    request = iter([{"type": "http.request", "body": body_bytes(event), "more_body": False}])
    gone = asyncio.Event()
    start: dict[str, Any] = {}
    body: list[bytes] = []

    async def receive() -> Mapping[str, Any]:
        for message in request:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            body.append(message.get("body", b""))

    try:
        await application(scope_of(event, state), receive, send)
    finally:
        gone.set()
    return _response(start, b"".join(body))


def scope_of(event: Any, state: Mapping[str, Any]) -> Scope:
    """The event as an ASGI request. A client is not known: the platform tells no address."""
    headers = {str(name).lower(): str(value) for name, value in (event.headers or {}).items()}
    path = event.path or "/"
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": event.method,
        "scheme": headers.get("x-forwarded-proto", "http"),
        "path": path,
        "raw_path": quote(path, safe="/:@!$&'()*+,;=-._~").encode(),
        "root_path": "",
        "query_string": urlencode(event.fields or {}).encode(),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": None,
        "server": None,
        "state": dict(state),
    }


def _response(start: Mapping[str, Any], body: bytes) -> Response:
    """The platform's server leaves the body of an answer to HEAD out, and tells its length."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start.get("headers", ())}
    content_type = headers.get("content-type", "")
    kept = {_canonical(name): value for name, value in headers.items() if name not in STRIPPED}
    return Response(
        headers=kept,
        body=body,
        content_type=content_type,
        status_code=start.get("status", 500),
    )


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))
