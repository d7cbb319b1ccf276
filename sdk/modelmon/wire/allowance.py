"""A message has an allowance of CPU time by its size: one that takes longer is set aside, not waited for.

All readers are linear, so none is known that comes near it. It is there for the shape that nobody thought of.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from modelmon.errors import RejectedError

LEAST_SECONDS = 5.0
SECONDS_A_BYTE = 5e-6
"""About ten times what the slowest shape takes that `tests/unit/test_wire_bounds.py` knows."""
TICK_SECONDS = 0.5

Read = TypeVar("Read")


class _TookTooLongError(Exception):
    """Raised by the timer wherever the reader stands."""


class Allowance:
    """While it is entered, `read` ends a reader that takes too long.

    CPU time counts, not the clock: a crowded machine sets nothing aside. Only a process' main thread can be
    interrupted; in another one, and where somebody else uses the timer, nothing is ended.
    """

    def __init__(self) -> None:
        self._size: int | None = None
        self._ticks = 0
        self._is_armed = False

    def __enter__(self) -> Allowance:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGVTALRM) in (signal.SIG_DFL, signal.SIG_IGN):
            signal.signal(signal.SIGVTALRM, self._tick)
            signal.setitimer(signal.ITIMER_VIRTUAL, TICK_SECONDS, TICK_SECONDS)
            self._is_armed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_armed:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, signal.SIG_IGN)  # a last tick may be on its way: not the default
            self._is_armed = False

    def read(self, reader: Callable[[bytes], Read], body: bytes) -> Read:
        """What the reader makes of the message. Raises RejectedError when its time is up."""
        self._ticks, self._size = 0, len(body)
        try:
            read = reader(body)
            self._size = None
        except _TookTooLongError:
            seconds = _allowed(len(body))
            raise RejectedError(
                f"takes longer to read than its size allows: {seconds:.3g} s for {len(body):,} bytes"
            ) from None
        return read

    def _tick(self, _signal: int, _frame: FrameType | None) -> None:
        if self._size is None:
            return
        self._ticks += 1
        if self._ticks * TICK_SECONDS > _allowed(self._size):
            self._size = None
            raise _TookTooLongError


def _allowed(size: int) -> float:
    return LEAST_SECONDS + size * SECONDS_A_BYTE
