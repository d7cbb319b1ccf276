"""Answers for HTTP functions that have no worker: 503, so that nobody hangs on a socket that nobody reads."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from time import monotonic

import msgspec

FIRST_START_SECONDS = 60.0
"""How long callers wait for a first start: loading a model takes its time."""
LINGER_SECONDS = 2.0  # what a caller still sends is read meanwhile: closed at once, it would lose the answer
CHUNK_BYTES = 2**16


class TurnAway:
    """Looks at one function's socket while no worker of it is ready. Nothing here waits."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._asked_at: float | None = None
        self._answered: list[tuple[socket.socket, float]] = []

    def step(self, function: str, reason: str, wait_seconds: float) -> None:
        """Answer those who have waited for so long; without a `reason` a worker is there for them."""
        self._hear_out()
        if not reason or not _is_readable(self._listening):
            self._asked_at = None
            return
        if self._asked_at is None:
            self._asked_at = monotonic()
        if monotonic() - self._asked_at >= wait_seconds:
            self._answer_all(_answer(function, reason))

    def close(self) -> None:
        for connection, _ in self._answered:
            connection.close()
        self._answered.clear()

    def _answer_all(self, answer: bytes) -> None:
        while _is_readable(self._listening):
            with suppress(OSError):  # the caller has gone, or a worker was faster
                connection, _ = self._listening.accept()
                connection.setblocking(False)
                self._answered.append((connection, monotonic() + LINGER_SECONDS))
                connection.send(answer)  # a few hundred bytes: a new connection takes them at once
                connection.shutdown(socket.SHUT_WR)

    def _hear_out(self) -> None:
        kept = []
        for connection, until in self._answered:
            if monotonic() < until and _is_open(connection):
                kept.append((connection, until))
            else:
                connection.close()
        self._answered = kept


def _is_readable(listening: socket.socket) -> bool:
    return bool(select.select([listening], [], [], 0)[0])


def _is_open(connection: socket.socket) -> bool:
    try:
        while connection.recv(CHUNK_BYTES):
            pass
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _answer(function: str, reason: str) -> bytes:
    # Not the error itself: it may say more than callers are to know.
    said = f"function {function!r} {reason}: `modelmon functions` says more"
    body = msgspec.json.encode({"error": said, "function": function, "healthy": False, "reason": said})
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
