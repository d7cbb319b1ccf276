"""What past windows held, for apps that compare a window with those before it: written by the apps.

An app writes a window's counts before it answers. Windows of one endpoint come to it in order, so the next
one finds them, also where a month is judged again at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Integer, Row, Table, bindparam, delete, select

from modelmon.ledger.metadata import NAME, metadata
from modelmon.model import DAY_US, WindowKey
from modelmon.sql.statements import of_windows, upsert
from modelmon.sql.types import BIG, BYTES, REAL, Name

KEPT_US = 36 * DAY_US
"""So long before a window those began that it may be compared with: five weeks and a day."""

past_windows = Table(
    "past_windows", metadata,
    Column("endpoint_id", Name(64), primary_key=True),
    Column("application_name", Name(NAME), primary_key=True),
    Column("start_us", BIG, primary_key=True),
    Column("end_us", BIG, nullable=False),
    Column("revision", BIG, nullable=False),
    Column("cells", Name(64), nullable=False),  # hash of the profile that the counts are of
    Column("alarmed", Integer, nullable=False),
    Column("stands_out", REAL),  # null: it was not judged by such windows itself
    Column("floor", REAL, nullable=False),
    Column("counts", BYTES, nullable=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeptWindow:
    """A window's counts, packed; whether it alarmed, and how far it stood out at this floor."""

    start_us: int
    end_us: int
    cells: str
    alarmed: bool
    stands_out: float | None
    floor: float
    counts: bytes


def keep_window(connection: Connection, key: WindowKey, revision: int, kept: KeptWindow) -> None:
    """Keep a window's counts; those of a newer revision that are there stay. What no later window can be
    compared with goes."""
    columns = past_windows.c
    mine = columns.endpoint_id == key.endpoint_id, columns.application_name == key.application_name
    query = select(columns.revision).where(*mine, columns.start_us == key.start_us)
    known = connection.scalar(query.with_for_update())
    if known is not None and known > revision:
        return
    row = {
        **key._asdict(), "end_us": kept.end_us, "revision": revision, "cells": kept.cells,
        "alarmed": int(kept.alarmed), "stands_out": kept.stands_out, "floor": kept.floor,
        "counts": kept.counts,
    }  # fmt: skip
    upsert(connection, past_windows, [row])
    connection.execute(delete(past_windows).where(*mine, columns.start_us < key.start_us - KEPT_US))


def read_newest(
    connection: Connection, endpoint_id: str, application_name: str, cells: str, before_us: int, most: int
) -> list[KeptWindow]:
    """The newest windows that began before then and whose counts are of these cells, the newest first."""
    columns = past_windows.c
    mine = columns.endpoint_id == endpoint_id, columns.application_name == application_name
    query = select(past_windows).where(*mine, columns.start_us < before_us, columns.cells == cells)
    return [_kept(row) for row in connection.execute(query.order_by(columns.start_us.desc()).limit(most))]


_OF_CELLS = select(past_windows).where(past_windows.c.cells == bindparam("some_cells"))


def read_windows(
    connection: Connection, endpoint_id: str, application_name: str, starts_us: Sequence[int], cells: str
) -> list[KeptWindow]:
    """The windows that began then and whose counts are of these cells, in order."""
    keys = [(endpoint_id, application_name, start_us) for start_us in starts_us]
    found = [
        _kept(row)
        for places in of_windows(past_windows, keys)
        for row in connection.execute(_OF_CELLS.where(*places), {"some_cells": cells})
    ]
    return sorted(found, key=lambda window: window.start_us)


def _kept(row: Row[Any]) -> KeptWindow:
    return KeptWindow(
        row.start_us, row.end_us, row.cells, bool(row.alarmed), row.stands_out, row.floor, row.counts
    )
