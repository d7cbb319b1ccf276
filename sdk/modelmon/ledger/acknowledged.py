"""Which revision of a window counts: what the series hold of any other one is not shown.

A window that was answered counts with the revision answered for. One that an app only spoke of, as MLRun's
apps do, or that the controller knows nothing of, counts with the newest revision spoken of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    exists,
    select,
    tuple_,
    union_all,
)

from modelmon.ledger.schema import reported, windows
from modelmon.model import WindowKey
from modelmon.sql.statements import chunks, of_windows, upsert

Acknowledged = dict[WindowKey, int]
"""A window to the revision of it that counts, by endpoint, app and start."""


def note_reported(connection: Connection, key: WindowKey, revision: int) -> None:
    """An app spoke of this revision of a window without ending it."""
    upsert(connection, reported, [{**key._asdict(), "revision": revision}], largest=("revision",))


def acknowledged(connection: Connection, keys: Iterable[WindowKey]) -> Acknowledged:
    """What counts of these windows; those of which nothing does are absent."""
    asked = list(keys)
    found: Acknowledged = {}
    for table, query in ((reported, _only_reported()), (windows, _answered())):
        for places in of_windows(table, asked):
            for *key, revision in connection.execute(query.where(*places)):
                found[WindowKey(*key)] = revision
    return dict(sorted(found.items()))


def acknowledged_between(
    connection: Connection,
    endpoint_ids: Collection[str],
    start_us: int,
    end_us: int,
    application_name: str | None = None,
    *,
    limit: int,
    after: WindowKey | None = None,
) -> Acknowledged:
    """What counts of the first `limit` windows that start in [start, end), by endpoint, app and start; of
    those after `after`, where the page before ended."""
    found: list[tuple[WindowKey, int]] = []
    rest = sorted(each for each in set(endpoint_ids) if after is None or each >= after.endpoint_id)
    for chunk in chunks(rest):
        parts = [
            query.where(*_within(table, chunk, start_us, end_us, application_name, after))
            .order_by(*_key(table))
            .limit(limit)
            .subquery()
            for table, query in ((reported, _only_reported()), (windows, _answered()))
        ]
        rows = union_all(*(select(part) for part in parts)).subquery()
        columns = (rows.c.endpoint_id, rows.c.application_name, rows.c.start_us)
        page = select(*columns, rows.c.revision).order_by(*columns).limit(limit - len(found))
        found += [(WindowKey(*key), revision) for *key, revision in connection.execute(page)]
        if len(found) >= limit:
            break
    return dict(found)


def _answered() -> Select[Any]:
    return select(*_key(windows), windows.c.answered.label("revision")).where(windows.c.answered > 0)


def _only_reported() -> Select[Any]:
    same = and_(*(one == other for one, other in zip(_key(reported), _key(windows), strict=True)))
    return select(*_key(reported), reported.c.revision).where(~exists().where(same, windows.c.answered > 0))


def _key(table: Table) -> tuple[Column[Any], ...]:
    return table.c.endpoint_id, table.c.application_name, table.c.start_us


def _within(
    table: Table,
    endpoint_ids: Collection[str],
    start_us: int,
    end_us: int,
    application_name: str | None,
    after: WindowKey | None,
) -> list[ColumnElement[bool]]:
    columns = table.c
    found: list[ColumnElement[bool]] = [
        columns.endpoint_id.in_(endpoint_ids), columns.start_us >= start_us, columns.start_us < end_us,
    ]  # fmt: skip
    if application_name is not None:
        found.append(columns.application_name == application_name)
    if after is not None:
        found.append(tuple_(*_key(table)) > tuple_(*after))
    return found
