"""Since when somebody listens: nobody is silent, and no function is down, of whom nobody would have heard.

A laptop that slept, a notifier or a stream function that was down: the time before says nothing.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

from sqlalchemy import Connection

from modelmon.ledger.clock import STEP_US
from modelmon.ledger.clock_of_news import set_news_back
from modelmon.ledger.registry import get_value, set_value
from modelmon.model import MINUTE_US

NAME = "timed_rules"


@dataclass(frozen=True, slots=True)
class Listening:
    """The notifier last looked at `looked_us`, without a gap since `since_us`. The stream function was last
    well at `heard_us`, without a gap since `reading_us`; `is_reading`: it is so now. Some endpoint or other
    has had something since `others_us`, without a pause of all of them; 0: none has now."""

    looked_us: int
    since_us: int
    heard_us: int = 0
    reading_us: int = 0
    is_reading: bool = False
    others_us: int = 0


def listening(
    before: Listening | None, now_us: int, gap_us: int, *, reads: bool, hears: bool = True
) -> Listening:
    """How it is now; `hears`: some endpoint has something. A clock that goes back, or ahead by more than
    `gap_us`, is a gap too.

    >>> first = listening(None, 1_000, 300, reads=True)
    >>> [listening(first, now_us, 300, reads=True).reading_us for now_us in (1_200, 1_400)]
    [1000, 1400]
    """
    if before is None or not 0 <= now_us - before.looked_us <= gap_us:
        before = Listening(now_us, now_us)
    now = replace(before, looked_us=now_us, is_reading=reads, others_us=(before.others_us or now_us) * hears)
    if not reads:
        return now
    goes_on = before.heard_us and now_us - before.heard_us <= gap_us
    return replace(now, heard_us=now_us, reading_us=before.reading_us if goes_on else now_us)


def read_listening(connection: Connection) -> Listening | None:
    """As it was when somebody looked last."""
    kept = get_value(connection, NAME)
    return None if kept is None else Listening(*kept)


def write_listening(connection: Connection, now: Listening) -> None:
    set_value(connection, NAME, list(astuple(now)))


def ahead_us(connection: Connection, now_us: int) -> int:
    """How far the clock was ahead when somebody looked last; 0 where it was not, or by less than counts."""
    before = read_listening(connection)
    ahead = 0 if before is None else before.looked_us - now_us
    return ahead if ahead > STEP_US else 0


def set_clock_right(connection: Connection, now_us: int) -> int:
    """Nothing waits for what a clock showed that was ahead, and everybody is heard anew; returns by how much
    it was."""
    ahead = ahead_us(connection, now_us)
    if ahead:
        set_news_back(connection, now_us, ahead)
        set_value(connection, NAME, None)
    return ahead


def gap_us(interval_seconds: int) -> int:
    """So long may lie between two looks that nothing is missed."""
    return max(5 * MINUTE_US, 3 * interval_seconds * 1_000_000)
