"""A run of a job ends with the worker that began it, and when its time is over, whoever else still lives."""

from __future__ import annotations

import os
import select
import signal
from threading import TIMEOUT_MAX, Thread


def hold(pipe: int, seconds: float) -> None:
    """From now on this process and what it started are ended as soon as the other end of `pipe` is closed,
    which the kernel does when the worker dies, and after `seconds` at the latest."""
    own = os.dup(pipe)  # a low number, as select takes it; what the job starts does not inherit it
    os.close(pipe)
    longest = min(seconds, TIMEOUT_MAX)
    Thread(target=_end, args=(own, longest), name="modelmon-lifeline", daemon=True).start()


def _end(pipe: int, seconds: float) -> None:
    select.select([pipe], [], [], seconds)
    os.killpg(os.getpgrp(), signal.SIGKILL)
