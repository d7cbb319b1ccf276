"""What was erased from whose samples, and when: never which values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, exists, select

from modelmon.ledger.schema import endpoints, erasures
from modelmon.model import from_us
from modelmon.private_columns import PRIVATE, is_private
from modelmon.settings import Settings


@dataclass(frozen=True, slots=True)
class ShownErasure:
    """One run of `modelmon erase`. `finished` None: it did not come to its end.

    `run_again`: a later run by the same columns did. Values are kept nowhere, so nobody knows if by the same.
    """

    endpoint_id: str
    endpoint_name: str
    columns: tuple[str, ...]
    rows: int
    files: int
    started: datetime
    finished: datetime | None
    run_again: bool = False


def newest_erasures(connection: Connection, settings: Settings, limit: int) -> list[ShownErasure]:
    """The newest runs, at most `limit`, the newest first."""
    same = endpoints.c.endpoint_id == erasures.c.endpoint_id
    query = select(erasures, endpoints.c.name, _run_again()).select_from(erasures.outerjoin(endpoints, same))
    ordered = query.order_by(erasures.c.started_us.desc(), erasures.c.erasure_id).limit(limit)
    return [
        ShownErasure(
            row.endpoint_id,
            row.name or "",
            tuple(
                PRIVATE if is_private(settings, each) else each for each in msgspec.json.decode(row.columns)
            ),
            row.rows,
            row.files,
            from_us(row.started_us),
            from_us(row.finished_us) if row.finished_us is not None else None,
            bool(row.run_again),
        )
        for row in connection.execute(ordered)
    ]


def _run_again() -> ColumnElement[bool]:
    later = erasures.alias()
    return exists().where(
        later.c.endpoint_id == erasures.c.endpoint_id, later.c.columns == erasures.c.columns,
        later.c.started_us >= erasures.c.started_us, later.c.finished_us.is_not(None),
        later.c.erasure_id != erasures.c.erasure_id,
    ).label("run_again")  # fmt: skip
