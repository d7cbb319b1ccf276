"""Rules of Nuclio for a function.yaml, each once.

Who runs a function (`read_function`) stops at the first one broken; the strict check tells all, by line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeGuard

HANDLER = re.compile(r"([\w-]+(?:\.[\w-]+)*):\w+")
"""module:function; the group is the module."""
ACK_MODES = ("disable", "enable", "explicitOnly")
KAFKA_KINDS = ("kafka-cluster", "kafka")
V3IO_KINDS = ("v3ioStream", "v3io-stream")


def is_python(runtime: str) -> bool:
    """Whether a runtime is a Python, of whatever version."""
    return runtime.partition(":")[0] == "python"


def http_triggers_too_many(kinds: Sequence[object]) -> Sequence[int]:
    """Places of the http triggers, among the kinds of all triggers, that Nuclio refuses: all but the first.

    >>> http_triggers_too_many(["http", "cron", "http"])
    [2]
    """
    return [place for place, kind in enumerate(kinds) if kind == "http"][1:]


def goes_by_key(key: str, name: object) -> bool:
    """Whether a trigger goes by the key it stands under; without a name it does."""
    return name is None or name == key


def needs_static_workers(ack_mode: object) -> bool:
    """Whether a stream trigger with this `explicitAckMode` starts with static workers only."""
    return ack_mode in ACK_MODES and ack_mode != "disable"


def one_clock(interval: object, schedule: object) -> bool:
    """Whether a cron trigger has either an interval or a schedule."""
    return bool(interval) != bool(schedule)


def are_topics(value: object) -> TypeGuard[list[str]]:
    """Whether a Kafka trigger is told which topics it reads: a list of names."""
    return isinstance(value, list) and bool(value) and all(isinstance(topic, str) for topic in value)
