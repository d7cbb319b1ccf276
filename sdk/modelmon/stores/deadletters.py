"""Messages that were set aside: found, shown, marked as sent again. The stream function writes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select, update

from modelmon.model import DeadLetter, from_us
from modelmon.stores.schema import dead_letters

_PLAIN = ("stream_id", "partition", "offset", "item", "stream", "endpoint_id", "field", "reason", "body")
_KEY = ("stream_id", "partition", "offset", "item")


def find(
    connection: Connection,
    *,
    stream: str | None = None,
    endpoint_id: str | None = None,
    resent: bool | None = None,
    limit: int | None = None,
) -> list[DeadLetter]:
    """Dead letters, newest first; of one stream (its name), one endpoint, or resent or not when asked for."""
    columns = dead_letters.c
    query = select(dead_letters).order_by(columns.created_us.desc(), *(columns[name].desc() for name in _KEY))
    if stream is not None:
        query = query.where(columns.stream == stream)
    if endpoint_id is not None:
        query = query.where(columns.endpoint_id == endpoint_id)
    if resent is not None:
        query = query.where(columns.resent_us.is_not(None) if resent else columns.resent_us.is_(None))
    return [_letter(row) for row in connection.execute(query.limit(limit))]


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
