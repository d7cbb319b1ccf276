"""What the outbox tells of: incidents and endpoints. Names and shapes are documented and stable."""

from __future__ import annotations

from modelmon.incidents import IncidentState, function_of
from modelmon.ledger import outbox
from modelmon.ledger.incidents import Told
from modelmon.ledger.outbox import Fact
from modelmon.model import Endpoint
from modelmon.private_columns import shown_extra
from modelmon.settings import Settings
from modelmon.wire import write_moment

_KINDS = {
    IncidentState.RAISED: outbox.INCIDENT_RAISED,
    IncidentState.ESCALATED: outbox.INCIDENT_ESCALATED,
    IncidentState.EASED: outbox.INCIDENT_EASED,
    IncidentState.RESOLVED: outbox.INCIDENT_RESOLVED,
}


def incident_fact(settings: Settings, told: Told) -> Fact:
    """The fact of an event of an incident, without what is private: whoever reads it is outside."""
    row, window = told.incident, told.window
    function = function_of(row.application_name)
    body = {
        "incident_id": row.incident_id,
        "rule": row.rule,
        "kind": told.kind,
        "severity": told.severity,
        "state": told.event.after.value,
        "reason": row.reason,
        "why": told.event.why,
        "endpoint_id": row.endpoint_id,
        "endpoint_name": told.endpoint_name or row.application_name * bool(function),
        "function_name": function,
        "application_name": "" if function else row.application_name,
        "result_name": row.result_name,
        "result_value": row.value,
        "detail": shown_extra(settings, row.detail),
        "start_infer_time": _moment(window[0] if window else None),
        "end_infer_time": _moment(window[1] if window else None),
        "first": _moment(row.first_us),
        "first_detected": _moment(row.detected_us),
        "last": _moment(row.last_us),
        "windows": row.windows,
        "flapping": row.flapping_us is not None,
    }
    kind = outbox.INCIDENT_FLAPPING if told.event.flaps else _KINDS[told.event.after]
    return Fact(kind, row.endpoint_id, body)


def endpoint_fact(kind: str, endpoint: Endpoint) -> Fact:
    """That an endpoint was added, changed or removed."""
    body = {
        "endpoint_id": endpoint.endpoint_id,
        "endpoint_name": endpoint.name,
        "project": endpoint.project,
        "function_name": endpoint.function_name,
        "discovered": endpoint.discovered,
    }
    return Fact(kind, endpoint.endpoint_id, body)


def _moment(microseconds: int | None) -> str | None:
    return None if microseconds is None else write_moment(microseconds)
