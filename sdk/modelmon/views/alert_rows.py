"""Alerts as they are shown: the open ones and those that ended last, as JSON values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from modelmon.ledger.schema import alerts
from modelmon.views.results_in_words import extra_data, first_line, words
from modelmon.views.selection import of_endpoints
from modelmon.views.verdicts import PARTLY
from modelmon.windows import FAILED
from modelmon.wire import write_moment


class Alarm(NamedTuple):
    """An open alert, as far as it says in which state its endpoint is."""

    application_name: str
    result_name: str
    state: str
    value: float | None
    detail: str


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


def open_alarms(connection: Connection, endpoint_ids: Collection[str] | None) -> dict[str, list[Alarm]]:
    """Of each of these endpoints (None: all) its open alerts, the oldest window first."""
    query = select(alerts).where(alerts.c.resolved_us.is_(None)).order_by(alerts.c.start_us)
    found: dict[str, list[Alarm]] = {}
    for part in of_endpoints(query, alerts.c.endpoint_id, endpoint_ids):
        for row in connection.execute(part):
            kind = row.kind.rpartition("-")[2]
            state = kind if kind in ("detected", "suspected") else FAILED
            alarm = Alarm(row.application_name, row.name, state, row.value, row.detail)
            found.setdefault(row.endpoint_id, []).append(alarm)
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


def findings(alerts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Alerts as people count them: one a result of an endpoint, however many windows it lasted.

    Open ones first, then those that ended, the newest first. Each is the alert of its worst window, with
    `windows`, the `first` and `last` that were as bad, how many `milder` ones there are besides, and
    `resolved` (None while it is open).
    """
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for alert in alerts:
        place = (alert["endpoint_id"], alert["application_name"], alert["result_name"])
        groups.setdefault((*place, alert["resolved"] is None), []).append(alert)
    merged = [_merged(group) for group in groups.values()]
    merged.sort(key=lambda finding: (finding["last"], finding["severity"] == "high"), reverse=True)
    return sorted(merged, key=lambda finding: finding["resolved"] is not None)


def words_of_alert(alert: Mapping[str, Any]) -> str:
    """An alert in words, what it is about first, and whether its window is a partial one."""
    if not alert["result_name"]:  # an app that failed
        return first_line(alert["detail"])
    marks = [PARTLY] * (extra_data(alert["detail"]).get("state") == PARTLY)
    return words(alert["result_name"], alert["result_value"], alert["detail"], *marks)


def minute(moment: str | None) -> str:
    """ "2013-04-11 00:00" of a time as on the wire."""
    return moment[:16] if moment else ""


def _merged(group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    worst = max(group, key=lambda each: (each["severity"] == "high", each["result_value"] or 0.0))
    starts = [each["start_infer_time"] for each in group if each["kind"] == worst["kind"]]
    ends = [each["resolved"] for each in group if each["resolved"]]
    spans = {"windows": len(starts), "milder": len(group) - len(starts)}
    spans |= {"first": min(starts), "last": max(starts)}
    return {**worst, **spans, "resolved": max(ends, default=None)}
