"""Several projects asked at once: one that does not answer holds up no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from modelmon.api.opened import OpenProject

SECONDS, AT_ONCE = 5, 8
"""So long the databases of the projects are waited for, and so many are asked at once."""
LATE = f"its database does not answer within {SECONDS} s"
Answer = TypeVar("Answer")


def ask_each(
    projects: Iterable[OpenProject], read: Callable[[OpenProject], Answer], late: Callable[[str], Answer]
) -> dict[str, Answer]:
    """By the names of the projects what `read` returns, and `late` of the name where that takes too long."""
    pool = ThreadPoolExecutor(AT_ONCE)
    reading = {each.name: pool.submit(read, each) for each in projects}
    pool.shutdown(wait=False)  # who comes late is not waited for
    wait(reading.values(), SECONDS)
    return {name: each.result() if each.done() else late(name) for name, each in reading.items()}
