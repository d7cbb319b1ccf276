"""What incidents are of, for whatever matches: rules, silences, those that inhibit."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, Select, select

from modelmon.alerting.rules import Subject
from modelmon.incidents import function_of
from modelmon.ledger.historical import LAST_END
from modelmon.ledger.incident_schema import incidents
from modelmon.ledger.schema import endpoints
from modelmon.model import ResultKindApp


def with_subjects() -> Select[Any]:
    """Incidents, each with what is known of its endpoint; `subject_of` makes a subject of a row."""
    same = endpoints.c.endpoint_id == incidents.c.endpoint_id
    columns = endpoints.c.name, endpoints.c.labels, endpoints.c.function_name
    return select(incidents, LAST_END, *columns).outerjoin(endpoints, same)


def subject_of(row: Row[Any]) -> Subject:
    """What an incident is of."""
    kind = ResultKindApp(row.kind).name.replace("_", "-")
    labels = msgspec.json.decode(row.labels or "{}")
    name = row.name or row.endpoint_id
    function = function_of(row.application_name)
    return Subject(
        name,
        labels,
        row.function_name or function,
        "" if function else row.application_name,
        row.result_name,
        kind,
        row.endpoint_id,
    )
