"""What a message says, before it takes the form of a channel."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

MOST_LINES = 10
TEST = "test"
"""What a line says that is there to try a channel."""


@dataclass(frozen=True, slots=True)
class Line:
    """One incident in a message.

    `what` happened to it, in a word: raised, worse, flapping, resolved. `found` is what was found,
    in words; `facts` are short pairs of a name and a value: rows, window, since, features. `todo` is what to
    do next, `link` a page that shows it; "" where there is none. `incident_id` 0: it is of no incident.
    `window` is when the window begins that this is about, RFC 3339; `report` where its report is.
    """

    what: str
    severity: str
    endpoint: str
    application: str
    found: str
    facts: tuple[tuple[str, str], ...] = ()
    todo: str = ""
    link: str = ""
    incident_id: int = 0
    kind: str = ""
    rule: str = ""
    endpoint_id: str = ""
    window: str = ""
    report: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one channel. `lines` are the worst ones, `more` others are not in it; `at` is when it
    was made, RFC 3339. The same news has the same `message_id`, however often it is sent; messages of one
    group have the same `thread`."""

    message_id: str
    project: str
    title: str
    severity: str
    lines: tuple[Line, ...]
    at: str
    more: int = 0
    link: str = ""
    thread: str = ""


def hint(message: Message) -> str:
    """How to say that one is at it; "" where nothing is open, or buttons are a click away.

    >>> line = Line("raised", "high", "delay", "drift", "", incident_id=7)
    >>> hint(Message("a", "shop", "", "high", (line,), ""))
    'Say that you are at it: modelmon incidents ack 7'
    """
    numbers = sorted(
        {line.incident_id for line in message.lines if line.incident_id and line.what != "resolved"}
    )
    if not numbers or any(line.link for line in message.lines):
        return ""
    return f"Say that you are at it: modelmon incidents ack {numbers[0] if len(numbers) == 1 else 'NUMBER'}"


def message_id(channel: str, group: str, events: Iterable[str]) -> str:
    """The id of a message: of what it tells, to whom.

    >>> message_id("oncall", "drift", ["7", "8"]) == message_id("oncall", "drift", ["8", "7"])
    True
    """
    told = "\x1f".join([channel, group, *sorted(events)])
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]
