"""Headers of every answer: nothing of ours runs or is framed elsewhere, nothing foreign runs here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from starlette.datastructures import MutableHeaders

POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Application = Callable[[Any, Any, Any], Awaitable[None]]


class SafeHeaders:
    """Adds them, where the answer does not say otherwise."""

    def __init__(self, application: Application, embedding: Sequence[str] = ()) -> None:
        """`embedding`: origins of pages that may show ours in a frame."""
        self._application = application
        ancestors = " ".join(embedding) or "'none'"
        self._headers = {"Content-Security-Policy": f"{POLICY}; frame-ancestors {ancestors}", **HEADERS}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._application(scope, receive, sending if scope["type"] == "http" else send)
