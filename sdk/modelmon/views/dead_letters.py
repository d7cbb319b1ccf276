"""Messages that were set aside, the newest first, in pages."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from modelmon.ledger import dead_letters
from modelmon.ledger.dead_letters import ALL, Chosen
from modelmon.model import DeadLetter

PAGE = 100


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """Some of the messages chosen; `total` is how many there are. `after`: what asks for the next page, None
    on the last one."""

    letters: tuple[DeadLetter, ...]
    total: int
    after: DeadLetter | None


def list_dead_letters(
    connection: Connection, chosen: Chosen = ALL, limit: int = PAGE, after: DeadLetter | None = None
) -> DeadLetterPage:
    """The newest of the messages chosen; those older than `after`, where the page before ended."""
    found = dead_letters.find(connection, chosen, limit + 1, after)
    page, more = found[:limit], len(found) > limit
    return DeadLetterPage(tuple(page), dead_letters.count(connection, chosen), page[-1] if more else None)
