"""An endpoint is forgotten: its samples, series, windows, verdicts and counts, its record last.

Killed anywhere, it is found by its name still, its record says so, and forgetting it again does the rest.
Events that come for it later, or were on their way, register it anew, as an endpoint that nobody has heard
of; what an app reports of it until then is set aside.
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
from modelmon.settings import Settings
from modelmon.sql.database import Database
from modelmon.sql.statements import CHUNK
from modelmon.stores.artifacts import ArtifactFiles
from modelmon.stores.base import SampleStore
from modelmon.stores.series.base import SeriesStore
from modelmon.upkeep.kept_files import forget_artifacts, has_artifacts
from modelmon.upkeep.pruning import some_rows
from modelmon.upkeep.sweep import sweep_endpoint

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
    database: Database,
    samples: SampleStore,
    series: SeriesStore,
    kept: ArtifactFiles,
    endpoint_id: str,
    now_us: int,
    settings: Settings,
) -> Forgotten:
    """Forget everything of an endpoint; whoever was told of an open incident is told that it is over.

    Raises UnavailableError; what went until then is gone.
    """
    with database.write() as connection:
        endpoints.begin_to_delete(connection, endpoint_id, now_us)
    number, rows = _delete_files(database, samples, endpoint_id)
    number += sweep_endpoint(database, samples, endpoint_id, now_us)  # what a run that was killed has left
    forget_artifacts(database, kept, endpoint_id)
    series.forget(endpoint_id)
    forgotten, more = 0, 1
    forget_some = some_rows(windows, windows.c.endpoint_id == endpoint_id)
    while more:
        with database.write() as connection:
            more = forget_some(connection)
        forgotten += more
    while not _forget_record(database, settings, endpoint_id, now_us):  # batches were applied meanwhile
        late = _delete_files(database, samples, endpoint_id)
        forget_artifacts(database, kept, endpoint_id)
        number, rows = number + late[0], rows + late[1]
    return Forgotten(number, rows, forgotten)


def _delete_files(database: Database, samples: SampleStore, endpoint_id: str) -> tuple[int, int]:
    """How many files with how many rows were listed; killed before they are deleted, the next run sweeps."""
    number = rows = 0
    while True:
        with database.write() as connection:
            found = _unlist(connection, endpoint_id)
        if not found:
            return number, rows
        samples.delete(list(found))
        number, rows = number + len(found), rows + sum(found.values())


def _forget_record(database: Database, settings: Settings, endpoint_id: str, now_us: int) -> bool:
    """All that is left in the ledger, its name included; not while a file of it is listed,
    of samples or kept by an app."""
    with database.write() as connection:
        endpoints.hold_alone(connection, endpoint_id)  # first of all, as the writer does
        if connection.execute(select(files.c.path).where(files.c.endpoint_id == endpoint_id)).first():
            return False
        if has_artifacts(connection, endpoint_id):
            return False
        facts = [incident_fact(settings, each) for each in resolve_endpoint(connection, endpoint_id, now_us)]
        if (known := endpoints.get(connection, endpoint_id)) is not None:
            facts.append(endpoint_fact(outbox.ENDPOINT_REMOVED, known))
        mine = select(incidents.c.incident_id).where(incidents.c.endpoint_id == endpoint_id)
        connection.execute(delete(incident_events).where(incident_events.c.incident_id.in_(mine)))
        for table in _OF_ENDPOINTS:
            connection.execute(delete(table).where(table.c.endpoint_id == endpoint_id))
        endpoints.delete(connection, endpoint_id)
        outbox.write(connection, facts, now_us)
    return True


def _unlist(connection: Connection, endpoint_id: str) -> dict[str, int]:
    """Path to rows of some files, which no reader opens any more."""
    query = select(files.c.path, files.c.rows).where(files.c.endpoint_id == endpoint_id).limit(CHUNK)
    found = {row.path: row.rows for row in connection.execute(query)}
    connection.execute(delete(files).where(files.c.path.in_(list(found))))
    return found
