"""Silences: what they hit goes on, and is told to nobody until they end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Index, Row, Table, select, update

from modelmon.alerting.rules import Match, Subject
from modelmon.errors import ConfigError
from modelmon.ledger.access import Deed, note
from modelmon.ledger.metadata import NAME, metadata
from modelmon.sql.types import BIG, LongText, Name

MOST_NOTE, MOST = 2_000, 1_000

silences = Table(  # written by people
    "silences", metadata,
    Column("silence_id", BIG, primary_key=True, autoincrement=True),
    Column("match", LongText, nullable=False),
    Column("who", Name(NAME), nullable=False),
    Column("note", LongText, nullable=False),
    Column("made_us", BIG, nullable=False),
    Column("until_us", BIG, nullable=False),
    Column("ended_us", BIG),  # by a person, before its time
    Index("silences_by_end", "until_us"),
    sqlite_autoincrement=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Silence:
    """What fits is told to nobody from `made_us` to `until_us`, or to when somebody ended it."""

    silence_id: int
    match: Match
    who: str
    note: str
    made_us: int
    until_us: int
    ended_us: int | None = None

    def holds(self, now_us: int) -> bool:
        return self.made_us <= now_us < self.until_us and self.ended_us is None


def add_silence(
    connection: Connection, match: Match, who: str, words: str, until_us: int, now_us: int
) -> Silence:
    """Raises ConfigError for one that would hit everything, that says nothing, or that is over."""
    check_hits(match)
    if until_us <= now_us:
        raise ConfigError("until: must be a moment to come")
    if len(words) > MOST_NOTE:
        raise ConfigError(f"note: has {len(words):,} characters; at most {MOST_NOTE:,} are kept")
    row = {
        "match": msgspec.json.encode(match).decode(), "who": who, "note": words, "made_us": now_us,
        "until_us": until_us,
    }  # fmt: skip
    made = connection.execute(silences.insert().values(row)).inserted_primary_key
    assert made is not None, "a single row was inserted"
    note(connection, Deed(now_us, who, "silenced", words_of(match), words))
    return Silence(made[0], match, who, words, now_us, until_us)


def check_hits(match: Match) -> None:
    """Raises ConfigError for what would hit everything."""
    if not any(asdict(match).values()):
        raise ConfigError(
            "silence: says nothing of what it hits; give at least an endpoint, an app or a label"
        )


def end_silence(connection: Connection, silence_id: int, who: str, now_us: int) -> Silence:
    """Raises ConfigError for one that is not there, or over."""
    which = silences.c.silence_id == silence_id, silences.c.ended_us.is_(None), silences.c.until_us > now_us
    if not connection.execute(update(silences).where(*which).values(ended_us=now_us)).rowcount:
        raise ConfigError(
            f"there is no silence {silence_id} that holds; `modelmon incidents silences` lists them"
        )
    note(connection, Deed(now_us, who, "ended a silence", f"silence {silence_id}", ""))
    return _silence(connection.execute(select(silences).where(silences.c.silence_id == silence_id)).one())


def silences_at(connection: Connection, now_us: int) -> Sequence[Silence]:
    """Those that hold now."""
    query = select(silences).where(silences.c.until_us > now_us, silences.c.ended_us.is_(None)).limit(MOST)
    return [_silence(row) for row in connection.execute(query)]


def newest_silences(connection: Connection, limit: int) -> Sequence[Silence]:
    """Those that hold, and those that are over; the newest first."""
    query = select(silences).order_by(silences.c.silence_id.desc()).limit(limit)
    return [_silence(row) for row in connection.execute(query)]


def silenced_by(held: Iterable[Silence], subject: Subject) -> Silence | None:
    """Which of them hits this; None: none does."""
    return next((each for each in held if each.match.fits(subject)), None)


def words_of(match: Match) -> str:
    """What it hits, in words.

    >>> words_of(Match(endpoints=("churn-*",), labels={"team": "ads"}))
    'endpoints churn-*, label team=ads'
    """
    said = asdict(match)
    labels = [f"label {name}={pattern}" for name, pattern in said.pop("labels").items()]
    return ", ".join([*(f"{name} {' or '.join(some)}" for name, some in said.items() if some), *labels])


def _silence(row: Row[Any]) -> Silence:
    match = msgspec.json.decode(row.match, type=Match)
    return Silence(row.silence_id, match, row.who, row.note, row.made_us, row.until_us, row.ended_us)
