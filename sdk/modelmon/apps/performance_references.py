"""How right a model was in its training set, as its endpoint's records have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelmon.ledger import profiles
from modelmon.ledger.held import Held
from modelmon.model import Endpoint
from modelmon.sql.database import Database

if TYPE_CHECKING:
    from modelmon.stats.performance.reference import PerformanceReference

MOST = 200


class PerformanceReferences:
    """The references of endpoints, each read once however many windows need it."""

    def __init__(self) -> None:
        self._held: Held[PerformanceReference] = Held(MOST)

    def of(self, database: Database, endpoint: Endpoint) -> PerformanceReference | None:
        """The endpoint's performance reference; None without one. Raises UnavailableError, and ConfigError
        for one that is damaged."""
        known = endpoint.performance_hash
        return self._held.get(known, lambda: _read(database, known)) if known else None


def _read(database: Database, performance_hash: str) -> PerformanceReference | None:
    from modelmon.stats.performance.reference import reference_from_json

    with database.read() as connection:
        written = profiles.read(connection, performance_hash)
    return reference_from_json(written) if written else None
