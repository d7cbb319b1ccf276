"""What people did to a project through the page and the API, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from modelmon.ledger.access import list_deeds
from modelmon.model import from_us


@dataclass(frozen=True, slots=True)
class ShownDeed:
    """`what` and `of` are the route and its address, or what came with it; `outcome` is the status of the
    answer, or a word."""

    at: datetime
    who: str
    what: str
    of: str
    outcome: str


@dataclass(frozen=True, slots=True)
class DeedPage:
    """Some of them; `after` asks for the next page, "" on the last one."""

    deeds: tuple[ShownDeed, ...]
    after: str


def read_deeds(connection: Connection, limit: int, before: int | None = None) -> DeedPage:
    """At most so many, of numbers below `before`."""
    found, after = list_deeds(connection, limit, before)
    shown = (ShownDeed(from_us(each.at_us), each.who, each.what, each.of, each.outcome) for each in found)
    return DeedPage(tuple(shown), "" if after is None else str(after))
