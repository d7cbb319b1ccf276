"""Where a stream ended when: what lies below a mark was published before it.

Streams of some technologies don't know when a message came. The controller notes their ends, so the age of
what may be forgotten is known for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, func, select

from modelmon.ledger.schema import stream_marks
from modelmon.sql.statements import insert_missing


def note(
    connection: Connection, stream_id: str, end_offsets: Mapping[int, int], now_us: int, every_us: int
) -> None:
    """Note where the stream's partitions end now, where messages came since the last mark and that one is
    older than `every_us`."""
    last = _newest(connection, stream_id)
    rows = []
    for partition, offset in end_offsets.items():
        noted_us, noted = last.get(partition, (now_us - every_us, 0))
        if offset > noted and not 0 <= now_us - noted_us < every_us:
            row = {"stream_id": stream_id, "partition": partition, "noted_us": now_us}
            rows.append({**row, "end_offset": offset})
    insert_missing(connection, stream_marks, rows)


def published_before(connection: Connection, stream_id: str, before_us: int) -> dict[int, int]:
    """Per partition the offset below which everything was published before this moment."""
    query = (
        select(stream_marks.c.partition, func.max(stream_marks.c.end_offset).label("end_offset"))
        .where(stream_marks.c.stream_id == stream_id, stream_marks.c.noted_us <= before_us)
        .group_by(stream_marks.c.partition)
    )
    return {row.partition: row.end_offset for row in connection.execute(query)}


def forget(connection: Connection, stream_id: str, below: Mapping[int, int]) -> None:
    """Forget the marks of messages that are gone."""
    for partition, offset in below.items():
        passed = stream_marks.c.end_offset < offset
        connection.execute(
            delete(stream_marks).where(
                stream_marks.c.stream_id == stream_id, stream_marks.c.partition == partition, passed
            )
        )


def forget_before(connection: Connection, before_us: int) -> None:
    """Forget the marks of this age, of every stream: of one that was deleted nobody else does."""
    connection.execute(delete(stream_marks).where(stream_marks.c.noted_us < before_us))


def _newest(connection: Connection, stream_id: str) -> dict[int, tuple[int, int]]:
    """Per partition the time and the offset of the mark that lies highest."""
    marks = connection.execute(
        select(stream_marks.c.partition, stream_marks.c.noted_us, stream_marks.c.end_offset)
        .where(stream_marks.c.stream_id == stream_id)
        .order_by(stream_marks.c.end_offset)
    )
    return {partition: (noted_us, offset) for partition, noted_us, offset in marks}
