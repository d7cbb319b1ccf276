"""The rows of the alerts: one per window and finding, open until the finding no longer holds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Row, Table, and_, bindparam, exists, select, update
from sqlalchemy.sql.elements import ColumnElement

from modelmon.alerts import Alert, alert_kind, alert_of_failure, alerts_of
from modelmon.ledger.reports import Report
from modelmon.ledger.schema import alerts, verdicts, windows
from modelmon.ledger.window_keys import key_values
from modelmon.model import WindowKey
from modelmon.sql.statements import upsert
from modelmon.windows import PARTIAL

_NO_VERDICT = -1  # too few rows, half a window: that a finding no longer holds is not said by it


def _is_app(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.endpoint_id == bindparam("an_endpoint"), table.c.application_name == bindparam("an_app")
    )


_FINDING = alerts.c.name + ":" + alerts.c.kind

# Built once: building a statement costs more than running it.
_OPEN = select(alerts).where(
    _is_app(alerts),
    alerts.c.resolved_us.is_(None),
    _FINDING.not_in(bindparam("held", expanding=True)),
    alerts.c.start_us <= bindparam("a_start"),
)
_SUPERSEDED = select(  # whether a newer window found something else of the same result
    exists().where(
        _is_app(alerts),
        alerts.c.resolved_us.is_(None),
        alerts.c.name == bindparam("a_name"),
        alerts.c.kind != bindparam("a_kind"),
        alerts.c.start_us > bindparam("a_start"),
    )
)
_IS_ALERT = and_(
    _is_app(alerts), alerts.c.name == bindparam("a_name"), alerts.c.start_us == bindparam("a_start")
)
_ONE = select(alerts).where(_IS_ALERT)
_SET_RESOLVED = update(alerts).where(_IS_ALERT).values(resolved_us=bindparam("now_us"))
_SHOWN = (
    select(verdicts.c.kind, verdicts.c.status, windows.c.incomplete)
    .outerjoin(
        windows,
        and_(
            windows.c.endpoint_id == verdicts.c.endpoint_id,
            windows.c.application_name == verdicts.c.application_name,
            windows.c.start_us == verdicts.c.start_us,
        ),
    )
    .where(_is_app(verdicts), verdicts.c.name == bindparam("a_name"))
)


def settle_alerts(
    connection: Connection, report: Report, *, final: bool, newest: bool, whole: bool, now_us: int
) -> list[Alert]:
    """Raise the alerts a report calls for and resolve those that no longer hold; returns the new ones.

    `final`: if the app failed, it will not be asked again. `newest`: the app has judged no newer window of
    the endpoint; an alert of an older one is resolved at once unless the newest verdict still bears it out.
    A newer window without a verdict (irrelevant) resolves nothing; one that finds something else of the same
    result takes the place of what was found before, so that what was detected ends when it is suspected.
    One that is not `whole` finds less because it may not find more: it leaves what was detected open.
    """
    holding = {alert.name: alert for result in report.results for alert in alerts_of(result)}
    if report.failed and final and report.answer is not None:
        holding[""] = alert_of_failure(report.answer.error)
    _resolve(connection, report, holding, whole, now_us)
    raised = []
    for alert in holding.values():
        still = newest or _is_borne_out(connection, report.key, alert)
        if _raise(connection, report, alert, still, now_us):
            raised.append(alert)
    return raised


def resolve_app(connection: Connection, application_name: str, now_us: int) -> None:
    """Resolve what an app that is gone has open: nobody will say that it no longer holds."""
    of_app = and_(alerts.c.application_name == application_name, alerts.c.resolved_us.is_(None))
    connection.execute(update(alerts).where(of_app).values(resolved_us=now_us))


def _resolve(
    connection: Connection, report: Report, holding: Mapping[str, Alert], whole: bool, now_us: int
) -> None:
    """Resolve the open alerts of this window and those before it that this report ends."""
    key = key_values(report.key)
    statuses = {result.name: result.status for result in report.results}
    held = [f"{alert.name}:{alert.kind}" for alert in holding.values()]
    for row in connection.execute(_OPEN, {**key, "held": held}).all():
        if row.name in holding and (row.start_us == report.key.start_us or not whole):
            continue  # it is about to be told anew, or borne out
        if _is_over(row, report, statuses):
            place = {**key, "a_start": row.start_us, "a_name": row.name}
            connection.execute(_SET_RESOLVED, {**place, "now_us": now_us})


def _is_over(row: Row[tuple[object, ...]], report: Report, statuses: Mapping[str, int | None]) -> bool:
    if row.name == "":
        return report.done
    if row.start_us < report.key.start_us and statuses.get(row.name) == _NO_VERDICT:
        return False
    if report.done or row.name in statuses:
        return True
    replaced = row.start_us == report.key.start_us and row.revision < report.revision
    return report.failed and bool(replaced)


def _raise(connection: Connection, report: Report, alert: Alert, still: bool, now_us: int) -> bool:
    """Store the alert; True when it was not there before, or not open, or of another kind."""
    place = {**key_values(report.key), "a_name": alert.name}
    known = connection.execute(_ONE, place).one_or_none()
    reopened = (
        known is not None and known.resolved_us is not None and still and known.revision < report.revision
    )
    new = known is None or known.kind != alert.kind or reopened
    resolved_us = None if new or known is None else known.resolved_us
    row = {
        **report.key._asdict(), "name": alert.name, "kind": alert.kind, "severity": alert.severity,
        "value": alert.value, "revision": report.revision, "detail": alert.detail,
        "raised_us": now_us if new or known is None else known.raised_us,
        "resolved_us": now_us if resolved_us is None and not still else resolved_us,
    }  # fmt: skip
    upsert(connection, alerts, [row])
    return new


def _is_borne_out(connection: Connection, key: WindowKey, alert: Alert) -> bool:
    """Whether the newest word on this result is the same alarm, or no verdict."""
    place = {**key_values(key), "a_name": alert.name, "a_kind": alert.kind}
    shown = connection.execute(_SHOWN, place).one_or_none()
    if shown is None:
        return False
    if shown.status == _NO_VERDICT:
        return not connection.scalar(_SUPERSEDED, place)
    if (shown.incomplete or 0) & PARTIAL:
        return bool(alert_kind(shown.kind, shown.status))
    return alert_kind(shown.kind, shown.status) == alert.kind
