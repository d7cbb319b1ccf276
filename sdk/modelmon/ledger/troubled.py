"""When an endpoint's rows were in trouble: the spans of incidents of its data."""

from __future__ import annotations

from sqlalchemy import Connection, select

from modelmon.ledger.incident_schema import incidents
from modelmon.model import ResultKindApp

OF_DATA = (ResultKindApp.data_drift, ResultKindApp.concept_drift, ResultKindApp.mm_app_anomaly)


def troubled_spans(
    connection: Connection, endpoint_id: str, start_us: int, end_us: int, *, apart_from: str
) -> list[tuple[int, int]]:
    """From the first to the last bad window's start of each incident that touches [start, end), in order; of
    drift, concept drift and anomalies, whichever app found it but `apart_from`."""
    query = (
        select(incidents.c.first_us, incidents.c.last_us)
        .where(incidents.c.endpoint_id == endpoint_id, incidents.c.application_name != apart_from)
        .where(incidents.c.kind.in_([int(kind) for kind in OF_DATA]), incidents.c.result_name != "")
        .where(incidents.c.first_us < end_us, incidents.c.last_us >= start_us)
        .order_by(incidents.c.first_us, incidents.c.last_us)
    )
    return [(first_us, last_us) for first_us, last_us in connection.execute(query)]
