"""Why an incident is over, as a message says it: in words, and of a person who ended it what they said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from modelmon.incidents import Reason
from modelmon.ledger.handling import ENDED
from modelmon.ledger.incident_schema import incident_events, incidents

WORDS = {
    Reason.CALM: "calm again",
    Reason.WITHDRAWN: "its windows were judged again, and found nothing",
    Reason.APP_GONE: "its app was deleted",
    Reason.ENDPOINT_GONE: "its endpoint was deleted, or silent for a week",
    Reason.NEW_REFERENCE: "somebody set another reference",
    Reason.RULE_GONE: "no rule looks at it any more; what was found may go on",
    Reason.FUNCTION_GONE: "its function was deleted",
    Reason.RULE_CHANGED: "its rule was changed, and would have raised none",
}


def why_over(connection: Connection, body: Mapping[str, Any]) -> str:
    """From the body of a fact; "" of what is not over."""
    reason = body["reason"]
    if reason == Reason.RESET.value:
        return _ended_by(connection, body["incident_id"])
    if reason == Reason.FALSE_ALARM.value:
        return _called_false_by(connection, body["incident_id"])
    return WORDS[Reason(reason)] if reason else ""


def _ended_by(connection: Connection, incident_id: int) -> str:
    said = (
        select(incident_events.c.why)
        .where(incident_events.c.incident_id == incident_id, incident_events.c.after == ENDED)
        .order_by(incident_events.c.event_id.desc())
        .limit(1)
    )
    who = connection.scalar(said)
    return f"ended by hand by {who}" if who else "ended by hand"


def _called_false_by(connection: Connection, incident_id: int) -> str:
    marked = select(incidents.c.marked_by, incidents.c.marked_note)
    row = connection.execute(marked.where(incidents.c.incident_id == incident_id)).one_or_none()
    if row is None or row.marked_by is None:  # taken back, or forgotten since
        return "called a false alarm"
    return f"called a false alarm by {row.marked_by}" + (f": {row.marked_note}" if row.marked_note else "")
