"""How each app stands with each endpoint: one row, kept current in the transactions that change it.

It counts the windows that have come to rest, those that the controller will not look at again, and names the
newest window that ended. So a list of endpoints costs the endpoints in it, and never their history.
`windows.counted` says how a window is counted here, so it may be counted again at any time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, select, tuple_, update

from modelmon.ledger.schema import endpoint_apps, windows
from modelmon.ledger.window_keys import is_key, key_values
from modelmon.model import WindowKey
from modelmon.sql.statements import of_windows, upsert
from modelmon.windows import DONE, PARTIAL

COUNTERS = ("done", "failed", "partial", "incomplete", "warming_up", "no_data")
"""Columns that count. A window is done or failed; the others say what stands beside a verdict."""
MIN_ROWS = 50
"""What is taken for the least rows of a verdict where no project's settings are at hand."""
_PAGE = 5_000
_BIT = {name: 1 << place for place, name in enumerate(COUNTERS)}
_ROW = {**dict.fromkeys(COUNTERS, 0), "newest_us": None, "analyzed_us": None}
_READ = [
    windows.c[name]
    for name in (
        "endpoint_id", "application_name", "start_us", "end_us", "wanted", "sent", "answered", "outcome",
        "incomplete", "rows", "check_us", "counted",
    )
]  # fmt: skip
_SET_COUNTED = update(windows).where(is_key()).values(counted=bindparam("a_count"))
_Changes = defaultdict[tuple[str, str], dict[str, Any]]


def count_again(connection: Connection, keys: Collection[WindowKey], min_rows: int) -> None:
    """Bring up to date what is kept of these windows, after they have changed in this transaction.

    `min_rows`: below them a verdict stands on too few.
    """
    changes = _changes()
    moved = []
    for row in _read(connection, keys):
        if counted := _move(changes, row, _counted(row, min_rows)):
            moved.append(counted)
        if row.sent > 0 and (row.answered >= row.sent or row.check_us is None):
            _note_ended(changes[row.endpoint_id, row.application_name], row)
    _write(connection, changes, moved)


def count_no_more(connection: Connection, keys: Collection[WindowKey]) -> None:
    """Of these windows those that the controller looks at again have not come to rest."""
    changes = _changes()
    rows = _read(connection, keys, windows.c.counted > 0, windows.c.check_us.is_not(None))
    _write(connection, changes, [moved for row in rows if (moved := _move(changes, row, 0))])


def count_everything(connection: Connection) -> None:
    """Count the windows of a database that was made before they were counted."""
    after = ("", "", -1)
    place = tuple_(*windows.primary_key.columns)
    while True:
        query = (
            select(*windows.primary_key.columns).where(place > after).order_by(*windows.primary_key.columns)
        )
        keys = [WindowKey(*row) for row in connection.execute(query.limit(_PAGE))]
        count_again(connection, keys, MIN_ROWS)
        if len(keys) < _PAGE:
            return
        after = keys[-1]


def forget(connection: Connection, *conditions: ColumnElement[bool]) -> None:
    """Count the windows under these conditions no more: this transaction deletes them."""
    pair, changes = (windows.c.endpoint_id, windows.c.application_name), _changes()
    query = select(*pair, windows.c.counted, func.count()).where(windows.c.counted > 0, *conditions)
    for endpoint_id, name, counted, many in connection.execute(query.group_by(*pair, windows.c.counted)):
        _add(changes[endpoint_id, name], counted, -many)
    _write(connection, changes, [])


def _changes() -> _Changes:
    return defaultdict(_ROW.copy)


def _read(
    connection: Connection, keys: Iterable[WindowKey], *conditions: ColumnElement[bool]
) -> list[Row[Any]]:
    query = select(*_READ).where(*conditions).with_for_update()
    return [row for is_one in of_windows(windows, keys) for row in connection.execute(query.where(*is_one))]


def _counted(row: Row[Any], min_rows: int) -> int:
    """The bits of the counters that a window is in; 0 as long as something is to come of it."""
    if row.check_us is not None or row.wanted > row.sent:
        return 0
    if row.answered < row.sent or row.outcome != DONE:
        return _BIT["failed"]
    few = row.rows < min_rows
    beside = _BIT["warming_up" if row.rows else "no_data"] if few else 0
    if row.incomplete:
        beside |= _BIT["partial" if row.incomplete & PARTIAL and not few else "incomplete"]
    return _BIT["done"] | beside


def _move(changes: _Changes, row: Row[Any], counted: int) -> dict[str, Any] | None:
    """Count a window in another way: what is to be written of it, None where it is counted so already."""
    if counted == row.counted:
        return None
    change = changes[row.endpoint_id, row.application_name]
    _add(change, row.counted, -1)
    _add(change, counted, 1)
    return {**key_values(_key(row)), "a_count": counted}


def _key(row: Row[Any]) -> WindowKey:
    return WindowKey(row.endpoint_id, row.application_name, row.start_us)


def _add(change: dict[str, Any], counted: int, many: int) -> None:
    for name, bit in _BIT.items():
        change[name] += many if counted & bit else 0


def _note_ended(change: dict[str, Any], row: Row[Any]) -> None:
    change["newest_us"] = max(row.start_us, change["newest_us"] or row.start_us)
    if row.outcome == DONE:
        change["analyzed_us"] = max(row.end_us, change["analyzed_us"] or row.end_us)


def _write(connection: Connection, changes: _Changes, moved: list[dict[str, Any]]) -> None:
    if moved:
        connection.execute(_SET_COUNTED, moved)
    rows = [
        {"endpoint_id": endpoint_id, "application_name": name, **change}
        for (endpoint_id, name), change in sorted(changes.items())
    ]
    upsert(connection, endpoint_apps, rows, add=COUNTERS, largest=("newest_us", "analyzed_us"))
