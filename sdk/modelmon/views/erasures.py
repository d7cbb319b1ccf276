"""What was erased from whose samples, and when: never which values."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select

from modelmon.ledger.schema import endpoints, erasures
from modelmon.wire import write_moment


@dataclass(frozen=True, slots=True)
class ShownErasure:
    """One run of `modelmon erase`. Times are as on the wire; `finished` None: it did not come to its end."""

    endpoint_id: str
    endpoint_name: str
    columns: tuple[str, ...]
    rows: int
    files: int
    started: str
    finished: str | None


def newest_erasures(connection: Connection, limit: int) -> list[ShownErasure]:
    """The newest runs, at most `limit`, the newest first."""
    same = endpoints.c.endpoint_id == erasures.c.endpoint_id
    query = select(erasures, endpoints.c.name).select_from(erasures.outerjoin(endpoints, same))
    ordered = query.order_by(erasures.c.started_us.desc(), erasures.c.erasure_id).limit(limit)
    return [
        ShownErasure(
            row.endpoint_id,
            row.name or "",
            tuple(msgspec.json.decode(row.columns)),
            row.rows,
            row.files,
            write_moment(row.started_us),
            write_moment(row.finished_us) if row.finished_us is not None else None,
        )
        for row in connection.execute(ordered)
    ]
