"""Messages that were set aside: made, kept within limits, found, marked as sent again, deleted.

The stream function, the apps and the writer keep them. How many rows were rejected is counted elsewhere, so
what is not kept, or deleted, leaves no count wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Row, and_, case, delete, func, select, tuple_, update

from modelmon.errors import RejectedError
from modelmon.ledger.schema import dead_letters
from modelmon.model import UNKNOWN_ENDPOINT, DeadLetter, Message, from_us, to_us
from modelmon.settings import Settings
from modelmon.sql.statements import CHUNK, insert_missing, upsert

WHOLE_MESSAGE = -1
_PLAIN = (
    "stream_id", "partition", "offset", "item", "stream", "endpoint_id", "field", "reason", "body",
    "not_kept",
)  # fmt: skip
_KEY = ("stream_id", "partition", "offset", "item")
_IDENTITY = attrgetter(*_KEY)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many dead letters are kept, and bytes of their bodies: of one message, and in all."""

    of_message: int
    bytes_of_message: int
    in_all: int
    bytes_in_all: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            settings.dead_letters_of_message,
            settings.dead_letter_bytes_of_message,
            settings.dead_letters_max,
            settings.dead_letters_max_bytes,
        )


DEFAULT = Limits.of(Settings())


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which dead letters: those of a stream (its name), of an endpoint, with `reason` in theirs, set aside
    before a moment, sent again or not, kept whole or not; None: whichever."""

    stream: str | None = None
    endpoint_id: str | None = None
    reason: str | None = None
    before_us: int | None = None
    resent: bool | None = None
    whole: bool | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        columns = dead_letters.c
        if self.stream is not None:
            yield columns.stream == self.stream
        if self.endpoint_id is not None:
            yield columns.endpoint_id == self.endpoint_id
        if self.reason is not None:
            yield columns.reason.icontains(self.reason, autoescape=True)
        if self.before_us is not None:
            yield columns.created_us < self.before_us
        if self.resent is not None:
            yield columns.resent_us.is_not(None) if self.resent else columns.resent_us.is_(None)
        if self.whole is not None:
            yield columns.not_kept == 0 if self.whole else columns.not_kept > 0


ALL = Chosen()


def letter_of(
    message: Message,
    error: RejectedError,
    stream: str,
    stream_id: str,
    now_us: int,
    *,
    item: int = WHOLE_MESSAGE,
    endpoint_id: str = UNKNOWN_ENDPOINT,
    body: bytes | None = None,
) -> DeadLetter:
    """The dead letter of a message of this stream, or of one item of it with its own body."""
    return DeadLetter(
        stream_id=stream_id,
        partition=message.partition,
        offset=message.offset,
        item=item,
        stream=stream,
        endpoint_id=endpoint_id,
        field=error.field,
        reason=error.reason,
        body=message.body if body is None else body,
        created=from_us(now_us),
    )


def keep(connection: Connection, letters: Iterable[DeadLetter], limits: Limits = DEFAULT) -> None:
    """Keep these within the limits; those that are kept already stay as they are.

    Of what is too much one letter says how much it is: for a message the last one of it, in all one for each
    partition of a stream.
    """
    kept = [letter for of_message in _by_message(letters) for letter in _limited(of_message, limits)]
    if not kept:
        return
    room = _room(connection, limits)
    fitting: list[DeadLetter] = []
    size = 0
    for letter in kept:
        size += len(letter.body)
        if len(fitting) == room.in_all or size > room.bytes_in_all:
            break
        fitting.append(letter)
    insert_missing(connection, dead_letters, [_row(letter) for letter in fitting])
    _count_more(connection, kept[len(fitting) :], limits)


def find(
    connection: Connection,
    chosen: Chosen = ALL,
    limit: int | None = None,
    after: DeadLetter | None = None,
) -> list[DeadLetter]:
    """The dead letters chosen, newest first; those that come `after` the given one."""
    columns = dead_letters.c
    order = [columns.created_us, *(columns[name] for name in _KEY)]
    query = select(dead_letters).order_by(*(column.desc() for column in order))
    if after is not None:
        query = query.where(tuple_(*order) < tuple_(to_us(after.created), *_IDENTITY(after)))
    return [_letter(row) for row in connection.execute(query.where(*chosen.conditions()).limit(limit))]


def count(connection: Connection, chosen: Chosen = ALL) -> int:
    """How many messages and parts of messages were set aside and not deleted since, kept or not."""
    each = case((dead_letters.c.not_kept > 0, dead_letters.c.not_kept), else_=1)
    return int(connection.scalar(select(func.sum(each)).where(*chosen.conditions())) or 0)


def get(connection: Connection, stream_id: str, partition: int, offset: int, item: int) -> DeadLetter | None:
    """The dead letter of one message's item (-1: of the whole message), or None. The first digits of the
    stream's id will do."""
    query = select(dead_letters).where(
        dead_letters.c.stream_id.startswith(stream_id, autoescape=True),
        dead_letters.c.partition == partition,
        dead_letters.c.offset == offset,
        dead_letters.c.item == item,
    )
    row = connection.execute(query).first()
    return None if row is None else _letter(row)


def mark_resent(connection: Connection, letter: DeadLetter, now_us: int) -> bool:
    """Record that it was sent again, this time last; False when it is no longer there."""
    return connection.execute(update(dead_letters).where(_is(letter)).values(resent_us=now_us)).rowcount == 1


def remove(connection: Connection, letter: DeadLetter) -> bool:
    """Delete it; False when it is no longer there."""
    return connection.execute(delete(dead_letters).where(_is(letter))).rowcount == 1


def remove_some(connection: Connection, chosen: Chosen) -> int:
    """Delete some of those chosen, a bounded number; returns how many there were, 0 once none is left."""
    query = select(*(dead_letters.c[name] for name in _KEY)).where(*chosen.conditions()).limit(CHUNK)
    found = connection.execute(query).all()
    for row in found:
        connection.execute(delete(dead_letters).where(_is(row)))
    return len(found)


def _by_message(letters: Iterable[DeadLetter]) -> Iterator[list[DeadLetter]]:
    ordered = sorted(letters, key=_IDENTITY)
    for _, group in groupby(ordered, key=lambda letter: _IDENTITY(letter)[:3]):
        yield list(group)


def _limited(letters: Sequence[DeadLetter], limits: Limits) -> Iterator[DeadLetter]:
    """What is kept of one message; it depends on the message alone, so repeating it changes nothing."""
    size = 0
    for place, letter in enumerate(letters):
        room = limits.bytes_of_message - size
        size += len(letter.body)
        if place == limits.of_message:
            yield _more(letter, len(letters) - place)
            return
        if len(letter.body) <= room:
            yield letter
        elif place == 0:
            told = f"{letter.reason} (of {size:,} bytes the first {room:,} are kept)"
            yield replace(letter, reason=told, body=letter.body[:room], not_kept=1)
        else:
            yield _more(letter, len(letters) - place)
            return


def _more(first: DeadLetter, number: int) -> DeadLetter:
    """Stands for this and the following parts of a message."""
    told = f"{number:,} more of this message were set aside and are not kept, the first for: {first.reason}"
    return replace(first, reason=told, body=b"", not_kept=number)


def _room(connection: Connection, limits: Limits) -> Limits:
    """What is left of the limits."""
    letters, size = connection.execute(
        select(func.count(), func.coalesce(func.sum(func.length(dead_letters.c.body)), 0))
    ).one()
    return replace(
        limits, in_all=max(0, limits.in_all - letters), bytes_in_all=max(0, limits.bytes_in_all - int(size))
    )


def _count_more(connection: Connection, letters: Sequence[DeadLetter], limits: Limits) -> None:
    """Count these where one letter of their partition tells of them; who repeats them after a crash counts
    them again."""
    for _, group in groupby(letters, key=lambda letter: _IDENTITY(letter)[:2]):
        more = list(group)
        told = (
            f"more were set aside and are not kept: the limit are {limits.in_all:,} dead letters or "
            f"{limits.bytes_in_all:,} bytes; `modelmon deadletters delete` makes room"
        )
        row = _row(replace(more[-1], offset=-1, item=-1, endpoint_id=UNKNOWN_ENDPOINT, field="", body=b""))
        number = sum(max(1, letter.not_kept) for letter in more)
        upsert(connection, dead_letters, [{**row, "reason": told, "not_kept": number}], add=("not_kept",))


def _is(key: Any) -> ColumnElement[bool]:
    return and_(*(dead_letters.c[name] == getattr(key, name) for name in _KEY))


def _row(letter: DeadLetter) -> dict[str, Any]:
    row = {name: getattr(letter, name) for name in _PLAIN}
    return {**row, "created_us": to_us(letter.created), "resent_us": None}


def _letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        **{name: getattr(row, name) for name in _PLAIN},
        created=from_us(row.created_us),
        resent=None if row.resent_us is None else from_us(row.resent_us),
    )
