"""Profiles that were read from the records, so that each is read once however many windows need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

from modelmon.ledger import profiles
from modelmon.ledger.held import Held
from modelmon.model import Endpoint
from modelmon.sql.database import Database

if TYPE_CHECKING:
    from modelmon.stats import Profile

MOST = 200
"""So many are held at once, about 1 MB each for a hundred features; of more the ones asked for last."""


class HeldProfiles:
    """Profiles by what they were made of, so that a new reference is a new one."""

    def __init__(self) -> None:
        self._held: Held[Profile] = Held(MOST)

    def of(self, database: Database, endpoint: Endpoint) -> Profile | None:
        """The endpoint's profile; None without a reference. Raises UnavailableError, and ConfigError for one
        that is damaged."""
        if endpoint.profile_hash:

            def read() -> Profile | None:
                with database.read() as connection:
                    return _read(connection, endpoint.profile_hash)

            found = self._held.get(endpoint.profile_hash, read)
            if found is not None:
                return found
        key = endpoint.endpoint_id, endpoint.updated
        return self._held.get(key, lambda: _of_stats(endpoint))

    def named(self, connection: Connection, profile_hash: str) -> Profile | None:
        """The profile of this hash; None for one that is not kept any more."""
        return self._held.get(profile_hash, lambda: _read(connection, profile_hash))


def _read(connection: Connection, profile_hash: str) -> Profile | None:
    from modelmon.stats import profile_from_json

    written = profiles.read(connection, profile_hash)
    return profile_from_json(written) if written else None


def _of_stats(endpoint: Endpoint) -> Profile | None:
    from modelmon.stats import profile_of_stats

    return profile_of_stats(endpoint.feature_stats) if endpoint.feature_stats else None
