"""Alerts as they are shown: the open ones and those that ended last, as JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from modelmon.ledger.schema import alerts
from modelmon.wire import write_moment

ENDED = 100
"""So many alerts that ended are read, unless a time is given since when."""


def read_alerts(
    connection: Connection, names: Mapping[str, str], since_us: int | None = None, endpoint_id: str = ""
) -> list[dict[str, Any]]:
    """Alerts, the newest window first: all that are open, and of those that ended the newest, or all of
    windows since `since_us`. `names` are the endpoints', by id; `endpoint_id` takes those of one alone."""
    query = select(alerts).order_by(alerts.c.start_us.desc(), alerts.c.raised_us)
    if endpoint_id:
        query = query.where(alerts.c.endpoint_id == endpoint_id)
    ended = query.where(alerts.c.resolved_us.is_not(None))
    ended = ended.limit(ENDED) if since_us is None else ended.where(alerts.c.start_us >= since_us)
    rows: list[Row[Any]] = [
        *connection.execute(query.where(alerts.c.resolved_us.is_(None))),
        *connection.execute(ended),
    ]
    return [_alert(row, names) for row in _newest_first(rows)]


def open_alerts(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Endpoint to its open alerts, the oldest window first."""
    query = select(alerts).where(alerts.c.resolved_us.is_(None)).order_by(alerts.c.start_us)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.endpoint_id, []).append(_alert(row, {}))
    return found


def _newest_first(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    return sorted(rows, key=lambda row: (-row.start_us, row.raised_us))


def _alert(row: Row[Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "severity": row.severity,
        "endpoint_id": row.endpoint_id,
        "endpoint_name": names.get(row.endpoint_id, ""),
        "application_name": row.application_name,
        "result_name": row.name,
        "result_value": row.value,
        "start_infer_time": write_moment(row.start_us),
        "window_revision": row.revision,
        "detail": row.detail,
        "raised": write_moment(row.raised_us),
        "resolved": None if row.resolved_us is None else write_moment(row.resolved_us),
    }
