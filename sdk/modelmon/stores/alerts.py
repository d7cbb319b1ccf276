"""The rows of the alerts: one per window and finding, open until the finding no longer holds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Row, and_, select, update
from sqlalchemy.sql.elements import ColumnElement

from modelmon.alerts import Alert, alert_of_failure, alerts_of
from modelmon.stores.reports import Report
from modelmon.stores.schema import alerts, verdicts
from modelmon.stores.sql import upsert
from modelmon.stores.windows import WindowKey

_ALARMING = (1, 2)


def settle_alerts(
    connection: Connection, report: Report, *, final: bool, newest: bool, now_us: int
) -> list[Alert]:
    """Raise the alerts a report calls for and resolve those that no longer hold; returns the new ones.

    `final`: if the app failed, it will not be asked again. `newest`: the app has judged no newer window of
    the endpoint; an alert of an older one is resolved at once unless the newest verdict still bears it out.
    """
    holding = {alert.name: alert for result in report.results for alert in alerts_of(result)}
    if report.failed and final and report.answer is not None:
        holding[""] = alert_of_failure(report.answer.error)
    _resolve(connection, report, holding, now_us)
    raised = []
    for alert in holding.values():
        still = newest or _is_shown(connection, report.key, alert.name)
        if _raise(connection, report, alert, still, now_us):
            raised.append(alert)
    return raised


def _resolve(connection: Connection, report: Report, holding: Mapping[str, Alert], now_us: int) -> None:
    """Resolve the open alerts of this window and those before it that this report ends."""
    key = report.key
    query = select(alerts).where(
        _is_app(key), alerts.c.start_us <= key.start_us, alerts.c.resolved_us.is_(None)
    )
    reported = {result.name for result in report.results}
    for row in connection.execute(query).all():
        if row.name not in holding and _is_over(row, report, reported):
            is_row = and_(_is_app(key), alerts.c.name == row.name, alerts.c.start_us == row.start_us)
            connection.execute(update(alerts).where(is_row).values(resolved_us=now_us))


def _is_over(row: Row[tuple[object, ...]], report: Report, reported: set[str]) -> bool:
    if row.name == "":
        return report.done
    if report.done or row.name in reported:
        return True
    replaced = row.start_us == report.key.start_us and row.revision < report.revision
    return report.failed and bool(replaced)


def _raise(connection: Connection, report: Report, alert: Alert, still: bool, now_us: int) -> bool:
    """Store the alert; True when it was not there before, or not open, or of another kind."""
    key = report.key
    is_row = and_(_is_app(key), alerts.c.name == alert.name, alerts.c.start_us == key.start_us)
    known = connection.execute(select(alerts).where(is_row)).one_or_none()
    reopened = (
        known is not None and known.resolved_us is not None and still and known.revision < report.revision
    )
    new = known is None or known.kind != alert.kind or reopened
    resolved_us = None if new or known is None else known.resolved_us
    row = {
        **key._asdict(), "name": alert.name, "kind": alert.kind, "severity": alert.severity,
        "value": alert.value, "revision": report.revision, "detail": alert.detail,
        "raised_us": now_us if new or known is None else known.raised_us,
        "resolved_us": now_us if resolved_us is None and not still else resolved_us,
    }  # fmt: skip
    upsert(connection, alerts, [row])
    return new


def _is_shown(connection: Connection, key: WindowKey, name: str) -> bool:
    """Whether the newest verdict on this result is an alarm."""
    is_result = and_(
        verdicts.c.endpoint_id == key.endpoint_id,
        verdicts.c.application_name == key.application_name,
        verdicts.c.name == name,
    )
    return connection.scalar(select(verdicts.c.status).where(is_result)) in _ALARMING


def _is_app(key: WindowKey) -> ColumnElement[bool]:
    return and_(alerts.c.endpoint_id == key.endpoint_id, alerts.c.application_name == key.application_name)
