"""What was chosen for each endpoint's drift, each version of the file read once."""

from __future__ import annotations

from modelmon.drift_choices.choices import DriftChoices, DriftFile
from modelmon.errors import ConfigError
from modelmon.ledger import drift_files
from modelmon.ledger.held import Held
from modelmon.model import Endpoint
from modelmon.sql.database import Database

MOST = 4
"""Versions that are held: two at once where a new one comes."""


class HeldChoices:
    """The newest version counts from the next window on."""

    def __init__(self) -> None:
        self._held: Held[DriftFile] = Held(MOST)

    def of(self, database: Database, endpoint: Endpoint) -> DriftChoices:
        """What counts for an endpoint now. Raises UnavailableError, and ConfigError for a file that this
        version of ModelMon can't read."""
        with database.read() as connection:
            version = drift_files.newest_version(connection)
        file = self._held.get(version, lambda: _read(database, version)) if version else None
        return DriftChoices() if file is None else file.choices(endpoint.name, version)


def _read(database: Database, version: int) -> DriftFile:
    from modelmon.drift_choices.reading import read_drift_file

    with database.read() as connection:
        kept = drift_files.version(connection, version)
    if kept is None or not kept.text:
        return DriftFile()
    try:
        return read_drift_file(kept.text)
    except ConfigError as error:
        raise ConfigError(f"version {version} of the drift file:\n{error}") from error
