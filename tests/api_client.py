"""Requests to the page and the REST API, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx

from modelmon.api.application import make_application
from modelmon.settings import Settings

BASE = "http://127.0.0.1"


class ApiClient:
    """Of an application that serves these projects."""

    def __init__(self, *settings: Settings, root: str = "") -> None:
        self.application = make_application(settings, root)

    def request(
        self, method: str, path: str, *, headers: dict[str, Any] | None = None, **given: Any
    ) -> httpx.Response:
        return asyncio.run(self._request(method, path, headers or {}, given))

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    async def _request(
        self, method: str, path: str, headers: dict[str, Any], given: dict[str, Any]
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.application)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.request(method, path, headers=headers, **given)

    def close(self) -> None:
        self.application.state.projects.close()


def addresses(page: str, marks: Iterable[str] = ("href=", "src=")) -> list[str]:
    """What a page links to and loads."""
    return [part.partition('"')[0] for mark in marks for part in page.split(f'{mark}"')[1:]]
