"""A try ends after so long as a whole, however slowly the other side goes on saying something.

Time limits of sockets are for each read: who sends a byte a second would hold up everybody else for ever.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Timer


@dataclass(slots=True)
class Deadline:
    """Of one conversation; `passed`: it was ended for taking too long."""

    passed: bool = False
    _socket: socket.socket | None = None
    _lock: Lock = field(default_factory=Lock)

    def watch(self, spoken_through: socket.socket | None) -> None:
        """This socket is the one to be shut."""
        with self._lock:
            self._socket = spoken_through
            if self.passed:
                self._shut()

    def end(self) -> None:
        """Whoever waits for the other side is told that it has gone."""
        with self._lock:
            self.passed = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # it is gone already; TLS's own goodbye would wait
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """What is spoken in it, through the socket that is watched, takes so long at most."""
    deadline = Deadline()
    timer = Timer(seconds, deadline.end)
    timer.daemon = True
    timer.start()
    try:
        yield deadline
    finally:
        timer.cancel()
