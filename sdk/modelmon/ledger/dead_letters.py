"""Messages that were set aside: found, shown, marked as sent again. The stream function writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from modelmon.ledger.schema import dead_letters
from modelmon.model import DeadLetter, from_us

_PLAIN = ("stream_id", "partition", "offset", "item", "stream", "endpoint_id", "field", "reason", "body")
_KEY = ("stream_id", "partition", "offset", "item")


def find(
    connection: Connection,
    *,
    stream: str | None = None,
    endpoint_id: str | None = None,
    reason: str | None = None,
    resent: bool | None = None,
    limit: int | None = None,
) -> list[DeadLetter]:
    """Dead letters, newest first; of one stream (its name), one endpoint, with `reason` in theirs, or resent
    or not, where that is asked for."""
    columns = dead_letters.c
    query = select(dead_letters).order_by(columns.created_us.desc(), *(columns[name].desc() for name in _KEY))
    query = query.where(*_filters(stream, endpoint_id, reason, resent))
    return [_letter(row) for row in connection.execute(query.limit(limit))]


def matching(connection: Connection, *, reason: str, resent: bool) -> int:
    """How many dead letters `find` has for this."""
    query = select(func.count()).select_from(dead_letters)
    return connection.scalar(query.where(*_filters(None, None, reason, resent))) or 0


def _filters(
    stream: str | None, endpoint_id: str | None, reason: str | None, resent: bool | None
) -> Iterator[ColumnElement[bool]]:
    columns = dead_letters.c
    if stream is not None:
        yield columns.stream == stream
    if endpoint_id is not None:
        yield columns.endpoint_id == endpoint_id
    if reason is not None:
        yield columns.reason.icontains(reason, autoescape=True)
    if resent is not None:
        yield columns.resent_us.is_not(None) if resent else columns.resent_us.is_(None)


def get(connection: Connection, stream_id: str, partition: int, offset: int, item: int) -> DeadLetter | None:
    """The dead letter of one message's item (-1: of the whole message), or None."""
    row = connection.execute(
        select(dead_letters).where(_is(stream_id, partition, offset, item))
    ).one_or_none()
    return None if row is None else _letter(row)


def mark_resent(connection: Connection, letter: DeadLetter, now_us: int) -> bool:
    """Record that it was sent again, this time last; False when it is no longer there."""
    this = _is(letter.stream_id, letter.partition, letter.offset, letter.item)
    return connection.execute(update(dead_letters).where(this).values(resent_us=now_us)).rowcount == 1


def _is(*key: Any) -> Any:
    stream_id, partition, offset, item = (
        dead_letters.c[name] == value for name, value in zip(_KEY, key, strict=True)
    )
    return stream_id & partition & offset & item


def _letter(row: Row[Any]) -> DeadLetter:
    return DeadLetter(
        **{name: getattr(row, name) for name in _PLAIN},
        created=from_us(row.created_us),
        resent=None if row.resent_us is None else from_us(row.resent_us),
    )
