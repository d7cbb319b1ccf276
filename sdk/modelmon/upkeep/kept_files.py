"""Files that apps kept of windows go with the windows' retention, and with the endpoint."""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, false, select

from modelmon.ledger.schema import artifacts
from modelmon.sql.database import Database
from modelmon.sql.statements import CHUNK
from modelmon.stores.artifacts import ArtifactFiles, is_below

_KEY = list(artifacts.primary_key)
_ONE = delete(artifacts).where(and_(*(column == bindparam(f"of_{column.name}") for column in _KEY)))

_other = artifacts.alias("other_artifacts")
_SAME = ("application_name", "start_us", "name", "path")
_IS_SHARED = exists().where(
    *(_other.c[name] == artifacts.c[name] for name in _SAME), _other.c.endpoint_id != artifacts.c.endpoint_id
)
"""Whether a file is that of another endpoint in the same window, too."""


def prune_artifacts(database: Database, files: ArtifactFiles, before_us: int, deadline: float) -> int:
    """Delete the files of windows that ended before this, until `deadline` (of `time.monotonic`); returns how
    many. Those that an app kept elsewhere stay, and are listed no more."""
    return _delete(database, files, artifacts.c.end_us <= before_us, false(), deadline)


def forget_artifacts(database: Database, files: ArtifactFiles, endpoint_id: str) -> int:
    """The same for all files of one endpoint, to the end. A file that several endpoints of a window share
    stays while another one has it."""
    return _delete(database, files, artifacts.c.endpoint_id == endpoint_id, _IS_SHARED, float("inf"))


def has_artifacts(connection: Connection, endpoint_id: str) -> bool:
    """Whether a file of this endpoint is listed."""
    return connection.execute(select(*_KEY).where(artifacts.c.endpoint_id == endpoint_id)).first() is not None


def _delete(
    database: Database,
    files: ArtifactFiles,
    condition: ColumnElement[bool],
    stays: ColumnElement[bool],
    deadline: float,
) -> int:
    """Delete rows, and their files but those that stay. A file goes before its row: killed in between, the
    next call finds the row again."""
    deleted = 0
    query = select(artifacts, stays.label("stays")).where(condition).limit(CHUNK)
    while time.monotonic() < deadline:
        with database.read() as connection:
            rows = connection.execute(query).all()
        if not rows:
            break
        paths = [row.path for row in rows if is_below(row.path) and not row.stays]
        files.delete(paths)
        with database.write() as connection:
            connection.execute(
                _ONE, [{f"of_{column.name}": getattr(row, column.name) for column in _KEY} for row in rows]
            )
        deleted += len(paths)
    return deleted
