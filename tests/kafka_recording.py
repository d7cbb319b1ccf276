"""Kafka streams that are remembered, so that whoever opened them in a test need not close them.

A client that is left open draws random numbers in a thread of its own, also when its broker is gone, which
Hypothesis in a later test takes for its own.
"""

from __future__ import annotations

from modelmon.settings import Settings
from modelmon.streams import Stream, kafka

_opened: list[Stream] = []


def open(url: str, partitions: int, settings: Settings, *, create: bool) -> Stream:  # noqa: A001 - a back-end has it
    """As the back-end's own."""
    stream = kafka.open(url, partitions, settings, create=create)
    _opened.append(stream)
    return stream


def close_all() -> None:
    """Close what was opened since the last time; closing twice is harmless."""
    while _opened:
        _opened.pop().close()
