"""An ASGI application behind the platform's HTTP events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nuclio_sdk import Event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from modelmon.nuclio.asgi import Lifespan, answer


async def told(request: Request) -> Response:
    body = (await request.body()).decode()
    return JSONResponse(
        {"path": request.url.path, "query": request.query_params.multi_items(), "body": body,
         "kind": request.headers.get("content-type"), "kept": request.state.kept},
        headers={"X-Number": "7", "Set-Cookie": "a=b"},
    )  # fmt: skip


async def in_parts(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"one ", b"two"):
            yield part

    return StreamingResponse(parts(), media_type="text/plain")


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[dict[str, str]]:
    yield {"kept": "for all requests"}


def application() -> Starlette:
    every = ["GET", "POST", "HEAD"]
    return Starlette(
        routes=[Route("/parts", in_parts), Route("/{rest:path}", told, methods=every)], lifespan=lifespan
    )


def ask(event: Any, made: Any = None) -> Any:
    async def asking() -> Any:
        served = made or application()
        alive = Lifespan(served)
        await alive.start()
        try:
            return await answer(served, alive.state, event)
        finally:
            await alive.end()

    return asyncio.run(asking())


def test_path_query_and_body_arrive() -> None:
    event = Event(
        method="POST", path="/a b/ü", fields={"q": "x&y"}, body={"n": 1.5}, headers={"Content-Type": "a/b"}
    )
    found = ask(event)
    assert found.status_code == 200
    assert found.content_type == "application/json"
    assert found.body == (
        b'{"path":"/a b/\xc3\xbc","query":[["q","x&y"]],"body":"{\\"n\\":1.5}","kind":"a/b",'
        b'"kept":"for all requests"}'
    )


def test_headers_of_an_answer_are_text_each_once_without_those_of_the_platform() -> None:
    found = ask(Event(method="GET", path="/", headers={}))
    assert found.headers == {"X-Number": "7", "Set-Cookie": "a=b"}


def test_an_answer_in_parts_is_joined() -> None:
    assert ask(Event(method="GET", path="/parts", headers={})).body == b"one two"


def test_an_answer_to_head_has_the_body_whose_length_the_platform_tells() -> None:
    asked = {"path": "/", "headers": {}}
    assert ask(Event(method="HEAD", **asked)).body == ask(Event(method="GET", **asked)).body != b""


def test_a_start_that_fails_says_why() -> None:
    @asynccontextmanager
    async def failing(application: Starlette) -> AsyncIterator[None]:
        raise ValueError("no such folder")
        yield

    with pytest.raises(ValueError, match="no such folder"):
        ask(Event(method="GET", path="/", headers={}), Starlette(lifespan=failing))
