"""What the rule of an incident says, as it is in force now."""

from __future__ import annotations

from sqlalchemy import Connection

from modelmon.errors import UnavailableError
from modelmon.ledger.alert_files import alerts_in_force


def runbook_of(connection: Connection, rule: str) -> str:
    """Where it is written what to do; "" where nobody said so, or the rule is gone."""
    try:
        found = alerts_in_force(connection).rule(rule)
    except UnavailableError:  # no version can be read: an incident is shown all the same
        return ""
    return "" if found is None else found.runbook
