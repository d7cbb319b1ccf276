"""What is not told because something worse is open of the same endpoint, which makes it of no use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from modelmon.alerting import Alerts
from modelmon.incidents import IncidentState, is_failure
from modelmon.ledger.incident_schema import incidents
from modelmon.sql.statements import chunks

_OPEN = [IncidentState.RAISED.value, IncidentState.ESCALATED.value, IncidentState.EASED.value]
_WHOLE = ""
"""The endpoint of what is of no one endpoint, and so of all."""
_COLUMNS = [
    incidents.c[name] for name in ("incident_id", "rule", "endpoint_id", "application_name", "result_name")
]


def inhibited(connection: Connection, alerts: Alerts, found: Sequence[Row[Any]]) -> dict[int, str]:
    """Incident to why it is not told, of these rows of incidents."""
    by_endpoint = _open_of(connection, alerts, {row.endpoint_id for row in found})
    said: dict[int, str] = {}
    for row in found:
        worse = [*by_endpoint.get(row.endpoint_id, ()), *by_endpoint.get(_WHOLE, ())]
        by = next((each for each in worse if _inhibits(alerts, each, row)), None)
        if by is not None:
            said[row.incident_id] = f"inhibited by {by.rule} (incident {by.incident_id})"
    return said


def _inhibits(alerts: Alerts, worse: Row[Any], row: Row[Any]) -> bool:
    if worse.incident_id == row.incident_id:
        return False
    rule = alerts.rule(row.rule)
    if rule is not None and rule.inhibited_by is not None:
        return worse.rule in rule.inhibited_by
    # An app that fails says nothing new of its results.
    is_of_app = worse.application_name == row.application_name and worse.endpoint_id == row.endpoint_id
    return is_of_app and bool(row.result_name) and is_failure(worse.application_name, worse.result_name)


def _open_of(
    connection: Connection, alerts: Alerts, endpoint_ids: Collection[str]
) -> Mapping[str, Sequence[Row[Any]]]:
    """What may inhibit, by endpoint."""
    named = sorted({name for rule in alerts.rules for name in rule.inhibited_by or ()})
    is_named = incidents.c.rule.in_(named)
    is_failed = (incidents.c.application_name != "") & (incidents.c.result_name == "")
    open_ones = select(*_COLUMNS).where(incidents.c.state.in_(_OPEN), is_named | is_failed)
    by_endpoint: dict[str, list[Row[Any]]] = {}
    for some in chunks(sorted({*endpoint_ids, _WHOLE})):
        query = open_ones.where(incidents.c.resolved_us.is_(None), incidents.c.endpoint_id.in_(some))
        for row in connection.execute(query.order_by(incidents.c.incident_id)):
            by_endpoint.setdefault(row.endpoint_id, []).append(row)
    return by_endpoint
