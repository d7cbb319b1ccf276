"""An endpoint is forgotten: its samples, series, windows, verdicts and counts, its record last.

Killed anywhere, it is found by its name still, its record says so, and forgetting it again does the rest.
Events that come for it later, or were on their way, register it anew, as an endpoint that nobody has heard
of; what an app reports of it until then is set aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, select

from modelmon.ledger import endpoints, outbox, schema
from modelmon.ledger.facts import endpoint_fact, incident_fact
from modelmon.ledger.incident_schema import incident_events, incidents
from modelmon.ledger.incidents import resolve_endpoint
from modelmon.ledger.metadata import metadata
from modelmon.ledger.schema import windows
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
    """How many files with how many rows went, how many windows, and how many rows of actuals."""

    files: int
    rows: int
    windows: int
    actuals: int = 0


def forget(
    database: Database,
    samples: SampleStore,
    series: SeriesStore,
    kept: ArtifactFiles,
    endpoint_id: str,
    now_us: int,
    settings: Settings,
    *,
    actuals: SampleStore,
) -> Forgotten:
    """Forget everything of an endpoint; whoever was told of an open incident is told that it is over.

    Raises UnavailableError; what went until then is gone.
    """
    with database.write() as connection:
        endpoints.begin_to_delete(connection, endpoint_id, now_us)
    stores = (samples, actuals)
    number, rows = _delete_files(database, stores, endpoint_id)
    for store in stores:  # what a run that was killed has left
        number += sweep_endpoint(database, store, endpoint_id, now_us)
    forget_artifacts(database, kept, endpoint_id)
    series.forget(endpoint_id)
    forgotten, more = 0, 1
    forget_some = some_rows(windows, windows.c.endpoint_id == endpoint_id)
    while more:
        with database.write() as connection:
            more = forget_some(connection)
        forgotten += more
    tables = [store.listed for store in stores]
    while not _forget_record(database, tables, settings, endpoint_id, now_us):  # batches came meanwhile
        late = _delete_files(database, stores, endpoint_id)
        forget_artifacts(database, kept, endpoint_id)
        number, rows = number + late[0], [sum(each) for each in zip(rows, late[1], strict=True)]
    return Forgotten(number, rows[0], forgotten, rows[1])


def _delete_files(
    database: Database, stores: Sequence[SampleStore], endpoint_id: str
) -> tuple[int, list[int]]:
    """How many files were listed, and how many rows in those of each store; killed before they are deleted,
    the next run sweeps."""
    number, rows = 0, [0 for _ in stores]
    for place, store in enumerate(stores):
        while found := _unlisted(database, store, endpoint_id):
            store.delete(list(found))
            number, rows[place] = number + len(found), rows[place] + sum(found.values())
    return number, rows


def _unlisted(database: Database, store: SampleStore, endpoint_id: str) -> dict[str, int]:
    with database.write() as connection:
        return _unlist(connection, store.listed, endpoint_id)


def _forget_record(
    database: Database, tables: Sequence[Table], settings: Settings, endpoint_id: str, now_us: int
) -> bool:
    """All that is left in the ledger, its name included; not while a file of it is listed,
    of samples or kept by an app."""
    with database.write() as connection:
        endpoints.hold_alone(connection, endpoint_id)  # first of all, as the writer does
        if any(_has_files(connection, files, endpoint_id) for files in tables):
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


def _has_files(connection: Connection, files: Table, endpoint_id: str) -> bool:
    query = select(files.c.path).where(files.c.endpoint_id == endpoint_id)
    return connection.execute(query).first() is not None


def _unlist(connection: Connection, files: Table, endpoint_id: str) -> dict[str, int]:
    """Path to rows of some files, which no reader opens any more."""
    query = select(files.c.path, files.c.rows).where(files.c.endpoint_id == endpoint_id).limit(CHUNK)
    found = {row.path: row.rows for row in connection.execute(query)}
    connection.execute(delete(files).where(files.c.path.in_(list(found))))
    return found
