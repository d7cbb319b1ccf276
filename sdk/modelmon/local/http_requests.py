"""HTTP as uvicorn speaks it, with an end to requests that never end."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Http
else:
    Http = AutoHTTPProtocol

REQUEST_SECONDS = 60.0
"""A request that has not come whole after so long is ended. Nuclio waits for ever."""
ARRIVING_SECONDS = 0.5
"""A server that stops answers what still arrives so soon on a connection that it has taken."""
MALFORMED, TOO_SLOW, TOO_MUCH_HEAD = "Error when parsing request", "Request timeout", "Too big request header"
"""In these words, though they say little: so does Nuclio's server."""


def protocol(max_head_bytes: int) -> type[asyncio.Protocol]:
    """The protocol of connections whose requests have at most so many bytes before their body."""
    return type("BoundedHttp", (_BoundedHttp,), {"max_head_bytes": max_head_bytes})


class _BoundedHttp(Http):
    """Waits for the head of a request, from the connection or its first byte on, but not for ever."""

    max_head_bytes: int
    _head_bytes = 0
    _is_stopping = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._have_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        is_body = before is not None and before.more_body  # its reader looks at size and time
        if not is_body:
            self._await_head()
            self._head_bytes += len(data)
        super().data_received(data)
        if self.cycle is not before:
            self._have_head()
            self._end_with_it()
        elif not is_body and self._head_bytes > self.max_head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, TOO_MUCH_HEAD)

    def shutdown(self) -> None:
        """Close after the answer under way, or after that to a request which is on its way already."""
        self._is_stopping = True
        if self._is_answering():
            super().shutdown()
        else:
            asyncio.get_running_loop().call_later(ARRIVING_SECONDS, self._close_unless_answering)

    def _close_unless_answering(self) -> None:
        if not self._is_answering():
            self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _end_with_it(self) -> None:
        if self._is_stopping and self.cycle is not None:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        if self._head_bytes > self.max_head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, TOO_MUCH_HEAD)
        else:
            super().send_400_response(MALFORMED)

    def _await_head(self) -> None:
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(REQUEST_SECONDS, self._give_up)

    def _have_head(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self._head_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            size = f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
            self.transport.write((head + size + text).encode())
            self.transport.close()


def head_bytes(scope: Any) -> int:
    """About how many bytes the head of a request had."""
    lines = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return lines + len(scope["raw_path"]) + len(scope["query_string"])
