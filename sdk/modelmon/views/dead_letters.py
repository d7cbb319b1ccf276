"""Messages that were set aside: pages of them, the newest first, one by its id, what is shown of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modelmon.errors import ConfigError
from modelmon.ledger import dead_letters, endpoints
from modelmon.ledger.dead_letters import ALL, Chosen
from modelmon.model import DeadLetter
from modelmon.private_columns import shown_body, shown_reason
from modelmon.settings import Settings

PAGE = 100

_ID = re.compile(r"([0-9a-zA-Z-]+)\.(\d{1,9})\.(-?\d{1,18})\.(-?\d{1,9})", re.ASCII)
"""Numbers that every database can look for."""


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """Some of the messages chosen; `total` is how many there are. `after`: what asks for the next page, None
    on the last one."""

    letters: tuple[DeadLetter, ...]
    total: int
    after: DeadLetter | None


@dataclass(frozen=True, slots=True)
class ShownLetter:
    """A message that was set aside, as it is shown. `endpoint_name` is the id where there is no record;
    `not_kept` is how much of the message, or how many messages, it only stands for."""

    id: str
    stream: str
    stream_id: str
    partition: int
    offset: int
    item: int
    endpoint_id: str
    endpoint_name: str
    field: str
    reason: str
    created: datetime
    resent: datetime | None
    not_kept: int
    body: str


def list_dead_letters(
    connection: Connection, chosen: Chosen = ALL, limit: int = PAGE, after: DeadLetter | None = None
) -> DeadLetterPage:
    """The newest of the messages chosen; those older than `after`, where the page before ended."""
    found = dead_letters.find(connection, chosen, limit + 1, after)
    page, more = found[:limit], len(found) > limit
    return DeadLetterPage(tuple(page), dead_letters.count(connection, chosen), page[-1] if more else None)


def count_dead_letters(connection: Connection, chosen: Chosen = ALL) -> int:
    """How many messages were set aside of those chosen, kept or not."""
    return dead_letters.count(connection, chosen)


def unsent_dead_letters(
    connection: Connection, endpoint_id: str | None, reason: str | None
) -> list[DeadLetter]:
    """Those that are kept whole and were not sent again yet, the oldest first, as they came."""
    chosen = Chosen(endpoint_id=endpoint_id, reason=reason, resent=False, whole=True)
    return dead_letters.find(connection, chosen)[::-1]


def find_dead_letter(connection: Connection, name: str) -> DeadLetter:
    """The one of this id, as `letter_id` writes it. Raises ConfigError for one that is not there."""
    match = _ID.fullmatch(name)
    found = match and dead_letters.get(connection, match[1], int(match[2]), int(match[3]), int(match[4]))
    if not found:
        raise ConfigError(f"no dead letter {name!r}; `modelmon deadletters list --all` shows all ids")
    return found


def letter_id(letter: DeadLetter) -> str:
    """Short name of a dead letter, as the commands take it."""
    return f"{letter.stream_id[:8]}.{letter.partition}.{letter.offset}.{letter.item}"


def told(settings: Settings, letter: DeadLetter) -> str:
    """Its reason; of what stands for several, how many."""
    stands_for_many = letter.offset < 0
    reason = shown_reason(settings, letter.reason)
    return f"{letter.not_kept:,} {reason}" if stands_for_many else reason


def shown_letters(
    connection: Connection, settings: Settings, letters: Sequence[DeadLetter]
) -> list[ShownLetter]:
    """What is shown of these, in their order; no body where the project has private columns."""
    known = endpoints.get_many(connection, {letter.endpoint_id for letter in letters})
    names = {endpoint_id: endpoint.name for endpoint_id, endpoint in known.items()}
    return [_shown(letter, names.get(letter.endpoint_id, letter.endpoint_id), settings) for letter in letters]


def _shown(letter: DeadLetter, endpoint_name: str, settings: Settings) -> ShownLetter:
    return ShownLetter(
        letter_id(letter), letter.stream, letter.stream_id, letter.partition, letter.offset, letter.item,
        letter.endpoint_id, endpoint_name, shown_reason(settings, letter.field),
        told(settings, letter), letter.created, letter.resent,
        letter.not_kept, shown_body(settings, letter.body.decode(errors="backslashreplace")),
    )  # fmt: skip
