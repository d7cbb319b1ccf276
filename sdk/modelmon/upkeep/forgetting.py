"""An endpoint is forgotten: its samples, series, windows, verdicts and counts, its record last.

Killed anywhere, it is found by its name still, and forgetting it again does the rest. Events that come for
it later, or were on their way, register it anew, as an endpoint that nobody has heard of; what an app
reports of it until then is set aside.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from modelmon.ledger import endpoints, outbox, schema
from modelmon.ledger.facts import endpoint_fact, incident_fact
from modelmon.ledger.incident_schema import incident_events, incidents
from modelmon.ledger.incidents import resolve_endpoint
from modelmon.ledger.metadata import metadata
from modelmon.ledger.schema import files, windows
from modelmon.sql.database import Database
from modelmon.sql.statements import CHUNK
from modelmon.stores.base import SampleStore
from modelmon.stores.series.base import SeriesStore
from modelmon.upkeep.pruning import some_rows

_OTHERS = (schema.erasures, schema.endpoints)
"""Who was asked to erase what stays known; the record goes last."""
_OF_ENDPOINTS = [
    table for table in metadata.sorted_tables if "endpoint_id" in table.c and table not in _OTHERS
]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many files with how many rows went, and how many windows."""

    files: int
    rows: int
    windows: int


def forget(
    database: Database, samples: SampleStore, series: SeriesStore, endpoint_id: str, now_us: int
) -> Forgotten:
    """Forget everything of an endpoint; whoever was told of an open incident is told that it is over.

    Raises UnavailableError; what went until then is gone.
    """
    number = rows = 0
    while True:
        with database.write() as connection:
            found = _unlist(connection, endpoint_id)
        if not found:
            break
        samples.delete(list(found))  # killed before this, the sweep finds them
        number, rows = number + len(found), rows + sum(found.values())
    series.forget(endpoint_id)
    forgotten, more = 0, 1
    forget_some = some_rows(windows, windows.c.endpoint_id == endpoint_id)
    while more:
        with database.write() as connection:
            more = forget_some(connection)
        forgotten += more
    with database.write() as connection:
        endpoints.hold_alone(connection, endpoint_id)  # first of all, as the writer does
        late: dict[str, int] = {}  # of batches that were applied meanwhile
        while found := _unlist(connection, endpoint_id):
            late |= found
        facts = [incident_fact(each) for each in resolve_endpoint(connection, endpoint_id, now_us)]
        if (known := endpoints.get(connection, endpoint_id)) is not None:
            facts.append(endpoint_fact(outbox.ENDPOINT_REMOVED, known))
        mine = select(incidents.c.incident_id).where(incidents.c.endpoint_id == endpoint_id)
        connection.execute(delete(incident_events).where(incident_events.c.incident_id.in_(mine)))
        for table in _OF_ENDPOINTS:
            connection.execute(delete(table).where(table.c.endpoint_id == endpoint_id))
        endpoints.delete(connection, endpoint_id)
        outbox.write(connection, facts, now_us)
    samples.delete(list(late))
    return Forgotten(number + len(late), rows + sum(late.values()), forgotten)


def _unlist(connection: Connection, endpoint_id: str) -> dict[str, int]:
    """Path to rows of some files, which no reader opens any more."""
    query = select(files.c.path, files.c.rows).where(files.c.endpoint_id == endpoint_id).limit(CHUNK)
    found = {row.path: row.rows for row in connection.execute(query)}
    connection.execute(delete(files).where(files.c.path.in_(list(found))))
    return found
